//! Adam and AdamW.

use super::{
    STEPS, Scaled, bound, clipped_or_not, compare, gradient, gradient_tensor, halves, inputs, lengths,
};
use crate::harness::{Draw, Op, sample};
use allometry::optim::rules::adam::{AdamStep, adam};
use allometry::{Result, Tensor};

/// A step of one parameter w with moments m and v, by the papers' formulas.
fn written_out(how: &AdamStep, step: u64, mut g: f64, [w, m, v]: [&mut f64; 3]) {
    if how.decoupled {
        *w *= 1.0 - how.rate * how.weight_decay;
    } else {
        g += how.weight_decay * *w;
    }
    *m = how.beta1 * *m + (1.0 - how.beta1) * g;
    *v = how.beta2 * *v + (1.0 - how.beta2) * g * g;
    let correction = |beta: f64| 1.0 - beta.powi(step as i32);
    let denominator = (*v / correction(how.beta2)).sqrt() + how.epsilon;
    *w -= how.rate * (*m / correction(how.beta1)) / denominator;
}

/// Parameters after some steps of Adam, and what they should be.
fn after_adam(t: &[Tensor], how: AdamStep, clipped: bool) -> Result<Tensor> {
    let (w, g) = (t[0].linear()?, &t[1]);
    let m = Tensor::zeros(w.device(), w.dtype(), w.shape())?;
    let v = Tensor::zeros(w.device(), w.dtype(), w.shape())?;
    for step in 1..=STEPS {
        let how = AdamStep { step, ..how };
        clipped_or_not(gradient_tensor(g, step)?, clipped, |g, with| adam(&w, g, [&m, &v], &how, with))?;
    }
    compare(&w, t, |mut w, g| {
        let (mut m, mut v) = (0.0, 0.0);
        for step in 1..=STEPS {
            written_out(&how, step, gradient(g, step), [&mut w, &mut m, &mut v]);
        }
        w
    })?;
    Ok(w)
}

fn after_adam_mixed(t: &[Tensor], how: AdamStep) -> Result<Tensor> {
    let w = t[0].linear()?;
    let m = Tensor::zeros(w.device(), w.dtype(), w.shape())?;
    let v = Tensor::zeros(w.device(), w.dtype(), w.shape())?;
    let scaled = Scaled::new(&w)?;
    for step in 1..=STEPS {
        let g = scaled.begin(&t[1], step, [how.beta1, how.beta2])?;
        adam(&w, &g, [&m, &v], &how, scaled.mixed())?;
    }
    compare(&w, t, |mut w, g| {
        let (mut m, mut v) = (0.0, 0.0);
        for step in 1..STEPS {
            written_out(&how, step, g, [&mut w, &mut m, &mut v]);
        }
        w
    })?;
    scaled.end(w)
}

/// Adds the samples of both rules.
pub fn add(op: &mut Op, draw: &mut Draw) {
    for length in lengths(draw) {
        let inputs = inputs(length);
        let plain = AdamStep {
            rate: 0.01,
            // As the kernels have them: 1 - 0.999 in f32 is 1e-5 away from a thousandth.
            beta1: f64::from(0.9f32),
            beta2: f64::from(0.999f32),
            epsilon: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
            step: 0,
        };
        for (name, how) in [
            ("Adam", plain),
            ("Adam with decay", AdamStep { weight_decay: 0.05, ..plain }),
            ("AdamW", AdamStep { weight_decay: 0.05, decoupled: true, ..plain }),
            ("Adam, a large epsilon", AdamStep { epsilon: 0.1, ..plain }),
        ] {
            let name = format!("{name}, {length}");
            let mixed = sample(format!("{name}, mixed"), halves(length), move |t| after_adam_mixed(t, how));
            op.add(mixed.forward(bound()));
            let clipped =
                sample(format!("{name}, clipped"), inputs.clone(), move |t| after_adam(t, how, true));
            op.add(clipped.forward(bound()));
            op.add(sample(name, inputs.clone(), move |t| after_adam(t, how, false)).forward(bound()));
        }
    }
}
