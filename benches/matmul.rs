//! Matrix products: squares, and those of the multilayer perceptron 784-512-512-10 with batch 256, forward and in
//! both directions of its gradient. Elements are FLOPs.

mod common;

use allometry::ops::Function;
use common::{devices, measure, noise};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn squares(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matmul");
    for (label, device) in devices() {
        for size in [256, 512, 1024] {
            let (a, b) = (noise(&device, [size, size]), noise(&device, [size, size]));
            group.throughput(Throughput::Elements(2 * (size as u64).pow(3)));
            measure(&mut group, format!("{size}/{label}"), &device, || a.matmul(&b).map(drop));
        }
    }
}

fn layers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dense");
    let batch = 256;
    for (label, device) in devices() {
        for (inputs, outputs) in [(784, 512), (512, 512), (512, 10)] {
            let flops = 2 * (batch * inputs * outputs) as u64;
            let (x, dy) = (noise(&device, [batch, inputs]), noise(&device, [batch, outputs]));
            let (kernel, bias) = (noise(&device, [inputs, outputs]), noise(&device, [outputs]));
            let shape = format!("{batch}x{inputs}x{outputs}");
            group.throughput(Throughput::Elements(flops));
            measure(&mut group, format!("{shape}/forward/{label}"), &device, || {
                x.dense(&kernel, Some(&bias), Function::Relu).map(drop)
            });
            measure(&mut group, format!("{shape}/kernel gradient/{label}"), &device, || {
                x.transpose()?.matmul(&dy).map(drop)
            });
            measure(&mut group, format!("{shape}/input gradient/{label}"), &device, || {
                dy.matmul(&kernel.transpose()?).map(drop)
            });
        }
    }
}

criterion_group!(name = benches; config = common::criterion(); targets = squares, layers);
criterion_main!(benches);
