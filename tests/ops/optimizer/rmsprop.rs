//! RMSprop, by the formula of TensorFlow's `RMSPropOptimizer`.

use super::{
    STEPS, Scaled, bound, clipped_or_not, compare, gradient, gradient_tensor, halves, inputs, lengths,
};
use crate::harness::{Draw, Op, sample};
use allometry::optim::rules::rmsprop::{RmsPropStep, rmsprop};
use allometry::{Result, Tensor};

/// The weight after steps of RMSprop with these gradients: the mean of squares begins as 1, epsilon lies inside the root,
/// and the velocity has the learning rate.
fn by_formula(mut w: f64, gradients: impl IntoIterator<Item = f64>, how: &RmsPropStep) -> f64 {
    let (mut mean_square, mut velocity) = (1.0f64, 0.0);
    for g in gradients {
        let g = g + how.weight_decay * w;
        mean_square += (1.0 - how.rho) * (g * g - mean_square);
        velocity = how.momentum * velocity + how.rate * g / (mean_square + how.epsilon).sqrt();
        w -= velocity;
    }
    w
}

/// Parameters after some steps, and what they should be.
fn after(t: &[Tensor], how: RmsPropStep, clipped: bool) -> Result<Tensor> {
    let (w, g) = (t[0].linear()?, &t[1]);
    let m = Tensor::zeros(w.device(), w.dtype(), w.shape())?;
    let v = Tensor::zeros(w.device(), w.dtype(), w.shape())?;
    for step in 1..=STEPS {
        let how = RmsPropStep { first: step == 1, ..how };
        clipped_or_not(gradient_tensor(g, step)?, clipped, |g, with| rmsprop(&w, g, [&m, &v], &how, with))?;
    }
    compare(&w, t, |w, g| by_formula(w, (1..=STEPS).map(|step| gradient(g, step)), &how))?;
    Ok(w)
}

fn after_mixed(t: &[Tensor], how: RmsPropStep) -> Result<Tensor> {
    let w = t[0].linear()?;
    let m = Tensor::zeros(w.device(), w.dtype(), w.shape())?;
    let v = Tensor::zeros(w.device(), w.dtype(), w.shape())?;
    let scaled = Scaled::new(&w)?;
    for step in 1..=STEPS {
        let g = scaled.begin(&t[1], step, [0.0; 2])?;
        rmsprop(&w, &g, [&m, &v], &how, scaled.mixed())?;
    }
    // One step is skipped.
    compare(&w, t, |w, g| by_formula(w, (1..STEPS).map(|_| g), &how))?;
    scaled.end(w)
}

/// Adds the samples of the rule.
pub fn add(op: &mut Op, draw: &mut Draw) {
    for length in lengths(draw) {
        let inputs = inputs(length);
        let plain = RmsPropStep {
            rate: 0.01,
            rho: f64::from(0.9f32),
            momentum: f64::from(0.9f32),
            epsilon: f64::from(1e-3f32),
            weight_decay: 0.0,
            first: false,
        };
        for (name, how) in [
            ("RMSprop", plain),
            ("RMSprop with decay", RmsPropStep { weight_decay: 0.05, ..plain }),
            ("RMSprop without momentum", RmsPropStep { momentum: 0.0, epsilon: 1e-7, ..plain }),
        ] {
            let name = format!("{name}, {length}");
            let mixed = sample(format!("{name}, mixed"), halves(length), move |t| after_mixed(t, how));
            op.add(mixed.forward(bound()));
            let clipped = sample(format!("{name}, clipped"), inputs.clone(), move |t| after(t, how, true));
            op.add(clipped.forward(bound()));
            op.add(sample(name, inputs.clone(), move |t| after(t, how, false)).forward(bound()));
        }
    }
}
