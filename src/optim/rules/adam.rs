//! Adam, and AdamW, which decays weights apart from the gradient; as in `torch.optim`. `shaders/adam.wgsl` states the
//! formulas.

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

/// The constants of Adam (Kingma and Ba 2015, [arXiv:1412.6980](https://arxiv.org/abs/1412.6980)).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Adam {
    /// The fraction of the mean of gradients that a step keeps.
    pub beta1: f64,
    /// The fraction of the mean of squared gradients that a step keeps.
    pub beta2: f64,
    /// Added to the square root of the mean of squared gradients.
    pub epsilon: f64,
}

impl Default for Adam {
    /// The constants of the paper.
    fn default() -> Adam {
        Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// The constants of AdamW: Adam with decoupled weight decay, which does not pass through the moments (Loshchilov and
/// Hutter 2019, [arXiv:1711.05101](https://arxiv.org/abs/1711.05101)).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct AdamW {
    /// As in Adam.
    pub beta1: f64,
    /// As in Adam.
    pub beta2: f64,
    /// As in Adam.
    pub epsilon: f64,
    /// The fraction of the weights, times the learning rate, that a step subtracts from them.
    pub weight_decay: f64,
}

impl AdamW {
    fn new(Adam { beta1, beta2, epsilon }: Adam, weight_decay: f64) -> AdamW {
        AdamW { beta1, beta2, epsilon, weight_decay }
    }
}

impl Default for AdamW {
    /// Adam's constants, and the weight decay of PyTorch.
    fn default() -> AdamW {
        AdamW::new(Adam::default(), 0.01)
    }
}

impl Algorithm {
    /// Adam with the constants of its paper.
    pub fn adam() -> Algorithm {
        Adam::default().into()
    }

    /// AdamW with Adam's constants and this weight decay.
    pub fn adamw(weight_decay: f64) -> Algorithm {
        AdamW { weight_decay, ..AdamW::default() }.into()
    }
}

impl UpdateRule for Adam {
    fn hyperparameters() -> &'static [&'static str] {
        &["adam_beta1", "adam_beta2", "adam_epsilon"]
    }

    fn configured(values: &Hyperparameters) -> Adam {
        let default = Adam::default();
        Adam {
            beta1: values.number("adam_beta1", default.beta1),
            beta2: values.number("adam_beta2", default.beta2),
            epsilon: values.number("adam_epsilon", default.epsilon),
        }
    }

    fn moments(&self) -> usize {
        2
    }

    fn betas(&self) -> [f64; 2] {
        [self.beta1, self.beta2]
    }

    fn update(&self, step: &Step, operands: &Operands) -> Result<()> {
        self.step(step, false, operands)
    }
}

impl UpdateRule for AdamW {
    fn hyperparameters() -> &'static [&'static str] {
        &["adam_beta1", "adam_beta2", "adam_epsilon", "weight_decay"]
    }

    fn configured(values: &Hyperparameters) -> AdamW {
        let weight_decay = values.number("weight_decay", AdamW::default().weight_decay);
        AdamW::new(Adam::configured(values), weight_decay)
    }

    fn moments(&self) -> usize {
        2
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn has_decoupled_decay(&self) -> bool {
        true
    }

    fn betas(&self) -> [f64; 2] {
        [self.beta1, self.beta2]
    }

    fn update(&self, step: &Step, operands: &Operands) -> Result<()> {
        let AdamW { beta1, beta2, epsilon, .. } = *self;
        Adam { beta1, beta2, epsilon }.step(step, true, operands)
    }
}

impl Adam {
    /// A step of Adam, or of AdamW if the decay is decoupled.
    fn step(&self, step: &Step, decoupled: bool, operands: &Operands) -> Result<()> {
        let Adam { beta1, beta2, epsilon } = *self;
        let Step { rate, weight_decay, number } = *step;
        let constants = AdamStep { rate, beta1, beta2, epsilon, weight_decay, decoupled, step: number };
        let Operands { parameters, gradient, moments, with } = *operands;
        adam(parameters, gradient, [&moments[0], &moments[1]], &constants, with)
    }
}

