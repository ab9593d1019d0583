//! Means over so many samples that a sum in f32 drifts, and a count in f32 stops.

use crate::adapter::adapter;
use crate::varied::CROSS_ENTROPY;
use allometry::Device;
use allometry::data::{Batch, BatchTargets};
use allometry::nn::{Dense, Model, Module, Sequential};
use allometry::optim::Algorithm;
use allometry::train::{Loss, Trainer, trainer::evaluate};

/// One input, so many outputs.
fn model(device: &Device, outputs: usize) -> Model {
    Sequential::new().add(Dense::new(outputs)).build(device, &[1], 3).unwrap()
}

/// A batch of one sample, a number.
fn single(target: f32) -> Batch {
    Batch { size: 1, inputs: vec![0.0], targets: BatchTargets::Values(vec![target]) }
}

/// The biases begin at zero, so that the loss of an input 0 is the square of its target.
fn a_long_mean_is_right(device: &Device) {
    let targets = || (0..20_000).map(|i| if i % 5 == 0 { 0.7f32 } else { 0.3 });
    let losses = || targets().map(|target| target * target);
    let mean = losses().map(f64::from).sum::<f64>() / 20_000.0;
    let drifted = f64::from(losses().sum::<f32>()) / 20_000.0;
    assert!((drifted / mean - 1.0).abs() > 2e-5, "a sum in f32 does as well: {drifted} for {mean}");
    let batches = targets().map(|target| Ok(single(target)));
    let found = evaluate(&model(device, 1), Loss::mse(), batches).unwrap();
    assert_eq!(found.samples, 20_000);
    assert!((found.loss / mean - 1.0).abs() < 2e-6, "{} for {mean}", found.loss);
}

#[test]
fn a_long_mean_is_right_on_the_cpu() {
    a_long_mean_is_right(&Device::cpu());
}

#[test]
fn a_long_mean_is_right_on_the_adapter() {
    a_long_mean_is_right(&adapter());
}

#[test]
fn right_answers_are_counted_beyond_what_f32_can_count() {
    // Equal logits: the first counts as the largest. All answers but the first of each batch are right.
    let size = 4099;
    let labels = (0..size).map(|i| u32::from(i == 0)).collect();
    let batch = Batch { size, inputs: vec![0.0; size], targets: BatchTargets::Classes(labels) };
    let batches = (1u64 << 24) / size as u64 + 100;
    let model = model(&Device::cpu(), 2);
    let found = evaluate(&model, CROSS_ENTROPY, (0..batches).map(|_| Ok(batch.clone()))).unwrap();
    let samples = batches * size as u64;
    assert_eq!(found.samples, samples);
    assert_eq!(found.accuracy, Some((samples - batches) as f64 / samples as f64));
    assert!((found.loss / std::f64::consts::LN_2 - 1.0).abs() < 1e-6, "{}", found.loss);
}

#[test]
fn looking_at_a_long_mean_does_not_change_it() {
    let train = |look_every: usize| {
        let model = model(&Device::cpu(), 1);
        let mut trainer = Trainer::new(&model, Loss::mse(), Algorithm::sgd(0.0)).unwrap();
        for step in 0..9000 {
            trainer.step(&single(0.1 + (step % 7) as f32), 1e-4).unwrap();
            if step % look_every == 0 {
                trainer.metrics().unwrap();
            }
        }
        let mean = trainer.take_metrics().unwrap();
        // From zero again: as if nothing had been before.
        trainer.step(&single(5.0), 0.0).unwrap();
        assert_eq!(trainer.metrics().unwrap().samples, 1);
        mean
    };
    assert_eq!(train(usize::MAX), train(3));
}
