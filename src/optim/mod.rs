//! Optimisers: update rules as data ([`Algorithm`]), and rules with the parameters that they train ([`Optimizer`]),
//! one dispatch per flat buffer. Learning-rate schedules, gradient clipping, loss scaling.
//!
//! A training loop of your own makes one call per step, [`Optimizer::backward_step`], in f32 and in mixed precision.

pub mod clip;
pub mod loss_scale;
mod schedule;
pub mod update;

use loss_scale::LossScale;
pub use loss_scale::LossScaling;
pub use schedule::{Decay, Schedule};

use crate::device::memory::{Category, allocating};
use crate::error::{Error, Result};
use crate::nn::{FlatGradients, Parameters};
use crate::shape::Shape;
use crate::tensor::Tensor;
use clap::ValueEnum;
use clip::{check_limit, lower_to_norm};
use loss_scale::UNSCALE;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use update::{AdamStep, LionStep, Mixed, SgdStep, With, adam, lion, sgd};

/// An update rule, as data. The arithmetic is that of `torch.optim`; that of Lion is the paper's.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Stochastic gradient descent, optionally with momentum, plain or Nesterov's.
    Sgd {
        /// The fraction of the velocity that a step keeps; 0 for none.
        momentum: f64,
        /// Whether to use Nesterov momentum (Nesterov 1983).
        nesterov: bool,
        /// The factor of the weights that is added to their gradients.
        weight_decay: f64,
    },
    /// Adam (Kingma and Ba 2015, [arXiv:1412.6980](https://arxiv.org/abs/1412.6980)).
    Adam {
        /// The fraction of the mean of gradients that a step keeps.
        beta1: f64,
        /// The fraction of the mean of squared gradients that a step keeps.
        beta2: f64,
        /// Added to the square root of the mean of squared gradients.
        epsilon: f64,
    },
    /// Adam with decoupled weight decay, which does not pass through the moments (Loshchilov and Hutter 2019,
    /// [arXiv:1711.05101](https://arxiv.org/abs/1711.05101)).
    AdamW {
        /// As in Adam.
        beta1: f64,
        /// As in Adam.
        beta2: f64,
        /// As in Adam.
        epsilon: f64,
        /// The fraction of the weights, times the learning rate, that a step subtracts from them.
        weight_decay: f64,
    },
    /// Lion: steps along the sign of a mean of gradients, with decoupled weight decay (Chen et al. 2023,
    /// [arXiv:2302.06675](https://arxiv.org/abs/2302.06675)). It needs a third to a tenth of Adam's learning rate.
    Lion {
        /// The weight of the earlier mean in the mean whose sign is taken.
        beta1: f64,
        /// The fraction of the mean of gradients that a step keeps.
        beta2: f64,
        /// The fraction of the weights, times the learning rate, that a step subtracts from them.
        weight_decay: f64,
    },
}

impl Algorithm {
    /// Gradient descent with this momentum; 0 for none.
    pub fn sgd(momentum: f64) -> Algorithm {
        Algorithm::Sgd { momentum, nesterov: false, weight_decay: 0.0 }
    }

    /// Adam with the constants of its paper.
    pub fn adam() -> Algorithm {
        Algorithm::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// AdamW with Adam's constants and this weight decay.
    pub fn adamw(weight_decay: f64) -> Algorithm {
        Algorithm::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay }
    }

    /// Lion with the betas of its paper and this weight decay.
    pub fn lion(weight_decay: f64) -> Algorithm {
        Algorithm::Lion { beta1: 0.9, beta2: 0.99, weight_decay }
    }

    /// An optimiser of `parameters` with this rule: allocates gradients and moments (zeros), and in mixed precision a
    /// loss scale.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] and [`Error::TooLarge`] from the device.
    pub fn build(self, parameters: &Parameters) -> Result<Optimizer> {
        let gradients = parameters.gradients()?;
        let _category = allocating(Category::Optimizer);
        let moments = match self {
            Algorithm::Sgd { momentum: 0.0, .. } => 0,
            Algorithm::Sgd { .. } | Algorithm::Lion { .. } => 1,
            Algorithm::Adam { .. } | Algorithm::AdamW { .. } => 2,
        };
        let zeros = |flat: &Tensor| Tensor::zeros(flat.device(), flat.dtype(), flat.shape());
        let of_piece = |flat: &Tensor| (0..moments).map(|_| zeros(flat)).collect::<Result<Vec<_>>>();
        let state = parameters.master().iter().map(of_piece).collect::<Result<Vec<_>>>()?;
        let scale = parameters.is_mixed().then(|| LossScale::new(&parameters.master()[0])).transpose()?;
        Ok(Optimizer {
            algorithm: self,
            parameters: parameters.clone(),
            gradients,
            has_gradients: false,
            state,
            steps: 0,
            scale,
            clip_norm: None,
            decay_exempt: DecayExempt::None,
        })
    }
}

