//! The optimisers' steps, one file each, against the formulas of `torch.optim`, of Lion's paper, and of TensorFlow's
//! RMSprop, written out for one parameter.

mod adam;
mod lion;
mod rmsprop;
mod sgd;

use crate::harness::{Bound, Draw, Input, Op, input, ones, refuse};
use allometry::optim::loss_scale::{state, update};
use allometry::optim::rules::sgd::{SgdStep, sgd as descend};
use allometry::optim::rules::{Mixed, With};
use allometry::{DType, Error, Result, Tensor};

const STEPS: u64 = 4;

/// The gradient of a step: another one each time.
fn gradient(g: f64, step: u64) -> f64 {
    g * (1.0 + 0.5 * step as f64)
}

fn gradient_tensor(g: &Tensor, step: u64) -> Result<Tensor> {
    g.mul(&Tensor::full(g.device(), g.dtype(), [], gradient(1.0, step) as f32)?)
}

/// Runs a step with `gradient`, or with twice that and the factor ½.
fn clipped_or_not(
    gradient: Tensor,
    clipped: bool,
    step: impl FnOnce(&Tensor, With) -> Result<()>,
) -> Result<()> {
    if !clipped {
        return step(&gradient, With::Nothing);
    }
    let factor = Tensor::full(gradient.device(), gradient.dtype(), [1], 0.5)?;
    step(&gradient.add(&gradient)?, With::Factor(&factor))
}

/// What a step in mixed precision works on: f32 weights (f64 in the oracle) and their copy, both rounded to what f16
/// can hold at first, and a loss scale.
struct Scaled {
    weights: Tensor,
    scale: Tensor,
    found: Tensor,
}

impl Scaled {
    const SCALE: f32 = 1024.0;

    fn new(w: &Tensor) -> Result<Scaled> {
        let found = Tensor::new(w.device(), &[0u32], [1])?;
        Ok(Scaled { weights: w.cast(DType::F16)?, scale: state(w, Self::SCALE)?, found })
    }

    /// Begins step number `step`; the second is skipped. The gradient is that of the scaled loss, in f16.
    fn begin(&self, g: &Tensor, step: u64, betas: [f64; 2]) -> Result<Tensor> {
        let skipped = Tensor::new(g.device(), &[(step == 2) as u32], [1])?;
        let found = if step == 2 { &skipped } else { &self.found };
        update(&self.scale, found, 1000, betas)?;
        // The scale has halved when the third step begins.
        let scale = if step > 2 { Self::SCALE / 2.0 } else { Self::SCALE };
        gradient_tensor(g, 0)?.mul(&Tensor::full(g.device(), g.dtype(), [], scale)?)?.cast(DType::F16)
    }

    fn mixed(&self) -> With<'_> {
        With::Mixed(Mixed { weights: &self.weights, scale: &self.scale })
    }

    /// The weights, if their copy is what f16 makes of them.
    fn end(self, w: Tensor) -> Result<Tensor> {
        let rounded = w.cast(DType::F16)?;
        assert_eq!(rounded.to_f64()?, self.weights.to_f64()?, "the copy is rounded from the weights");
        Ok(w)
    }
}

/// Every element must be what `expected` makes of its start and its gradient. The step's scalars travel in f32.
fn compare(got: &Tensor, t: &[Tensor], expected: impl Fn(f64, f64) -> f64) -> Result<()> {
    for ((got, w), g) in got.to_f64()?.into_iter().zip(t[0].to_f64()?).zip(t[1].to_f64()?) {
        let want = expected(w, g);
        assert!((got - want).abs() <= 1e-6 * (1.0 + want.abs()), "{got}, {want} expected (w {w}, g {g})");
    }
    Ok(())
}

fn times(g: &Tensor, factor: f64) -> Result<Tensor> {
    g.mul(&Tensor::full(g.device(), g.dtype(), [], factor as f32)?)
}

/// The lengths of the samples of a rule.
fn lengths(draw: &mut Draw) -> [usize; 4] {
    [1, 5, 257, draw.extent(3000)]
}

/// Parameters and their gradients.
fn inputs(length: usize) -> [Input; 2] {
    [input([length]).fixed(), input([length]).magnitudes(1e-4, 10.0).fixed()]
}

/// The same with gradients that f16 holds exactly, scaled as well.
fn halves(length: usize) -> [Input; 2] {
    [input([length]).fixed(), input([length]).ties().fixed()]
}

/// The parameters are sums of terms of either sign, each rounded at their size.
fn bound() -> Bound {
    Bound::elementwise().floor(1e-6)
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    sgd::add(&mut op, draw);
    adam::add(&mut op, draw);
    lion::add(&mut op, draw);
    rmsprop::add(&mut op, draw);
    op.add_timed("optimizer", |sample| sample.forward(bound()));

    let step = SgdStep { rate: 0.1, momentum: 0.9, nesterov: false, weight_decay: 0.0, first: true };
    op.refuse(refuse(
        "a gradient of another length",
        move |device| {
            let w = ones(device, [4])?;
            descend(&w, &ones(device, [5])?, Some(&ones(device, [4])?), &step, With::Nothing).map(|()| w)
        },
        |e| matches!(e, Error::Shape { op: "optimizer", .. }),
    ));
    op.refuse(refuse(
        "a gradient that is a view",
        move |device| {
            let w = ones(device, [4])?;
            let gradient = ones(device, [4, 2])?.slice(1, 0..1)?.reshape([4, 1])?;
            descend(&w.reshape([4, 1])?, &gradient, Some(&ones(device, [4, 1])?), &step, With::Nothing)
                .map(|()| w)
        },
        |e| matches!(e, Error::Shape { op: "optimizer", .. }),
    ));
    op.refuse(refuse(
        "labels as parameters",
        move |device| {
            let w = Tensor::new(device, &[1u32, 2], [2])?;
            descend(
                &w,
                &Tensor::zeros(device, DType::F32, [2])?,
                None,
                &SgdStep { momentum: 0.0, ..step },
                With::Nothing,
            )
            .map(|()| w)
        },
        |e| matches!(e, Error::DType { op: "optimizer", .. }),
    ));
    op
}
