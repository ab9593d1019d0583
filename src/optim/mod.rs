//! Optimisers: what a step does to all parameters, in one dispatch per flat buffer. And schedules.

mod loss_scale;
mod schedule;

pub use loss_scale::{LossScale, LossScaling};
pub use schedule::{Decay, Schedule};

use crate::device::memory::{Category, allocating};
use crate::error::Result;
use crate::nn::{FlatGradients, Parameters};
use crate::ops::optimizer::{AdamStep, Mixed, SgdStep, adam, adam_mixed, sgd, sgd_mixed};
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// An update rule, as data. The arithmetic is that of `torch.optim`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Stochastic gradient descent with momentum, Nesterov's or plain.
    Sgd { momentum: f64, nesterov: bool, weight_decay: f64 },
    /// Adam (Kingma and Ba 2015).
    Adam { beta1: f64, beta2: f64, epsilon: f64 },
    /// Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019).
    AdamW { beta1: f64, beta2: f64, epsilon: f64, weight_decay: f64 },
}

impl Algorithm {
    /// Plain gradient descent with this momentum.
    pub fn sgd(momentum: f64) -> Algorithm {
        Algorithm::Sgd { momentum, nesterov: false, weight_decay: 0.0 }
    }

    /// Adam with the paper's constants.
    pub fn adam() -> Algorithm {
        Algorithm::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// AdamW with the constants of Adam and this decay.
    pub fn adamw(weight_decay: f64) -> Algorithm {
        Algorithm::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay }
    }

    /// The rule with its memory: moments for every parameter, zero at first; in mixed precision a loss scale.
    pub fn build(self, parameters: &Parameters) -> Result<Optimizer> {
        let _category = allocating(Category::Optimizer);
        let moments = match self {
            Algorithm::Sgd { momentum: 0.0, .. } => 0,
            Algorithm::Sgd { .. } => 1,
            _ => 2,
        };
        let zeros = |flat: &Tensor| Tensor::zeros(flat.device(), flat.dtype(), flat.shape());
        let of_piece = |flat: &Tensor| (0..moments).map(|_| zeros(flat)).collect::<Result<Vec<_>>>();
        let state = parameters.master().iter().map(of_piece).collect::<Result<Vec<_>>>()?;
        let scale = parameters.is_mixed().then(|| LossScale::new(&parameters.master()[0])).transpose()?;
        Ok(Optimizer { algorithm: self, state, steps: 0, scale })
    }
}

/// An update rule and what it remembers.
pub struct Optimizer {
    algorithm: Algorithm,
    /// The moments of each flat buffer.
    state: Vec<Vec<Tensor>>,
    steps: u64,
    scale: Option<LossScale>,
}

impl Algorithm {
    /// Adam's two; zeros for rules that have none.
    fn betas(self) -> [f64; 2] {
        match self {
            Algorithm::Sgd { .. } => [0.0; 2],
            Algorithm::Adam { beta1, beta2, .. } | Algorithm::AdamW { beta1, beta2, .. } => [beta1, beta2],
        }
    }
}

impl Optimizer {
    /// What the gradients must be those of the loss times of, in mixed precision.
    pub fn loss_scale(&self) -> Option<&LossScale> {
        self.scale.as_ref()
    }

    /// Updates all parameters with this learning rate. In mixed precision the gradients are those of the loss times the
    /// [scale](Optimizer::loss_scale), and where one is not finite nothing changes.
    pub fn step(&mut self, parameters: &Parameters, gradients: &FlatGradients, rate: f64) -> Result<()> {
        self.steps += 1;
        if let Some(scale) = &self.scale {
            scale.update(gradients, self.algorithm.betas())?;
        }
        let pieces = parameters.master().iter().zip(parameters.flat()).zip(gradients.flat()).zip(&self.state);
        for (((values, weights), gradient), state) in pieces {
            let mixed = self.scale.as_ref().map(|scale| Mixed { weights, scale: scale.state() });
            match self.algorithm {
                Algorithm::Sgd { momentum, nesterov, weight_decay } => {
                    let step = SgdStep { rate, momentum, nesterov, weight_decay, first: self.steps == 1 };
                    match mixed {
                        None => sgd(values, gradient, state.first(), &step)?,
                        Some(mixed) => sgd_mixed(values, gradient, state.first(), &step, mixed)?,
                    }
                }
                Algorithm::Adam { beta1, beta2, epsilon } => {
                    let (weight_decay, decoupled, step) = (0.0, false, self.steps);
                    let step = AdamStep { rate, beta1, beta2, epsilon, weight_decay, decoupled, step };
                    adam_step(values, gradient, state, &step, mixed)?;
                }
                Algorithm::AdamW { beta1, beta2, epsilon, weight_decay } => {
                    let (decoupled, step) = (true, self.steps);
                    let step = AdamStep { rate, beta1, beta2, epsilon, weight_decay, decoupled, step };
                    adam_step(values, gradient, state, &step, mixed)?;
                }
            }
        }
        Ok(())
    }
}

fn adam_step(
    values: &Tensor,
    gradient: &Tensor,
    moments: &[Tensor],
    step: &AdamStep,
    mixed: Option<Mixed>,
) -> Result<()> {
    match mixed {
        None => adam(values, gradient, &moments[0], &moments[1], step),
        Some(mixed) => adam_mixed(values, gradient, &moments[0], &moments[1], step, mixed),
    }
}
