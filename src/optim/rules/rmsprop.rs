//! RMSprop in the form of TensorFlow, with which EfficientNet was trained (Tan and Le 2019,
//! [arXiv:1905.11946](https://arxiv.org/abs/1905.11946), section 5.2). `shaders/rmsprop.wgsl` states the formulas.
//!
//! It differs from `torch.optim.RMSprop`: the mean of squares begins as 1, ε lies inside the root, and the learning
//! rate is part of the velocity, so that a change of the rate reaches the weights with the velocity's delay.

use super::Algorithm;
use super::kernels::{self, Formula, With};
use super::rule::{Operands, Step, UpdateRule};
use crate::device::cpu::elementwise;
use crate::device::kernel::{Kernel, KernelArgs};
use crate::device::real::Real;
use crate::error::Result;
use crate::optim::Hyperparameters;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The constants of RMSprop.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct RmsProp {
    /// The fraction of the mean of squared gradients that a step keeps.
    pub rho: f64,
    /// The fraction of the velocity that a step keeps; 0 for none.
    pub momentum: f64,
    /// Added to the mean of squared gradients, inside the square root.
    pub epsilon: f64,
    /// The factor of the weights that is added to their gradients.
    pub weight_decay: f64,
}

impl Default for RmsProp {
    /// The constants of EfficientNet's training, without weight decay (there 1e-5).
    fn default() -> RmsProp {
        RmsProp { rho: 0.9, momentum: 0.9, epsilon: 1e-3, weight_decay: 0.0 }
    }
}

impl Algorithm {
    /// RMSprop with the constants of EfficientNet's training, without weight decay.
    pub fn rmsprop() -> Algorithm {
        RmsProp::default().into()
    }
}

impl UpdateRule for RmsProp {
    fn hyperparameters() -> &'static [&'static str] {
        &["rmsprop_rho", "rmsprop_momentum", "rmsprop_epsilon", "weight_decay"]
    }

    fn configured(values: &Hyperparameters) -> RmsProp {
        let default = RmsProp::default();
        RmsProp {
            rho: values.number("rmsprop_rho", default.rho),
            momentum: values.number("rmsprop_momentum", default.momentum),
            epsilon: values.number("rmsprop_epsilon", default.epsilon),
            weight_decay: values.number("weight_decay", default.weight_decay),
        }
    }

    fn moments(&self) -> usize {
        2
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn update(&self, step: &Step, operands: &Operands) -> Result<()> {
        let RmsProp { rho, momentum, epsilon, .. } = *self;
        let Step { rate, weight_decay, number } = *step;
        let constants = RmsPropStep { rate, rho, momentum, epsilon, weight_decay, first: number == 1 };
        let Operands { parameters, gradient, moments, with } = *operands;
        rmsprop(parameters, gradient, [&moments[0], &moments[1]], &constants, with)
    }
}

/// The constants of one step of RMSprop.
#[derive(Clone, Copy, Debug)]
pub struct RmsPropStep {
    /// The learning rate.
    pub rate: f64,
    /// The fraction of the mean of squared gradients that the step keeps.
    pub rho: f64,
    /// The fraction of the velocity that the step keeps.
    pub momentum: f64,
    /// Added to the mean of squared gradients, inside the square root.
    pub epsilon: f64,
    /// The factor of the weights that is added to their gradients.
    pub weight_decay: f64,
    /// Whether this is the first step, before which the mean of squares is 1.
    pub first: bool,
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rate: f32,
    decay: f32,
    rho: f32,
    momentum: f32,
    epsilon: f32,
    first: u32,
}

static RMSPROP: [Kernel<Params>; 3] = kernels::kernels::<Arithmetic>([
    "optimizer.rmsprop",
    "optimizer.rmsprop_clipped",
    "optimizer.rmsprop_mixed",
]);

/// With g the gradient of the loss plus weight decay: v = ρ·v + (1 − ρ)·g²; m = momentum·m + rate·g / √(v + ε);
/// w = w − m.
struct Arithmetic;

impl Formula for Arithmetic {
    type Params = Params;
    const SHADER: &'static str = include_str!("../../../shaders/rmsprop.wgsl");
    const ENTRY: &'static str = "rmsprop";
    const FLOPS: u64 = 12;

    fn count(p: &Params) -> u32 {
        p.count
    }

    fn at_step(p: &Params, step: u32) -> Params {
        Params { first: (step == 1) as u32, ..*p }
    }

    fn reference<T: Real>(p: &Params, args: KernelArgs<T>) {
        let ([g], [w, m, v]) = args.reals();
        let of = |scalar: f32| T::of(scalar as f64);
        let (rate, decay, rho) = (of(p.rate), of(p.decay), of(p.rho));
        let (momentum, epsilon, first) = (of(p.momentum), of(p.epsilon), p.first == 1);
        elementwise::update_three(w, m, v, g, |[w, m, v], g| {
            let gradient = g + decay * w;
            let before = if first { T::ONE } else { v };
            let v = rho * before + (T::ONE - rho) * gradient * gradient;
            let m = momentum * m + rate * gradient / (v + epsilon).sqrt();
            [w - m, m, v]
        });
    }
}

/// Makes a step of RMSprop in place. Updates `parameters`, the velocity `m` and the mean of squared gradients `v`.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if the tensors are not packed or differ in shape;
/// [`Error::DType`](crate::Error::DType) and [`Error::Placement`](crate::Error::Placement) if element types or devices
/// differ.
pub fn rmsprop(
    parameters: &Tensor,
    gradient: &Tensor,
    [m, v]: [&Tensor; 2],
    step: &RmsPropStep,
    with: With,
) -> Result<()> {
    let params = Params {
        count: parameters.shape().elements() as u32,
        rate: step.rate as f32,
        decay: step.weight_decay as f32,
        rho: step.rho as f32,
        momentum: step.momentum as f32,
        epsilon: step.epsilon as f32,
        first: step.first as u32,
    };
    kernels::run(&RMSPROP, &params, parameters, gradient, &[m, v], with)
}
