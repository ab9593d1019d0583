//! The model that everybody knows from Keras' guide, trained on a function of 20 numbers.
//!
//! cargo run --release --example keras_dense

use allometry::data::{Batch, BatchTargets};
use allometry::nn::{Activation, Dense, Module, Sequential};
use allometry::optim::Algorithm;
use allometry::train::{Loss, Trainer};
use allometry::{Device, DeviceChoice, Result, print_line};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() -> Result<()> {
    let layers = Sequential::new()
        .add(Dense::new(64).activation(Activation::Relu))
        .add(Dense::new(128).activation(Activation::Relu))
        .add(Dense::new(64).activation(Activation::Relu))
        .add(Dense::new(1));
    print_line!("{}", layers.summary(&[20])?.trim_end())?;

    let device = Device::open(DeviceChoice::Auto)?;
    let model = layers.build(&device, &[20], 0)?;
    let mut trainer = Trainer::new(&model, Loss::mse(), Algorithm::adam())?;
    let mut random = ChaCha8Rng::seed_from_u64(0);
    print_line!("training on {}", device.name())?;
    for step in 1..=1000 {
        trainer.step(&waves(256, &mut random), 1e-3)?;
        if step % 200 == 0 {
            print_line!("step {step:4}: mean squared error {:.4}", trainer.take_metrics()?.loss)?;
        }
    }
    let unseen = waves(2048, &mut random);
    let guessing = variance(&unseen.targets);
    let error = trainer.evaluate(std::iter::once(Ok(unseen)))?.loss;
    print_line!("on unseen samples: {error:.4}; always guessing the mean: {guessing:.4}")
}

/// Samples of y = sin(x₀ + x₁) + x₂·x₃ / 2 with 20 inputs in ±1, of which sixteen mean nothing.
fn waves(size: usize, random: &mut ChaCha8Rng) -> Batch {
    let inputs: Vec<f32> = (0..size * 20).map(|_| 2.0 * random.random::<f32>() - 1.0).collect();
    let target = |x: &[f32]| (x[0] + x[1]).sin() + 0.5 * x[2] * x[3];
    let targets = inputs.chunks_exact(20).map(target).collect();
    Batch { size, inputs, targets: BatchTargets::Values(targets) }
}

/// The error of a model that knows only the mean.
fn variance(targets: &BatchTargets) -> f64 {
    let BatchTargets::Values(values) = targets else { return 0.0 };
    let mean =
        |of: &dyn Fn(f64) -> f64| values.iter().map(|&v| of(v as f64)).sum::<f64>() / values.len() as f64;
    let center = mean(&|v| v);
    mean(&|v| (v - center) * (v - center))
}