/// An update rule with the parameters that it trains, their gradients, and its state.
///
/// ```
/// use allometry::nn::{Activation, Dense, Module, Precision, Sequential};
/// use allometry::optim::Algorithm;
/// use allometry::{Device, Result, Tensor};
///
/// # fn main() -> Result<()> {
/// let device = Device::cpu();
/// let layers = Sequential::new().add(Dense::new(16).activation(Activation::Tanh)).add(Dense::new(1));
/// for precision in [Precision::F32, Precision::Mixed] {
///     let model = layers.build_in(precision, &device, &[2], 0)?;
///     let mut optimizer = Algorithm::adamw(0.01).build(model.parameters())?.with_clip_norm(Some(1.0))?;
///     let x = model.batch(&[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
///     let y = Tensor::new(&device, &[0.0f32, 1.0, 1.0, 0.0], [4, 1])?;
///     let mut losses = Vec::new();
///     for step in 0..200 {
///         let loss = model.train(&x, step)?.mse(&y)?;
///         optimizer.backward_step(&loss, 0.02)?;
///         losses.push(loss.item()?);
///     }
///     assert!(losses[199] < 0.1 * losses[0], "{precision}: {losses:?}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Optimizer {
    algorithm: Algorithm,
    parameters: Parameters,
    gradients: FlatGradients,
    /// Whether there are gradients that no step has used yet.
    has_gradients: bool,
    /// The moments of each flat buffer.
    state: Vec<Vec<Tensor>>,
    steps: u64,
    scale: Option<LossScale>,
    clip_norm: Option<f64>,
    decay_exempt: DecayExempt,
}

/// The parameters that weight decay does not apply to.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecayExempt {
    /// None: all parameters decay, as in PyTorch.
    #[default]
    None,
    /// Parameters of one axis: biases, and the scales and offsets of normalisation.
    Vectors,
}

impl Algorithm {
    /// The weight decay; 0 for rules without one.
    pub fn weight_decay(self) -> f64 {
        match self {
            Algorithm::Sgd { weight_decay, .. }
            | Algorithm::AdamW { weight_decay, .. }
            | Algorithm::Lion { weight_decay, .. } => weight_decay,
            Algorithm::Adam { .. } => 0.0,
        }
    }

    /// Whether weight decay is subtracted from the weights (decoupled), not added to their gradients.
    pub fn has_decoupled_decay(self) -> bool {
        match self {
            Algorithm::AdamW { .. } | Algorithm::Lion { .. } => true,
            Algorithm::Sgd { .. } | Algorithm::Adam { .. } => false,
        }
    }

    /// The same rule with a weight decay of 0.
    fn without_decay(mut self) -> Algorithm {
        match &mut self {
            Algorithm::Sgd { weight_decay, .. }
            | Algorithm::AdamW { weight_decay, .. }
            | Algorithm::Lion { weight_decay, .. } => *weight_decay = 0.0,
            Algorithm::Adam { .. } => {}
        }
        self
    }

    /// Adam's betas, from which the corrections of the first steps are computed; zeros for rules without corrections.
    fn betas(self) -> [f64; 2] {
        match self {
            Algorithm::Sgd { .. } | Algorithm::Lion { .. } => [0.0; 2],
            Algorithm::Adam { beta1, beta2, .. } | Algorithm::AdamW { beta1, beta2, .. } => [beta1, beta2],
        }
    }
}

impl Optimizer {
    /// Sets the norm limit: gradients whose global norm is above `norm` are scaled down to it. `None` for no limit.
    ///
    /// # Errors
    /// [`Error::Argument`] for a norm that is not finite and above zero.
    pub fn with_clip_norm(self, norm: Option<f64>) -> Result<Optimizer> {
        norm.map_or(Ok(()), |norm| check_limit("optimizer", norm))?;
        Ok(Optimizer { clip_norm: norm, ..self })
    }

    /// Exempts these parameters from weight decay.
    pub fn with_decay_exempt(self, decay_exempt: DecayExempt) -> Optimizer {
        Optimizer { decay_exempt, ..self }
    }

    /// Makes one training step on `loss`, a scalar: computes its gradients, clips them if there is a limit, and
    /// updates all parameters with the learning rate `rate`. In mixed precision it scales the loss, so that f16 can
    /// represent the gradients. If a gradient is not finite there, the step changes no parameter and lowers the
    /// scale.
    ///
    /// # Errors
    /// Errors of [`backward`](Optimizer::backward).
    pub fn backward_step(&mut self, loss: &Tensor, rate: f64) -> Result<()> {
        self.backward(loss)?;
        self.step(rate)
    }

    /// Computes the gradients of `loss`: the first half of [`backward_step`](Optimizer::backward_step).
    /// [`gradient`](Optimizer::gradient) returns them and [`step`](Optimizer::step) uses them. The gradient is zero
    /// for parameters that the loss does not depend on.
    ///
    /// # Errors
    /// [`Error::Shape`] for a loss of more than one element; [`Error::Graph`] for a loss that depends on no parameter
    /// of this optimiser, such as the loss of another model or one without a graph.
    pub fn backward(&mut self, loss: &Tensor) -> Result<()> {
        self.has_gradients = false;
        let scale = self.scale.as_ref().map(LossScale::seed);
        self.parameters.backward(loss, scale.as_ref(), &self.gradients)?;
        self.has_gradients = true;
        Ok(())
    }

