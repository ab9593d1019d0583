//! Convolutions of 3×3 with padding `same`: forward, and forward with the gradients of image and kernel. Elements
//! are FLOPs; each gradient costs as many as the forward pass.

mod common;

use allometry::Result;
use allometry::nn::Padding;
use allometry::ops::Function;
use common::{devices, measure, noise};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn conv2d(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conv2d");
    for (label, device) in devices() {
        for (batch, side, inputs, outputs) in [(16, 32, 32, 64), (16, 16, 64, 128)] {
            let flops = 2 * (batch * side * side * 9 * inputs * outputs) as u64;
            let (x, dy) =
                (noise(&device, [batch, side, side, inputs]), noise(&device, [batch, side, side, outputs]));
            let kernel = noise(&device, [3, 3, inputs, outputs]);
            let shape = format!("{batch}x{side}x{side}x{inputs}-{outputs}");
            group.throughput(Throughput::Elements(flops));
            measure(&mut group, format!("{shape}/forward/{label}"), &device, || {
                x.conv2d(&kernel, None, [1, 1], Padding::Same, Function::Linear).map(drop)
            });
            group.throughput(Throughput::Elements(3 * flops));
            measure(&mut group, format!("{shape}/with gradients/{label}"), &device, || -> Result<()> {
                let (x, kernel) = (x.requires_grad(), kernel.requires_grad());
                let y = x.conv2d(&kernel, None, [1, 1], Padding::Same, Function::Linear)?;
                y.backward_from(&dy).map(drop)
            });
        }
    }
}

criterion_group!(name = benches; config = common::criterion(); targets = conv2d);
criterion_main!(benches);
