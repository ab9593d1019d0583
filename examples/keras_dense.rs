//! The model that everybody knows from Keras' guide, trained on a function of 20 numbers.
//!
//! cargo run --release --example keras_dense

use allometry::data::{Batch, BatchTargets};
use allometry::nn::{Activation, Dense, Sequential};
use allometry::optim::Algorithm;
use allometry::train::{Loss, Trainer};
use allometry::{Choice, Device, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() -> Result<()> {
    let layers = Sequential::new()
        .add(Dense::new(64).activation(Activation::Relu))
        .add(Dense::new(128).activation(Activation::Relu))
        .add(Dense::new(64).activation(Activation::Relu))
        .add(Dense::new(1));
    print!("{}", layers.summary(&[20])?);

    let device = Device::open(Choice::Auto)?;
    let model = layers.build(&device, &[20], 0)?;
    let mut trainer = Trainer::new(&model, Loss::MeanSquaredError, Algorithm::adam())?;
    let mut random = ChaCha8Rng::seed_from_u64(0);
    println!("training on {}", device.name());
    for step in 1..=1000 {
        trainer.step(&waves(256, &mut random), 1e-3)?;
        if step % 200 == 0 {
            println!("step {step:4}: mean squared error {:.4}", trainer.take_metrics()?.loss);
        }
    }
    let unseen = trainer.evaluate(std::iter::once(Ok(waves(2048, &mut random))))?;
    println!("on unseen samples: {:.4} (always guessing the mean: 0.55)", unseen.loss);
    Ok(())
}

/// Samples of y = sin(x₀ + x₁) + x₂·x₃ / 2 with 20 inputs in ±1, of which sixteen mean nothing.
fn waves(size: usize, random: &mut ChaCha8Rng) -> Batch {
    let inputs: Vec<f32> = (0..size * 20).map(|_| 2.0 * random.random::<f32>() - 1.0).collect();
    let target = |x: &[f32]| (x[0] + x[1]).sin() + 0.5 * x[2] * x[3];
    let targets = inputs.chunks_exact(20).map(target).collect();
    Batch { size, inputs, targets: BatchTargets::Values(targets) }
}
