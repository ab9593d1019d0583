//! A whole training step with cross-entropy and Adam, the batch copied to the device included. Elements are samples.

mod common;

use allometry::bench::noise_values;
use allometry::bench::steps::NETWORKS;
use allometry::data::{Batch, BatchTargets};
use allometry::nn::Module;
use allometry::optim::Algorithm;
use allometry::train::{Loss, Trainer};
use common::{devices, measure_wall};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn training_step(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("training step");
    for (label, device) in devices() {
        for network in NETWORKS {
            let (name, size) = (network.name, network.batch);
            let model =
                (network.layers)().build(&device, &network.image, 0).expect("the model fits the device");
            let labels = (0..size as u32).map(|i| i % network.classes).collect();
            let pixels = network.image.iter().product::<usize>();
            let batch =
                Batch { size, inputs: noise_values(size * pixels), targets: BatchTargets::Classes(labels) };
            let loss = Loss::cross_entropy(0.0);
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
