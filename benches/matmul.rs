//! Matrix products: squares and oblong ones, the ladder of kernels that leads to those in use, and the layers of the
//! multilayer perceptron 784-512-512-10 with batch 256, forward and in both directions of their gradient. Elements are
//! FLOPs.

mod common;

use allometry::ops::Function;
use common::{Rate, devices, family, measure, noise};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn products(criterion: &mut Criterion) {
    family(criterion, "matmul", Rate::Flops);
    family(criterion, "ladder", Rate::Flops);
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

criterion_group!(name = benches; config = common::criterion(); targets = products, layers);
criterion_main!(benches);
