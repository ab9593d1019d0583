//! Training with clipped gradients, compared with steps whose gradients are scaled on the host.

use super::adapter::adapter;
use super::precisions;
use allometry::data::{Batch, BatchTargets};
use allometry::nn::{Activation, Dense, Model, Module, Precision, Sequential};
use allometry::optim::Algorithm;
use allometry::train::{Loss, Trainer};
use allometry::{Device, Error};

const RATE: f64 = 0.1;

fn devices() -> [Device; 2] {
    [Device::cpu(), adapter()]
}

fn build(precision: Precision, device: &Device) -> Model {
    let layers = Sequential::new().add(Dense::new(70).activation(Activation::Tanh)).add(Dense::new(2));
    layers.build_in(precision, device, &[5], 3).unwrap()
}

fn batch() -> Batch {
    let value = |i: usize| (i as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32;
    // Gradients that the first loss scale keeps within f16.
    let targets = BatchTargets::Values((0..16).map(|i| value(i) - 0.5).collect());
    Batch { size: 8, inputs: (0..40).map(value).collect(), targets }
}

fn weights(model: &Model) -> Vec<f64> {
    model.parameters().master().iter().flat_map(|flat| flat.to_f64().unwrap()).collect()
}

/// How far one step of plain descent moves the weights, each.
fn moves(precision: Precision, device: &Device, clip_norm: Option<f64>) -> Vec<f64> {
    let model = build(precision, device);
    let before = weights(&model);
    let trainer = Trainer::new(&model, Loss::mse(), Algorithm::sgd(0.0)).unwrap();
    trainer.with_clip_norm(clip_norm).unwrap().step(&batch(), RATE).unwrap();
    weights(&model).iter().zip(before).map(|(after, before)| after - before).collect()
}

#[test]
fn a_step_is_as_long_as_the_norm_allows() {
    let length = |moves: &[f64]| moves.iter().map(|m| m * m).sum::<f64>().sqrt();
    for device in devices() {
        for precision in precisions::of(&device) {
            let free = moves(precision, &device, None);
            let norm = length(&free) / RATE;
            assert!(norm > 0.1, "{precision}: {norm}");
            for limit in [0.05, 0.5 * norm, 2.0 * norm] {
                let clipped = moves(precision, &device, Some(limit));
                let factor = f64::min(1.0, limit / norm);
                for (clipped, free) in clipped.iter().zip(&free) {
                    let off = (clipped - factor * free).abs();
                    assert!(off < 1e-6, "{precision}, {limit}: {clipped}, {free} free");
                }
            }
        }
    }
}

#[test]
fn a_norm_of_zero_is_refused() {
    let model = build(Precision::F32, &Device::cpu());
    for norm in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let trainer = Trainer::new(&model, Loss::mse(), Algorithm::adam()).unwrap();
        let refused = trainer.with_clip_norm(Some(norm)).map(drop);
        assert!(matches!(refused, Err(Error::Argument { argument: "norm", .. })), "{norm}: {refused:?}");
    }
}
