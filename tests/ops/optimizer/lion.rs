//! Lion, by the formula of its paper.

use super::{Scaled, bound, clipped_or_not, compare, halves, inputs, lengths, times};
use crate::harness::{Draw, Op, input, sample};
use allometry::optim::rules::With;
use allometry::optim::rules::lion::{LionStep, lion};
use allometry::{Result, Tensor};

/// By what the gradient is multiplied in each step of Lion. In the third step its sign is not that of the mean, in the
/// fourth it is, and no mean is next to zero. The third is a power of two, so that f16 has it.
const LION_FACTORS: [f64; 4] = [1.0, 2.0, -0.0625, -2.0];

/// The weight after steps of Lion with these gradients.
fn lion_by_formula(mut w: f64, gradients: impl IntoIterator<Item = f64>, how: LionStep) -> f64 {
    let mut m = 0.0;
    for g in gradients {
        let mixture = how.beta1 * m + (1.0 - how.beta1) * g;
        let sign = if mixture == 0.0 { 0.0 } else { mixture.signum() };
        w -= how.rate * (sign + how.weight_decay * w);
        m = how.beta2 * m + (1.0 - how.beta2) * g;
    }
    w
}

/// Parameters after some steps of Lion, and what they should be.
fn after_lion(t: &[Tensor], how: LionStep, clipped: bool) -> Result<Tensor> {
    let (w, g) = (t[0].linear()?, &t[1]);
    let m = Tensor::zeros(w.device(), w.dtype(), w.shape())?;
    for factor in LION_FACTORS {
        clipped_or_not(times(g, factor)?, clipped, |g, with| lion(&w, g, &m, &how, with))?;
    }
    compare(&w, t, |w, g| lion_by_formula(w, LION_FACTORS.map(|factor| factor * g), how))?;
    Ok(w)
}

fn after_lion_mixed(t: &[Tensor], how: LionStep) -> Result<Tensor> {
    let w = t[0].linear()?;
    let m = Tensor::zeros(w.device(), w.dtype(), w.shape())?;
    let scaled = Scaled::new(&w)?;
    for (step, factor) in (1..).zip(LION_FACTORS) {
        let g = scaled.begin(&times(&t[1], factor)?, step, [0.0; 2])?;
        lion(&w, &g, &m, &how, scaled.mixed())?;
    }
    // The second step is skipped.
    let made = [LION_FACTORS[0], LION_FACTORS[2], LION_FACTORS[3]];
    compare(&w, t, |w, g| lion_by_formula(w, made.map(|factor| factor * g), how))?;
    scaled.end(w)
}

/// Adds the samples of the rule.
pub fn add(op: &mut Op, draw: &mut Draw) {
    for length in lengths(draw) {
        let inputs = inputs(length);
        let plain =
            LionStep { rate: 0.01, beta1: f64::from(0.9f32), beta2: f64::from(0.99f32), weight_decay: 0.0 };
        for (name, how) in [
            ("Lion", plain),
            ("Lion with decay", LionStep { weight_decay: 0.05, ..plain }),
            ("Lion, other betas", LionStep { beta1: 0.5, beta2: 0.75, weight_decay: 0.05, ..plain }),
        ] {
            let name = format!("{name}, {length}");
            let mixed = sample(format!("{name}, mixed"), halves(length), move |t| after_lion_mixed(t, how));
            op.add(mixed.forward(bound()));
            let clipped =
                sample(format!("{name}, clipped"), inputs.clone(), move |t| after_lion(t, how, true));
            op.add(clipped.forward(bound()));
            op.add(sample(name, inputs.clone(), move |t| after_lion(t, how, false)).forward(bound()));
        }
    }
    // A gradient of 0 moves nothing, and one that is NaN is seen in the weights.
    op.add(sample(
        "Lion, zero and NaN",
        [input([3]).fixed(), input([3]).values([0.0, f32::NAN, 1.0]).fixed()],
        |t| {
            let w = t[0].linear()?;
            let m = Tensor::zeros(w.device(), w.dtype(), w.shape())?;
            let step = LionStep { rate: 0.5, beta1: 0.9, beta2: 0.99, weight_decay: 0.0 };
            lion(&w, &t[1], &m, &step, With::Nothing)?;
            let (before, after) = (t[0].to_f64()?, w.to_f64()?);
            assert!(after[0] == before[0] && after[1].is_nan() && (after[2] - before[2] + 0.5).abs() < 1e-6);
            Ok(w)
        },
    ));
}
