//! A whole training step with cross-entropy and Adam, the batch copied to the device included. Elements are samples.

mod common;

use allometry::bench::noise_values;
use allometry::data::{Batch, BatchTargets};
use allometry::nn::{Activation, Conv2d, Dense, Flatten, MaxPool2d, Padding, Sequential};
use allometry::optim::Algorithm;
use allometry::train::{Loss, Trainer};
use common::{devices, measure_wall};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// 784-512-512-10.
fn mlp() -> Sequential {
    let hidden = || Dense::new(512).activation(Activation::Relu);
    Sequential::new().add(Flatten::new()).add(hidden()).add(hidden()).add(Dense::new(10))
}

/// Two convolutions with pooling, then two dense layers.
fn cnn() -> Sequential {
    let conv = |filters| Conv2d::new(filters, [3, 3]).padding(Padding::Same).activation(Activation::Relu);
    Sequential::new()
        .add(conv(32))
        .add(MaxPool2d::new([2, 2]))
        .add(conv(64))
        .add(MaxPool2d::new([2, 2]))
        .add(Flatten::new())
        .add(Dense::new(128).activation(Activation::Relu))
        .add(Dense::new(10))
}

fn training_step(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("training step");
    for (label, device) in devices() {
        for (name, layers, size) in [("mlp", mlp(), 256), ("cnn", cnn(), 64)] {
            let model = layers.build(&device, &[28, 28, 1], 0).expect("the model fits the device");
            let labels = (0..size as u32).map(|i| i % 10).collect();
            let batch =
                Batch { size, inputs: noise_values(size * 784), targets: BatchTargets::Classes(labels) };
            let loss = Loss::CrossEntropy { smoothing: 0.0 };
            let mut trainer = Trainer::new(&model, loss, Algorithm::adam()).expect("there is memory for it");
            group.throughput(Throughput::Elements(size as u64));
            measure_wall(&mut group, format!("{name}, batch {size}/{label}"), &device, || {
                trainer.step(&batch, 1e-3)
            });
        }
    }
}

criterion_group!(name = benches; config = common::criterion(); targets = training_step);
criterion_main!(benches);
