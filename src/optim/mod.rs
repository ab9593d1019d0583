//! Optimisers: update rules as data ([`Algorithm`]), and rules with the parameters that they train ([`Optimizer`]),
//! one dispatch per flat buffer. Learning-rate schedules, gradient clipping, loss scaling.
//!
//! A training loop of your own makes one call per step, [`Optimizer::backward_step`], in f32 and in mixed precision.

pub mod clip;
mod hyperparameters;
pub mod loss_scale;
pub mod rules;
mod schedule;

pub use hyperparameters::Hyperparameters;
use loss_scale::LossScale;
pub use loss_scale::LossScaling;
pub use rules::{Algorithm, OptimizerName};
pub use schedule::{Decay, Schedule};

use crate::device::memory::{Category, allocating};
use crate::error::{Error, Result};
use crate::nn::{FlatGradients, Parameters};
use crate::shape::Shape;
use crate::tensor::Tensor;
use clap::ValueEnum;
use clip::{check_limit, lower_to_norm};
use loss_scale::UNSCALE;
use rules::{Mixed, Operands, Step, With};
use serde::{Deserialize, Serialize};
use std::ops::Range;

impl Algorithm {
    /// An optimiser of `parameters` with this rule: allocates gradients and moments (zeros), and in mixed precision a
    /// loss scale.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] and [`Error::TooLarge`] from the device.
    pub fn build(self, parameters: &Parameters) -> Result<Optimizer> {
        let gradients = parameters.gradients()?;
        let _category = allocating(Category::Optimizer);
        let moments = self.rule().moments();
        let zeros = |flat: &Tensor| Tensor::zeros(flat.device(), flat.dtype(), flat.shape());
        let of_piece = |flat: &Tensor| (0..moments).map(|_| zeros(flat)).collect::<Result<Vec<_>>>();
        let state = parameters.master().iter().map(of_piece).collect::<Result<Vec<_>>>()?;
        let scale = parameters.is_mixed().then(|| LossScale::new(&parameters.master()[0])).transpose()?;
        Ok(Optimizer {
            algorithm: self,
            parameters: parameters.clone(),
            gradients,
            addend: None,
            has_gradients: false,
            state,
            steps: 0,
            scale,
            clip_norm: None,
            decay_exempt: DecayExempt::default(),
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
    /// The gradients that [`accumulate`](Optimizer::accumulate) adds, once it was called.
    addend: Option<FlatGradients>,
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
    None,
    /// Parameters of one axis: biases, and the scales and offsets of normalisation.
    #[default]
    Vectors,
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

    /// Exempts these parameters from weight decay; by default biases, and the scales and offsets of normalisation.
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

    /// Computes the gradients of another `loss` and adds them to those since the last step: a batch in parts, which needs
    /// the memory of the activations of a part only. The sum has the type of the weights: f16 in mixed precision.
    ///
    /// # Errors
    /// Errors of [`backward`](Optimizer::backward), and [`Error::Config`] if it was not called since the last step.
    pub fn accumulate(&mut self, loss: &Tensor) -> Result<()> {
        self.check_gradients("accumulate")?;
        if self.addend.is_none() {
            self.addend = Some(self.parameters.gradients()?);
        }
        let addend = self.addend.as_ref().expect("it was just set");
        let scale = self.scale.as_ref().map(LossScale::seed);
        self.parameters.backward(loss, scale.as_ref(), addend)?;
        addend.flat().iter().zip(self.gradients.flat()).try_for_each(|(addend, sum)| addend.add_into(sum))
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
            scale.update(gradients, self.algorithm.rule().betas())?;
        }
        let factor = self.clip_norm.map(|norm| self.clip(norm)).transpose()?.flatten();
        let exempt = self.decay_exempt == DecayExempt::Vectors && self.algorithm.weight_decay() > 0.0;
        for (piece, &vectors) in self.parameters.vectors().iter().enumerate() {
            let length = gradients.flat()[piece].shape().elements();
            let mut ranges = vec![(0..length, self.algorithm.weight_decay())];
            if exempt {
                ranges = vec![(0..vectors, self.algorithm.weight_decay()), (vectors..length, 0.0)];
            }
            for (range, weight_decay) in ranges.into_iter().filter(|(range, _)| !range.is_empty()) {
                let step = Step { rate, weight_decay, number: self.steps };
                self.update(piece, range, &step, factor.as_ref())?;
            }
        }
        Ok(())
    }

    /// Updates the elements `range` of one flat buffer.
    fn update(&self, piece: usize, range: Range<usize>, step: &Step, factor: Option<&Tensor>) -> Result<()> {
        let part = |flat: &Tensor| flat.part(range.start, Shape::from([range.len()]));
        let (values, weights) =
            (part(&self.parameters.master()[piece]), part(&self.parameters.flat()[piece]));
        let gradient = part(&self.gradients.flat()[piece]);
        let moments: Vec<Tensor> = self.state[piece].iter().map(part).collect();
        let with = match (&self.scale, factor) {
            (Some(scale), _) => With::Mixed(Mixed { weights: &weights, scale: scale.state() }),
            (None, Some(factor)) => With::Factor(factor),
            (None, None) => With::Nothing,
        };
        let operands = Operands { parameters: &values, gradient: &gradient, moments: &moments, with };
        self.algorithm.rule().update(step, &operands)
    }

    /// The number of steps made, and the tensors that a step hands on to the next, by name: moments, and in mixed
    /// precision the state of the loss scale. The parameters are not among them.
    pub(crate) fn state(&self) -> (u64, Vec<(String, Tensor)>) {
        let mut tensors = Vec::new();
        for moment in 0..self.algorithm.rule().moments() {
            let flat: Vec<Tensor> = self.state.iter().map(|piece| piece[moment].clone()).collect();
            let named = self.parameters.named(&flat);
            tensors.extend(named.map(|(name, values)| (format!("moments.{moment}.{name}"), values)));
        }
        tensors.extend(self.scale.iter().map(|scale| ("loss_scale".to_string(), scale.state().clone())));
        (self.steps, tensors)
    }

    /// Sets the number of steps made. The caller writes the tensors of [`state`](Optimizer::state).
    pub(crate) fn resume(&mut self, steps: u64) {
        self.steps = steps;
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
