//! Stochastic gradient descent, with and without momentum.

use super::{
    STEPS, Scaled, bound, clipped_or_not, compare, gradient, gradient_tensor, halves, inputs, lengths,
};
use crate::harness::{Draw, Op, input, ones, refuse, sample};
use allometry::optim::rules::With;
use allometry::optim::rules::sgd::{SgdStep, sgd};
use allometry::{Error, Result, Tensor};

/// Parameters after some steps of SGD, and what they should be.
fn after_sgd(t: &[Tensor], how: SgdStep, clipped: bool) -> Result<Tensor> {
    let (w, g) = (t[0].linear()?, &t[1]);
    let velocity = Tensor::full(w.device(), w.dtype(), w.shape(), 0.0)?;
    for step in 1..=STEPS {
        let velocity = (how.momentum != 0.0).then_some(&velocity);
        let how = SgdStep { first: step == 1, ..how };
        clipped_or_not(gradient_tensor(g, step)?, clipped, |g, with| sgd(&w, g, velocity, &how, with))?;
    }
    compare(&w, t, |mut w, g| {
        let mut velocity = 0.0;
        for step in 1..=STEPS {
            let g = gradient(g, step) + how.weight_decay * w;
            velocity = if step == 1 { g } else { how.momentum * velocity + g };
            w -= how.rate * if how.nesterov { g + how.momentum * velocity } else { velocity };
        }
        w
    })?;
    Ok(w)
}

fn after_sgd_mixed(t: &[Tensor], how: SgdStep) -> Result<Tensor> {
    let w = t[0].linear()?;
    let velocity = Tensor::full(w.device(), w.dtype(), w.shape(), 0.0)?;
    let scaled = Scaled::new(&w)?;
    for step in 1..=STEPS {
        let g = scaled.begin(&t[1], step, [0.0; 2])?;
        let velocity = (how.momentum != 0.0).then_some(&velocity);
        sgd(&w, &g, velocity, &how, scaled.mixed())?;
    }
    compare(&w, t, |mut w, g| {
        let mut velocity = 0.0;
        for step in 1..STEPS {
            let g = g + how.weight_decay * w;
            velocity = if step == 1 { g } else { how.momentum * velocity + g };
            w -= how.rate * if how.nesterov { g + how.momentum * velocity } else { velocity };
        }
        w
    })?;
    scaled.end(w)
}

/// Adds the samples of both rules.
pub fn add(op: &mut Op, draw: &mut Draw) {
    let plain = SgdStep { rate: 0.1, momentum: 0.0, nesterov: false, weight_decay: 0.0, first: false };
    let large =
        sample("descent, large enough for every thread", inputs(33_000), move |t| after_sgd(t, plain, false));
    op.add(large.forward(bound()));
    for length in lengths(draw) {
        let inputs = inputs(length);
        for (name, how) in [
            ("descent", plain),
            ("descent with decay", SgdStep { weight_decay: 0.05, ..plain }),
            ("momentum", SgdStep { momentum: 0.9, ..plain }),
            ("momentum with decay", SgdStep { momentum: 0.9, weight_decay: 0.05, ..plain }),
            ("Nesterov", SgdStep { momentum: 0.9, nesterov: true, weight_decay: 0.05, ..plain }),
        ] {
            let name = format!("{name}, {length}");
            let mixed = sample(format!("{name}, mixed"), halves(length), move |t| after_sgd_mixed(t, how));
            op.add(mixed.forward(bound()));
            let clipped =
                sample(format!("{name}, clipped"), inputs.clone(), move |t| after_sgd(t, how, true));
            op.add(clipped.forward(bound()));
            op.add(sample(name, inputs.clone(), move |t| after_sgd(t, how, false)).forward(bound()));
        }
    }
    // What lies behind the parameters in their buffer stays as it is.
    op.add(
        sample("the start of a buffer", [input([10]).fixed(), input([5]).fixed()], |t| {
            let all = t[0].linear()?;
            let step = SgdStep { rate: 0.5, momentum: 0.0, nesterov: false, weight_decay: 0.0, first: true };
            sgd(&all.slice(0, 0..5)?, &t[1], None, &step, With::Nothing)?;
            Ok(all)
        })
        .forward(bound()),
    );
    let step = SgdStep { rate: 0.1, momentum: 0.9, nesterov: false, weight_decay: 0.0, first: true };
    op.refuse(refuse(
        "momentum without a velocity",
        move |device| {
            let w = ones(device, [4])?;
            sgd(&w, &ones(device, [4])?, None, &step, With::Nothing).map(|()| w)
        },
        |e| matches!(e, Error::Argument { op: "optimizer", argument: "velocity", .. }),
    ));
}
