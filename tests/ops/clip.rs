//! Clipping by global norm: the factor, against the plain formula, and steps that are made with it.

use crate::harness::{Bound, Draw, Op, input, ones, refuse, sample};
use allometry::optim::clip::lower_to_norm;
use allometry::optim::rules::With;
use allometry::optim::rules::adam::{AdamStep, adam};
use allometry::optim::rules::sgd::{SgdStep, sgd};
use allometry::{DType, Error, Result, Tensor};

/// Factors of which the second is lowered.
fn factors(gradients: &[Tensor], limit: f64, before: f32, like: &Tensor) -> Result<Tensor> {
    let factors = Tensor::full(like.device(), like.dtype(), [3], before)?;
    lower_to_norm(gradients, limit, &factors, 1)?;
    let mut squares = 0.0;
    for gradient in gradients {
        squares += gradient.to_f64()?.iter().map(|g| g * g).sum::<f64>();
    }
    let (found, before) = (factors.to_f64()?, f64::from(before));
    let want = if squares > 0.0 { before.min(limit / squares.sqrt()) } else { before };
    assert!((found[1] - want).abs() <= 1e-5 * want, "{}, {want} expected", found[1]);
    assert_eq!([found[0], found[2]], [before; 2], "its neighbours stay");
    Ok(factors)
}

/// A step with clipped gradients, and one without of gradients multiplied by hand.
fn steps(t: &[Tensor], step: impl Fn(&Tensor, &Tensor, With) -> Result<()>) -> Result<Tensor> {
    let factor = Tensor::ones(t[0].device(), t[0].dtype(), [1])?;
    lower_to_norm(&t[1..], 0.25, &factor, 0)?;
    assert!(factor.item()? < 0.5, "they are clipped");
    let (clipped, by_hand) = (t[0].linear()?, t[0].linear()?);
    step(&clipped, &t[1], With::Factor(&factor))?;
    step(&by_hand, &t[1].mul(&factor)?, With::Nothing)?;
    for (clipped, by_hand) in clipped.to_f64()?.into_iter().zip(by_hand.to_f64()?) {
        assert!((clipped - by_hand).abs() <= 1e-6, "{clipped}, {by_hand} by hand");
    }
    Ok(clipped)
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    for length in [1, 63, 64, 4095, 4096, 4097, 300_001, draw.extent(20_000)] {
        for (what, limit, before) in
            [("clipped", 0.01, 1.0), ("within the limit", 1e4, 1.0), ("scaled already", 0.3, 0.0625)]
        {
            let inputs = [input([length]).fixed()];
            let factor = move |t: &[Tensor]| factors(t, limit, before, &t[0]);
            op.add(sample(format!("{length}, {what}"), inputs, factor));
        }
    }
    let inputs = [input([5000]).fixed(), input([7]).fixed(), input([9000]).fixed()];
    op.add(sample("several buffers", inputs, |t| factors(t, 1.0, 1.0, &t[0])));
    op.add(sample("no gradient at all", [input([70]).values(vec![0.0; 70]).fixed()], |t| {
        factors(t, 1.0, 1.0, &t[0])
    }));
    // Gradients of a scaled loss; the factor takes the scale out of them. Their squares are beyond f16.
    op.add(sample("stored in f16", [input([5000]).ties().fixed()], |t| {
        let scaled = t[0].mul(&Tensor::full(t[0].device(), t[0].dtype(), [], 1024.0)?)?.cast(DType::F16)?;
        factors(&[scaled], 1.0, 1.0 / 1024.0, &t[0])
    }));
    op.add(
        sample("a skipped step", [input([9]).values(vec![f32::INFINITY; 9]).fixed()], |t| {
            let factor = Tensor::zeros(t[0].device(), t[0].dtype(), [1])?;
            lower_to_norm(t, 1.0, &factor, 0)?;
            Ok(factor)
        })
        .forward(Bound::exact()),
    );
    for length in [5, 257, draw.extent(3000).max(8)] {
        let inputs = || [input([length]).fixed(), input([length]).magnitudes(0.5, 10.0).fixed()];
        let bound = || Bound::elementwise().floor(1e-6);
        for momentum in [0.0, 0.9] {
            let how = SgdStep { rate: 0.1, momentum, nesterov: false, weight_decay: 0.05, first: false };
            let run = move |w: &Tensor, g: &Tensor, with: With| {
                let velocity = Tensor::full(w.device(), w.dtype(), w.shape(), 0.5)?;
                sgd(w, g, (momentum != 0.0).then_some(&velocity), &how, with)
            };
            let name = format!("descent of {length} with momentum {momentum}");
            op.add(sample(name, inputs(), move |t| steps(t, run)).forward(bound()));
        }
        let run = |w: &Tensor, g: &Tensor, with: With| {
            let (beta1, beta2) = (f64::from(0.9f32), f64::from(0.999f32));
            // An epsilon that does not hide the size of the gradients.
            let (rate, epsilon, weight_decay, decoupled, step) = (0.01, 0.1, 0.05, true, 3);
            let how = AdamStep { rate, beta1, beta2, epsilon, weight_decay, decoupled, step };
            let moments = Tensor::full(w.device(), w.dtype(), w.shape(), 0.01)?;
            let others = Tensor::full(w.device(), w.dtype(), w.shape(), 0.01)?;
            adam(w, g, [&moments, &others], &how, with)
        };
        op.add(sample(format!("Adam on {length}"), inputs(), move |t| steps(t, run)).forward(bound()));
    }

    op.refuse(refuse(
        "a limit of zero",
        |device| {
            ones(device, [3]).and_then(|g| lower_to_norm(std::slice::from_ref(&g), 0.0, &g, 0).map(|()| g))
        },
        |e| matches!(e, Error::Argument { op: "clip", argument: "norm", .. }),
    ));
    op.refuse(refuse(
        "a factor that is not there",
        |device| {
            ones(device, [3]).and_then(|g| lower_to_norm(std::slice::from_ref(&g), 1.0, &g, 3).map(|()| g))
        },
        |e| matches!(e, Error::Shape { op: "clip", .. }),
    ));
    op.refuse(refuse(
        "labels as gradients",
        |device| {
            let labels = Tensor::new(device, &[1u32, 2], [2])?;
            ones(device, [1]).and_then(|f| lower_to_norm(&[labels], 1.0, &f, 0).map(|()| f))
        },
        |e| matches!(e, Error::DType { op: "clip", .. }),
    ));
    op.refuse(refuse(
        "a gradient that is a view",
        |device| {
            let gradient = ones(device, [4, 2])?.slice(1, 0..1)?;
            ones(device, [1]).and_then(|f| lower_to_norm(&[gradient], 1.0, &f, 0).map(|()| f))
        },
        |e| matches!(e, Error::Shape { op: "clip", .. }),
    ));
    op.refuse(refuse(
        "two factors for a step",
        |device| {
            let (w, g) = (ones(device, [4])?, ones(device, [4])?);
            let step = SgdStep { rate: 0.1, momentum: 0.0, nesterov: false, weight_decay: 0.0, first: true };
            sgd(&w, &g, None, &step, With::Factor(&ones(device, [2])?)).map(|()| w)
        },
        |e| matches!(e, Error::Shape { op: "optimizer", .. }),
    ));
    op
}
