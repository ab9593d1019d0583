//! A training loop of one's own, in f32 and in mixed precision: two interleaved spirals, told apart by a small network
//! of residual blocks.
//!
//! cargo run --release --example training_loop

use allometry::nn::{Activation, Dense, Module, Precision, Residual, Sequential};
use allometry::optim::Algorithm;
use allometry::{Device, DeviceChoice, Result, Tensor, print_line};

const POINTS: usize = 200;
const STEPS: u64 = 400;

/// Points on two spirals, the odd ones on the second, and which spiral each is on.
fn spirals() -> (Vec<f32>, Vec<u32>) {
    let point = |i: usize| {
        let turn = i as f32 / POINTS as f32;
        let angle = 6.0 * turn + std::f32::consts::PI * (i % 2) as f32;
        [2.0 * turn * angle.cos(), 2.0 * turn * angle.sin()]
    };
    ((0..POINTS).flat_map(point).collect(), (0..POINTS).map(|i| (i % 2) as u32).collect())
}

/// The share of points that a fresh network tells apart after training.
fn train(precision: Precision, device: &Device) -> Result<f64> {
    let block = || {
        Residual::new(Sequential::new().add(Dense::new(32).activation(Activation::Relu)).add(Dense::new(32)))
    };
    let layers = Sequential::new().add(Dense::new(32)).add(block()).add(block()).add(Dense::new(2));
    let model = layers.build_in(precision, device, &[2], 0)?;
    let mut optimizer = Algorithm::adamw(1e-3).build(model.parameters())?.with_clip_norm(Some(1.0))?;
    let (points, labels) = spirals();
    let x = model.batch(&points)?;
    let y = Tensor::new(device, &labels, [POINTS])?;
    for step in 0..STEPS {
        let loss = model.train(&x, step)?.cross_entropy(&y, 0.0)?;
        optimizer.backward_step(&loss, 5e-3)?;
        if step % 100 == 0 {
            print_line!("{precision}, step {step}: loss {:.4}", loss.item()?)?;
        }
    }
    let scores = model.predict(&x)?.to_vec::<f32>()?;
    let right = scores.chunks(2).zip(labels).filter(|(score, label)| (score[1] > score[0]) as u32 == *label);
    Ok(right.count() as f64 / POINTS as f64)
}

fn main() -> Result<()> {
    let device = Device::open(DeviceChoice::Auto)?;
    for precision in Precision::ALL {
        let right = train(precision, &device)?;
        print_line!("{precision} on {}: {:.1} % of the points are right", device.name(), 100.0 * right)?;
    }
    Ok(())
}

#[test]
fn both_precisions_learn_the_spirals() -> Result<()> {
    for precision in Precision::ALL {
        let right = train(precision, &Device::cpu())?;
        assert!(right > 0.95, "{precision}: {right}");
    }
    Ok(())
}
