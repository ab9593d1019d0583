//! Optimisers: what a step does to all parameters, in one dispatch per flat buffer. And schedules.

mod schedule;

pub use schedule::{Decay, Schedule};

use crate::device::memory::{Category, allocating};
use crate::error::Result;
use crate::nn::{FlatGradients, Parameters};
use crate::ops::optimizer::{AdamStep, SgdStep, adam, sgd};
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

    /// The rule with its memory: moments for every parameter, zero at first.
    pub fn build(self, parameters: &Parameters) -> Result<Optimizer> {
        let _category = allocating(Category::Optimizer);
        let moments = match self {
            Algorithm::Sgd { momentum: 0.0, .. } => 0,
            Algorithm::Sgd { .. } => 1,
            _ => 2,
        };
        let zeros = |flat: &Tensor| Tensor::zeros(flat.device(), flat.dtype(), flat.shape());
        let of_piece = |flat: &Tensor| (0..moments).map(|_| zeros(flat)).collect::<Result<Vec<_>>>();
        let state = parameters.flat().iter().map(of_piece).collect::<Result<Vec<_>>>()?;
        Ok(Optimizer { algorithm: self, state, steps: 0 })
    }
}

/// An update rule and what it remembers.
pub struct Optimizer {
    algorithm: Algorithm,
    /// The moments of each flat buffer.
    state: Vec<Vec<Tensor>>,
    steps: u64,
}

impl Optimizer {
    /// Updates all parameters with this learning rate.
    pub fn step(&mut self, parameters: &Parameters, gradients: &FlatGradients, rate: f64) -> Result<()> {
        self.steps += 1;
        for ((values, gradient), state) in parameters.flat().iter().zip(gradients.flat()).zip(&self.state) {
            match self.algorithm {
                Algorithm::Sgd { momentum, nesterov, weight_decay } => {
                    let step = SgdStep { rate, momentum, nesterov, weight_decay, first: self.steps == 1 };
                    sgd(values, gradient, state.first(), &step)?;
                }
                Algorithm::Adam { beta1, beta2, epsilon } => {
                    let step = AdamStep {
                        rate,
                        beta1,
                        beta2,
                        epsilon,
                        weight_decay: 0.0,
                        decoupled: false,
                        step: self.steps,
                    };
                    adam(values, gradient, &state[0], &state[1], &step)?;
                }
                Algorithm::AdamW { beta1, beta2, epsilon, weight_decay } => {
                    let step = AdamStep {
                        rate,
                        beta1,
                        beta2,
                        epsilon,
                        weight_decay,
                        decoupled: true,
                        step: self.steps,
                    };
                    adam(values, gradient, &state[0], &state[1], &step)?;
                }
            }
        }
        Ok(())
    }
}
