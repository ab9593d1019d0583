//! Optimisers: what a step does to all parameters, in one dispatch per flat buffer. And schedules.

pub mod clip;
pub mod loss_scale;
mod schedule;
pub mod update;

pub use loss_scale::{LossScale, LossScaling};
pub use schedule::{Decay, Schedule};

use crate::device::memory::{Category, allocating};
use crate::error::Result;
use crate::nn::{FlatGradients, Parameters};
use crate::tensor::Tensor;
use clip::{check_limit, lower_to_norm};
use loss_scale::UNSCALE;
use serde::{Deserialize, Serialize};
use update::{AdamStep, Mixed, SgdStep, With, adam, sgd};

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
        Ok(Optimizer { algorithm: self, state, steps: 0, scale, clip_norm: None })
    }
}

/// An update rule and what it remembers.
pub struct Optimizer {
    algorithm: Algorithm,
    /// The moments of each flat buffer.
    state: Vec<Vec<Tensor>>,
    steps: u64,
    scale: Option<LossScale>,
    clip_norm: Option<f64>,
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
    /// Gradients whose norm, all together, is above `norm` are scaled down to it in each step.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for a norm that is not above zero.
    pub fn with_clip_norm(self, norm: Option<f64>) -> Result<Optimizer> {
        norm.map_or(Ok(()), |norm| check_limit("optimizer", norm))?;
        Ok(Optimizer { clip_norm: norm, ..self })
    }

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
        let factor = self.clip_norm.map(|norm| self.clip(gradients, norm)).transpose()?.flatten();
        let pieces = parameters.master().iter().zip(parameters.flat()).zip(gradients.flat()).zip(&self.state);
        for (((values, weights), gradient), state) in pieces {
            let with = match (&self.scale, &factor) {
                (Some(scale), _) => With::Mixed(Mixed { weights, scale: scale.state() }),
                (None, Some(factor)) => With::Factor(factor),
                (None, None) => With::Nothing,
            };
            let adam_step = |beta1, beta2, epsilon, weight_decay, decoupled| {
                let step =
                    AdamStep { rate, beta1, beta2, epsilon, weight_decay, decoupled, step: self.steps };
                adam(values, gradient, [&state[0], &state[1]], &step, with)
            };
            match self.algorithm {
                Algorithm::Sgd { momentum, nesterov, weight_decay } => {
                    let step = SgdStep { rate, momentum, nesterov, weight_decay, first: self.steps == 1 };
                    sgd(values, gradient, state.first(), &step, with)?;
                }
                Algorithm::Adam { beta1, beta2, epsilon } => adam_step(beta1, beta2, epsilon, 0.0, false)?,
                Algorithm::AdamW { beta1, beta2, epsilon, weight_decay } => {
                    adam_step(beta1, beta2, epsilon, weight_decay, true)?;
                }
            }
        }
        Ok(())
    }

    /// Works out what gradients are multiplied by. In mixed precision it joins what takes the loss scale out of them.
    fn clip(&self, gradients: &FlatGradients, norm: f64) -> Result<Option<Tensor>> {
        if let Some(scale) = &self.scale {
            lower_to_norm(gradients.flat(), norm, scale.state(), UNSCALE)?;
            return Ok(None);
        }
        let _workspace = allocating(Category::Workspace);
        let like = &gradients.flat()[0];
        let factor = Tensor::ones(like.device(), like.dtype(), [1])?;
        lower_to_norm(gradients.flat(), norm, &factor, 0)?;
        Ok(Some(factor))
    }
}
