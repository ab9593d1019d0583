//! Lion: steps along the sign of a mean of gradients, with decoupled weight decay (Chen et al. 2023,
//! [arXiv:2302.06675](https://arxiv.org/abs/2302.06675)). `shaders/lion.wgsl` states the formulas.

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

/// The constants of Lion. It needs a third to a tenth of Adam's learning rate.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Lion {
    /// The weight of the earlier mean in the mean whose sign is taken.
    pub beta1: f64,
    /// The fraction of the mean of gradients that a step keeps.
    pub beta2: f64,
    /// The fraction of the weights, times the learning rate, that a step subtracts from them.
    pub weight_decay: f64,
}

impl Default for Lion {
    /// The betas of the paper, without weight decay.
    fn default() -> Lion {
        Lion { beta1: 0.9, beta2: 0.99, weight_decay: 0.0 }
    }
}

impl Algorithm {
    /// Lion with the betas of its paper and this weight decay.
    pub fn lion(weight_decay: f64) -> Algorithm {
        Lion { weight_decay, ..Lion::default() }.into()
    }
}

impl UpdateRule for Lion {
    fn hyperparameters() -> &'static [&'static str] {
        &["lion_beta1", "lion_beta2", "weight_decay"]
    }

    fn configured(values: &Hyperparameters) -> Lion {
        let default = Lion::default();
        Lion {
            beta1: values.number("lion_beta1", default.beta1),
            beta2: values.number("lion_beta2", default.beta2),
            weight_decay: values.number("weight_decay", default.weight_decay),
        }
    }

    fn moments(&self) -> usize {
        1
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn has_decoupled_decay(&self) -> bool {
        true
    }

    fn update(&self, step: &Step, operands: &Operands) -> Result<()> {
        let Lion { beta1, beta2, .. } = *self;
        let constants = LionStep { rate: step.rate, beta1, beta2, weight_decay: step.weight_decay };
        let Operands { parameters, gradient, moments, with } = *operands;
        lion(parameters, gradient, &moments[0], &constants, with)
    }
}

/// The constants of one step of Lion.
#[derive(Clone, Copy, Debug)]
pub struct LionStep {
    /// The learning rate.
    pub rate: f64,
    /// The weight of the earlier mean in the mean whose sign is taken.
    pub beta1: f64,
    /// The fraction of the mean of gradients that the step keeps.
    pub beta2: f64,
    /// The weight decay. It applies to the weights, separately from the sign.
    pub weight_decay: f64,
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rate: f32,
    decay: f32,
    beta1: f32,
    beta2: f32,
}

static LION: [Kernel<Params>; 3] =
    kernels::kernels::<Arithmetic>(["optimizer.lion", "optimizer.lion_clipped", "optimizer.lion_mixed"]);

/// w = w − rate·(sign(β₁·m + (1 − β₁)·g) + decay·w); m = β₂·m + (1 − β₂)·g.
struct Arithmetic;

impl Formula for Arithmetic {
    type Params = Params;
    const SHADER: &'static str = include_str!("../../../shaders/lion.wgsl");
    const ENTRY: &'static str = "lion";
    const FLOPS: u64 = 10;

    fn count(p: &Params) -> u32 {
        p.count
    }

    fn reference<T: Real>(p: &Params, args: KernelArgs<T>) {
        let ([g], [w, m]) = args.reals();
        let of = |scalar: f32| T::of(scalar as f64);
        let (rate, decay, beta1, beta2) = (of(p.rate), of(p.decay), of(p.beta1), of(p.beta2));
        elementwise::update_two(w, m, g, |[w, m], g| {
            let direction = sign(beta1 * m + (T::ONE - beta1) * g);
            [w - rate * (direction + decay * w), beta2 * m + (T::ONE - beta2) * g]
        });
    }
}

/// −1, 0 or 1. NaN stays NaN.
#[inline(always)]
fn sign<T: Real>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        x
    }
}

/// Makes a step of Lion in place (Chen et al. 2023, [arXiv:2302.06675](https://arxiv.org/abs/2302.06675)): moves
/// `parameters` by the sign of a mean of `gradient` and the moment `m`, then updates `m`. Where the mean is 0 nothing
/// moves.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if the tensors are not packed or differ in shape;
/// [`Error::DType`](crate::Error::DType) and [`Error::Placement`](crate::Error::Placement) if element types or devices
/// differ.
pub fn lion(parameters: &Tensor, gradient: &Tensor, m: &Tensor, step: &LionStep, with: With) -> Result<()> {
    let params = Params {
        count: parameters.shape().elements() as u32,
        rate: step.rate as f32,
        decay: step.weight_decay as f32,
        beta1: step.beta1 as f32,
        beta2: step.beta2 as f32,
    };
    kernels::run(&LION, &params, parameters, gradient, &[m], with)
}
