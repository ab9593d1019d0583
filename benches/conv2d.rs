//! Convolutions with padding `same`: forward, and forward with the gradients of image and kernel. Elements are FLOPs;
//! each gradient costs as many as the forward pass.

mod common;

use allometry::nn::Padding;
use allometry::ops::Function;
use allometry::{Result, Tensor};
use common::{devices, measure, noise};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A batch of square images, `[batch, side, inputs]`, and a square kernel to so many outputs; a depthwise one has
/// none.
struct Case {
    image: [usize; 3],
    window: usize,
    outputs: Option<usize>,
}

const CASES: [Case; 4] = [
    Case { image: [16, 32, 32], window: 3, outputs: Some(64) },
    Case { image: [16, 16, 64], window: 3, outputs: Some(128) },
    Case { image: [16, 32, 64], window: 1, outputs: Some(256) },
    Case { image: [16, 16, 96], window: 3, outputs: None },
];

impl Case {
    fn apply(&self, x: &Tensor, kernel: &Tensor) -> Result<Tensor> {
        match self.outputs {
            Some(_) => x.conv2d(kernel, None, [1, 1], Padding::Same, Function::Linear),
            None => x.depthwise_conv2d(kernel, None, [1, 1], Padding::Same, Function::Linear),
        }
    }
}

fn conv2d(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conv2d");
    for (label, device) in devices() {
        for case in &CASES {
            let ([batch, side, inputs], window) = (case.image, case.window);
            // Of a depthwise kernel each output sees one input.
            let (seen, outputs) = case.outputs.map_or((1, inputs), |outputs| (inputs, outputs));
            let flops = 2 * (batch * side * side * window * window * seen * outputs) as u64;
            let (x, dy) =
                (noise(&device, [batch, side, side, inputs]), noise(&device, [batch, side, side, outputs]));
            let kernel = noise(&device, [window, window, inputs, case.outputs.unwrap_or(1)]);
            let to = case.outputs.map_or("depthwise".into(), |outputs| outputs.to_string());
            let shape = format!("{batch}x{side}x{side}x{inputs}-{to} {window}x{window}");
            group.throughput(Throughput::Elements(flops));
            measure(&mut group, format!("{shape}/forward/{label}"), &device, || {
                case.apply(&x, &kernel).map(drop)
            });
            group.throughput(Throughput::Elements(3 * flops));
            measure(&mut group, format!("{shape}/with gradients/{label}"), &device, || -> Result<()> {
                let (x, kernel) = (x.requires_grad(), kernel.requires_grad());
                case.apply(&x, &kernel)?.backward_from(&dy).map(drop)
            });
        }
    }
}

criterion_group!(name = benches; config = common::criterion(); targets = conv2d);
criterion_main!(benches);
