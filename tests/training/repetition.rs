//! The same seed gives the same bits, and both devices learn alike.

use crate::adapter::adapter;
use crate::varied::{CROSS_ENTROPY, IMAGE, images, same_bits, varied, weights};
use allometry::Device;
use allometry::nn::Module;
use allometry::optim::Algorithm;
use allometry::train::Trainer;

/// Trains for 20 steps; returns the weights and each step's loss.
fn twenty_steps(device: &Device, seed: u64) -> (Vec<f32>, Vec<f64>) {
    let model = varied().build(device, &IMAGE, seed).unwrap();
    let mut trainer = Trainer::new(&model, CROSS_ENTROPY, Algorithm::adamw(0.01)).unwrap();
    let mut losses = Vec::new();
    for number in 0..20 {
        trainer.step(&images(number, 7), 3e-3).unwrap();
        losses.push(trainer.take_metrics().unwrap().loss);
    }
    (weights(&model), losses)
}

fn repeats(device: &Device) {
    let (first, losses) = twenty_steps(device, 5);
    // Once more with memory that holds what the first run left there.
    let (second, again) = twenty_steps(device, 5);
    assert!(same_bits(&first, &second), "the same seed gave other weights");
    assert_eq!(losses, again);
    let (other, _) = twenty_steps(device, 6);
    assert!(!same_bits(&first, &other), "another seed gave the same weights");
}

#[test]
fn the_same_seed_gives_the_same_bits_on_the_cpu() {
    repeats(&Device::cpu());
}

#[test]
fn the_same_seed_gives_the_same_bits_on_the_adapter() {
    repeats(&adapter());
}

#[test]
fn both_devices_learn_alike() {
    // The same weights, batches and dropped values: only rounding differs, and twenty steps let it grow little.
    let ((_, cpu), (_, gpu)) = (twenty_steps(&Device::cpu(), 1), twenty_steps(&adapter(), 1));
    for (step, (a, b)) in cpu.iter().zip(&gpu).enumerate() {
        assert!((a - b).abs() <= 1e-4 * a.abs(), "step {step}: {a} on the CPU, {b} on the adapter");
    }
}
