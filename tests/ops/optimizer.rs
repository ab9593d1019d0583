//! The optimisers' steps, against the formulas of `torch.optim`, and of Lion's paper, written out for one parameter.

use crate::harness::{Bound, Draw, Op, input, ones, refuse, sample};
use allometry::optim::loss_scale::{state, update};
use allometry::optim::update::{AdamStep, LionStep, Mixed, SgdStep, With, adam, lion, sgd};
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
            let mut g = gradient(g, step);
            if how.decoupled {
                w *= 1.0 - how.rate * how.weight_decay;
            } else {
                g += how.weight_decay * w;
            }
            m = how.beta1 * m + (1.0 - how.beta1) * g;
            v = how.beta2 * v + (1.0 - how.beta2) * g * g;
            let correction = |beta: f64| 1.0 - beta.powi(step as i32);
            let denominator = (v / correction(how.beta2)).sqrt() + how.epsilon;
            w -= how.rate * (m / correction(how.beta1)) / denominator;
        }
        w
    })?;
    Ok(w)
}

/// By what the gradient is multiplied in each step of Lion. In the third step its sign is not that of the mean, in the
/// fourth it is, and no mean is next to zero. The third is a power of two, so that f16 has it.
const LION_FACTORS: [f64; 4] = [1.0, 2.0, -0.0625, -2.0];

fn times(g: &Tensor, factor: f64) -> Result<Tensor> {
    g.mul(&Tensor::full(g.device(), g.dtype(), [], factor as f32)?)
}

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
            let mut g = g;
            if how.decoupled {
                w *= 1.0 - how.rate * how.weight_decay;
            } else {
                g += how.weight_decay * w;
            }
            m = how.beta1 * m + (1.0 - how.beta1) * g;
            v = how.beta2 * v + (1.0 - how.beta2) * g * g;
            let correction = |beta: f64| 1.0 - beta.powi(step as i32);
            let denominator = (v / correction(how.beta2)).sqrt() + how.epsilon;
            w -= how.rate * (m / correction(how.beta1)) / denominator;
        }
        w
    })?;
    scaled.end(w)
}

/// Every element must be what `expected` makes of its start and its gradient. The step's scalars travel in f32.
fn compare(got: &Tensor, t: &[Tensor], expected: impl Fn(f64, f64) -> f64) -> Result<()> {
    for ((got, w), g) in got.to_f64()?.into_iter().zip(t[0].to_f64()?).zip(t[1].to_f64()?) {
        let want = expected(w, g);
        assert!((got - want).abs() <= 1e-6 * (1.0 + want.abs()), "{got}, {want} expected (w {w}, g {g})");
    }
    Ok(())
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    // The parameters are sums of terms of either sign, each rounded at their size.
    let bound = || Bound::elementwise().floor(1e-6);
    let drawn = draw.extent(3000);
    // Gradients that f16 holds exactly, scaled as well.
    let halves = |length: usize| [input([length]).fixed(), input([length]).ties().fixed()];
    for length in [1, 5, 257, drawn] {
        let inputs = [input([length]).fixed(), input([length]).magnitudes(1e-4, 10.0).fixed()];
        let plain = SgdStep { rate: 0.1, momentum: 0.0, nesterov: false, weight_decay: 0.0, first: false };
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
    for length in [1, 5, 257, drawn] {
        let inputs = [input([length]).fixed(), input([length]).magnitudes(1e-4, 10.0).fixed()];
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
    // What lies behind the parameters in their buffer stays as it is.
    op.add(
        sample("the start of a buffer", [input([10]).fixed(), input([5]).fixed()], |t| {
            let all = t[0].linear()?;
            let step = SgdStep { rate: 0.5, momentum: 0.0, nesterov: false, weight_decay: 0.0, first: true };
            sgd(&all.slice(0, 0..5)?, &t[1], None, &step, With::Nothing)?;
            Ok(all)
        })
        .forward(Bound::elementwise().floor(1e-6)),
    );

    op.add_timed("optimizer", |sample| sample.forward(bound()));

    let step = SgdStep { rate: 0.1, momentum: 0.9, nesterov: false, weight_decay: 0.0, first: true };
    op.refuse(refuse(
        "a gradient of another length",
        move |device| {
            let w = ones(device, [4])?;
            sgd(&w, &ones(device, [5])?, Some(&ones(device, [4])?), &step, With::Nothing).map(|()| w)
        },
        |e| matches!(e, Error::Shape { op: "optimizer", .. }),
    ));
    op.refuse(refuse(
        "momentum without a velocity",
        move |device| {
            let w = ones(device, [4])?;
            sgd(&w, &ones(device, [4])?, None, &step, With::Nothing).map(|()| w)
        },
        |e| matches!(e, Error::Argument { op: "optimizer", argument: "velocity", .. }),
    ));
    op.refuse(refuse(
        "a gradient that is a view",
        move |device| {
            let w = ones(device, [4])?;
            let gradient = ones(device, [4, 2])?.slice(1, 0..1)?.reshape([4, 1])?;
            sgd(&w.reshape([4, 1])?, &gradient, Some(&ones(device, [4, 1])?), &step, With::Nothing)
                .map(|()| w)
        },
        |e| matches!(e, Error::Shape { op: "optimizer", .. }),
    ));
    op.refuse(refuse(
        "labels as parameters",
        move |device| {
            let w = Tensor::new(device, &[1u32, 2], [2])?;
            sgd(
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