    /// The gradient of the loss with respect to the parameter `name`, of the parameter's shape, unscaled and before
    /// clipping. Its type is the type in which parameters are updated. In mixed precision it may be infinite or NaN;
    /// the next step then changes no parameter.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown name, and if [`backward`](Optimizer::backward) was not called since the last
    /// step.
    pub fn gradient(&self, name: &str) -> Result<Tensor> {
        self.check_gradients("gradient")?;
        let gradient = self.gradients.get(self.parameters.get(name)?);
        let Some(scale) = &self.scale else { return Ok(gradient.clone()) };
        let scale = scale.seed();
        gradient.cast(scale.dtype())?.div(&scale)
    }

    /// Updates all parameters with the learning rate `rate`: the second half of
    /// [`backward_step`](Optimizer::backward_step).
    ///
    /// # Errors
    /// [`Error::Config`] if [`backward`](Optimizer::backward) was not called since the last step.
    pub fn step(&mut self, rate: f64) -> Result<()> {
        self.check_gradients("step")?;
        self.has_gradients = false;
        self.steps += 1;
        let gradients = &self.gradients;
        if let Some(scale) = &self.scale {
            scale.update(gradients, self.algorithm.betas())?;
        }
        let factor = self.clip_norm.map(|norm| self.clip(norm)).transpose()?.flatten();
        let exempt = self.decay_exempt == DecayExempt::Vectors && self.algorithm.weight_decay() > 0.0;
        for (piece, &vectors) in self.parameters.vectors().iter().enumerate() {
            let length = gradients.flat()[piece].shape().elements();
            if exempt && vectors > 0 {
                self.update(self.algorithm, piece, 0..vectors, rate, factor.as_ref())?;
            }
            let (algorithm, start) =
                if exempt { (self.algorithm.without_decay(), vectors) } else { (self.algorithm, 0) };
            if start < length {
                self.update(algorithm, piece, start..length, rate, factor.as_ref())?;
            }
        }
        Ok(())
    }

    /// Updates the elements `range` of one flat buffer.
    fn update(
        &self,
        algorithm: Algorithm,
        piece: usize,
        range: Range<usize>,
        rate: f64,
        factor: Option<&Tensor>,
    ) -> Result<()> {
        let part = |flat: &Tensor| flat.part(range.start, Shape::from([range.len()]));
        let (values, weights) =
            (part(&self.parameters.master()[piece]), part(&self.parameters.flat()[piece]));
        let gradient = part(&self.gradients.flat()[piece]);
        let state: Vec<Tensor> = self.state[piece].iter().map(part).collect();
        let with = match (&self.scale, factor) {
            (Some(scale), _) => With::Mixed(Mixed { weights: &weights, scale: scale.state() }),
            (None, Some(factor)) => With::Factor(factor),
            (None, None) => With::Nothing,
        };
        let adam_step = |beta1, beta2, epsilon, weight_decay, decoupled| {
            let step = AdamStep { rate, beta1, beta2, epsilon, weight_decay, decoupled, step: self.steps };
            adam(&values, &gradient, [&state[0], &state[1]], &step, with)
        };
        match algorithm {
            Algorithm::Sgd { momentum, nesterov, weight_decay } => {
                let step = SgdStep { rate, momentum, nesterov, weight_decay, first: self.steps == 1 };
                sgd(&values, &gradient, state.first(), &step, with)
            }
            Algorithm::Adam { beta1, beta2, epsilon } => adam_step(beta1, beta2, epsilon, 0.0, false),
            Algorithm::AdamW { beta1, beta2, epsilon, weight_decay } => {
                adam_step(beta1, beta2, epsilon, weight_decay, true)
            }
            Algorithm::Lion { beta1, beta2, weight_decay } => {
                lion(&values, &gradient, &state[0], &LionStep { rate, beta1, beta2, weight_decay }, with)
            }
        }
    }

    /// The state of loss scaling; `None` in f32. Waits for the device.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn loss_scaling(&self) -> Result<Option<LossScaling>> {
        self.scale.as_ref().map(LossScale::read).transpose()
    }

    fn check_gradients(&self, call: &str) -> Result<()> {
        if self.has_gradients {
            return Ok(());
        }
        Err(Error::Config {
            what: format!("optimizer.{call}"),
            problem:
                "there are no gradients since the last step; call backward(&loss) before it, or backward_step"
                    .to_string(),
        })
    }

    /// Computes the factor that clips the gradients. In mixed precision it is part of the factor that removes the
    /// loss scale; the result is then `None`.
    fn clip(&self, norm: f64) -> Result<Option<Tensor>> {
        let gradients = &self.gradients;
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