/// The constants of one step of Adam or AdamW.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// The learning rate.
    pub rate: f64,
    /// The fraction of the mean of gradients that the step keeps.
    pub beta1: f64,
    /// The fraction of the mean of squared gradients that the step keeps.
    pub beta2: f64,
    /// Added to the square root of the mean of squared gradients.
    pub epsilon: f64,
    /// The weight decay.
    pub weight_decay: f64,
    /// Whether the decay applies to the weights (AdamW) or to the gradient.
    pub decoupled: bool,
    /// The number of the step, counted from 1.
    pub step: u64,
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rate: f32,
    decay: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    step_size: f32,
    v_scale: f32,
    decoupled: u32,
    step: u32,
}

impl Params {
    /// rate / (1 − β₁ᵗ) and 1 / √(1 − β₂ᵗ), with the betas rounded to f32 as in the kernel. 1 − β₂ is so small that
    /// the rounding of β₂ changes it by 1e-5; a correction for the exact β₂ would leave this error in every step.
    fn corrections(&self) -> (f64, f64) {
        let weight = |beta: f32| 1.0 - f64::from(beta).powf(self.step.into());
        (f64::from(self.rate) / weight(self.beta1), 1.0 / weight(self.beta2).sqrt())
    }
}

static ADAM: [Kernel<Params>; 3] =
    kernels::kernels::<Arithmetic>(["optimizer.adam", "optimizer.adam_clipped", "optimizer.adam_mixed"]);

/// m = β₁·m + (1 − β₁)·g; v = β₂·v + (1 − β₂)·g²; w = w − rate·m̂ / (√v̂ + ε), with the corrected m̂ and v̂.
struct Arithmetic;

impl Formula for Arithmetic {
    type Params = Params;
    const SHADER: &'static str = include_str!("../../../shaders/adam.wgsl");
    const ENTRY: &'static str = "adam";
    const FLOPS: u64 = 14;

    fn count(p: &Params) -> u32 {
        p.count
    }

    fn at_step(p: &Params, step: u32) -> Params {
        Params { step, ..*p }
    }

    fn reference<T: Real>(p: &Params, args: KernelArgs<T>) {
        let ([g], [w, m, v]) = args.reals();
        let of = |scalar: f32| T::of(scalar as f64);
        let (beta1, beta2, epsilon) = (of(p.beta1), of(p.beta2), of(p.epsilon));
        // Computed here in f64, because the scalars have them rounded to f32.
        let (step_size, v_scale) = p.corrections();
        let (step_size, v_scale, decay) = (T::of(step_size), T::of(v_scale), of(p.decay));
        // One of the two decays is zero.
        let (shrink, coupled) =
            if p.decoupled == 1 { (T::ONE - of(p.rate) * decay, T::ZERO) } else { (T::ONE, decay) };
        elementwise::update_three(w, m, v, g, |[w, m, v], g| {
            let gradient = g + coupled * w;
            let m = beta1 * m + (T::ONE - beta1) * gradient;
            let v = beta2 * v + (T::ONE - beta2) * gradient * gradient;
            [w * shrink - step_size * m / (v.sqrt() * v_scale + epsilon), m, v]
        });
    }
}

/// Makes a step of Adam or AdamW in place. Updates `parameters` and the moments `m` and `v`.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if the tensors are not packed or differ in shape;
/// [`Error::DType`](crate::Error::DType) and [`Error::Placement`](crate::Error::Placement) if element types or devices
/// differ.
pub fn adam(
    parameters: &Tensor,
    gradient: &Tensor,
    [m, v]: [&Tensor; 2],
    step: &AdamStep,
    with: With,
) -> Result<()> {
    let mut params = Params {
        count: parameters.shape().elements() as u32,
        rate: step.rate as f32,
        decay: step.weight_decay as f32,
        beta1: step.beta1 as f32,
        beta2: step.beta2 as f32,
        epsilon: step.epsilon as f32,
        step_size: 0.0,
        v_scale: 0.0,
        decoupled: step.decoupled as u32,
        step: step.step as u32,
    };
    let (step_size, v_scale) = params.corrections();
    (params.step_size, params.v_scale) = (step_size as f32, v_scale as f32);
    kernels::run(&ADAM, &params, parameters, gradient, &[m, v], with)
}
