//! Stochastic gradient descent, with or without momentum, as in `torch.optim.SGD`. `shaders/sgd.wgsl` states the
//! formulas.

use super::Algorithm;
use super::kernels::{self, Formula, OP, With};
use super::rule::{Operands, Step, UpdateRule};
use crate::device::cpu::{elementwise, parallel_rows};
use crate::device::kernel::{Kernel, KernelArgs};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::optim::Hyperparameters;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The constants of stochastic gradient descent.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Sgd {
    /// The fraction of the velocity that a step keeps; 0 for none.
    pub momentum: f64,
    /// Whether to use Nesterov momentum (Nesterov 1983).
    pub nesterov: bool,
    /// The factor of the weights that is added to their gradients.
    pub weight_decay: f64,
}

impl Algorithm {
    /// Gradient descent with this momentum; 0 for none.
    pub fn sgd(momentum: f64) -> Algorithm {
        Sgd { momentum, ..Sgd::default() }.into()
    }
}

impl UpdateRule for Sgd {
    fn hyperparameters() -> &'static [&'static str] {
        &["momentum", "nesterov", "weight_decay"]
    }

    fn configured(values: &Hyperparameters) -> Sgd {
        let default = Sgd::default();
        Sgd {
            momentum: values.number("momentum", default.momentum),
            nesterov: values.switch("nesterov"),
            weight_decay: values.number("weight_decay", default.weight_decay),
        }
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.nesterov && self.momentum == 0.0 {
            Err("nesterov needs a momentum above zero")
        } else {
            Ok(())
        }
    }

    fn variants() -> Vec<Sgd> {
        vec![Sgd::default(), Sgd { momentum: 0.9, ..Sgd::default() }]
    }

    fn moments(&self) -> usize {
        usize::from(self.momentum != 0.0)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn update(&self, step: &Step, operands: &Operands) -> Result<()> {
        let Sgd { momentum, nesterov, .. } = *self;
        let constants = SgdStep {
            rate: step.rate,
            momentum,
            nesterov,
            weight_decay: step.weight_decay,
            first: step.number == 1,
        };
        let Operands { parameters, gradient, moments, with } = *operands;
        sgd(parameters, gradient, moments.first(), &constants, with)
    }
}

/// The constants of one step of stochastic gradient descent.
#[derive(Clone, Copy, Debug)]
pub struct SgdStep {
    /// The learning rate.
    pub rate: f64,
    /// The fraction of the velocity that the step keeps.
    pub momentum: f64,
    /// Whether to use Nesterov momentum.
    pub nesterov: bool,
    /// The factor of the weights that is added to their gradients.
    pub weight_decay: f64,
    /// Whether this is the first step, which sets the velocity to the gradient.
    pub first: bool,
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rate: f32,
    decay: f32,
    momentum: f32,
    nesterov: u32,
    first: u32,
}

const SHADER: &str = include_str!("../../../shaders/sgd.wgsl");

static SGD: [Kernel<Params>; 3] =
    kernels::kernels::<Plain>(["optimizer.sgd", "optimizer.sgd_clipped", "optimizer.sgd_mixed"]);
static MOMENTUM: [Kernel<Params>; 3] = kernels::kernels::<Momentum>([
    "optimizer.momentum",
    "optimizer.momentum_clipped",
    "optimizer.momentum_mixed",
]);

/// w = w − rate·(g + decay·w).
struct Plain;

/// With g the gradient of the loss plus weight decay: m = momentum·m + g; w = w − rate·m, or Nesterov's w − rate·(g +
/// momentum·m).
struct Momentum;

impl Formula for Plain {
    type Params = Params;
    const SHADER: &'static str = SHADER;
    const ENTRY: &'static str = "sgd";
    const FLOPS: u64 = 4;

    fn count(p: &Params) -> u32 {
        p.count
    }

    fn reference<T: Real>(p: &Params, args: KernelArgs<T>) {
        let ([g], [w]) = args.reals();
        let (rate, decay) = (T::of(p.rate as f64), T::of(p.decay as f64));
        parallel_rows(w, 1, 2, |first, w| {
            elementwise::zip_in_place(w, &g[first..], |w, g| w - rate * (g + decay * w));
        });
    }
}

impl Formula for Momentum {
    type Params = Params;
    const SHADER: &'static str = SHADER;
    const ENTRY: &'static str = "momentum";
    const FLOPS: u64 = 6;

    fn count(p: &Params) -> u32 {
        p.count
    }

    fn at_step(p: &Params, step: u32) -> Params {
        Params { first: (step == 1) as u32, ..*p }
    }

    fn reference<T: Real>(p: &Params, args: KernelArgs<T>) {
        let ([g], [w, m]) = args.reals();
        let (rate, decay, momentum) = (T::of(p.rate as f64), T::of(p.decay as f64), T::of(p.momentum as f64));
        let (first, nesterov) = (p.first == 1, p.nesterov == 1);
        elementwise::update_two(w, m, g, |[w, m], g| {
            let gradient = g + decay * w;
            let m = if first { gradient } else { gradient + momentum * m };
            [w - rate * if nesterov { gradient + momentum * m } else { m }, m]
        });
    }
}

/// Makes a step of stochastic gradient descent in place. `velocity` is needed if the momentum is not zero, and is
/// updated too.
///
/// # Errors
/// [`Error::Shape`] if the tensors are not packed or differ in shape; [`Error::Argument`] for momentum without a
/// velocity; [`Error::DType`] and [`Error::Placement`] if element types or devices differ.
pub fn sgd(
    parameters: &Tensor,
    gradient: &Tensor,
    velocity: Option<&Tensor>,
    step: &SgdStep,
    with: With,
) -> Result<()> {
    let params = Params {
        count: parameters.shape().elements() as u32,
        rate: step.rate as f32,
        decay: step.weight_decay as f32,
        momentum: step.momentum as f32,
        nesterov: step.nesterov as u32,
        first: step.first as u32,
    };
    match velocity {
        None if step.momentum != 0.0 => Err(Error::argument(
            OP,
            "velocity",
            "absent",
            format!("given, because the momentum is {}", step.momentum),
        )),
        None => kernels::run(&SGD, &params, parameters, gradient, &[], with),
        Some(velocity) => kernels::run(&MOMENTUM, &params, parameters, gradient, &[velocity], with),
    }
}
