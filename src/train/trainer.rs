//! One training step, one evaluation, and the sums of losses on the device.

use super::losses::{Loss, TargetKind};
pub use super::sums::Metrics;
use super::sums::{Accumulator, Sums};
use crate::data::{Batch, BatchTargets};
use crate::device::{DType, Device};
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::optim::{Algorithm, DecayExempt, LossScaling, Optimizer};
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// A model with its loss and its optimiser. Runs training steps and evaluations.
pub struct Trainer<'a> {
    model: &'a Model,
    loss: Loss,
    optimizer: Optimizer,
    step: u64,
    training: Accumulator,
}

/// The numbers that a step hands on to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TrainerState {
    step: u64,
    updates: u64,
    sums: Sums,
}

impl<'a> Trainer<'a> {
    /// Creates a trainer, and allocates gradients and optimiser moments on the model's device.
    ///
    /// # Errors
    /// [`Error::Argument`] for constants of the optimiser out of range; [`Error::OutOfMemory`].
    pub fn new(model: &'a Model, loss: Loss, algorithm: Algorithm) -> Result<Trainer<'a>> {
        let parameters = model.parameters();
        Ok(Trainer {
            model,
            loss,
            optimizer: algorithm.build(parameters)?,
            step: 0,
            training: Accumulator::new(parameters.flat()[0].device())?,
        })
    }

    /// Clips gradients to a global norm over all parameters, like `torch.nn.utils.clip_grad_norm_`. `None` turns
    /// clipping off.
    ///
    /// # Errors
    /// [`Error::Argument`] for a norm that is not above zero.
    pub fn with_clip_norm(self, norm: Option<f64>) -> Result<Trainer<'a>> {
        Ok(Trainer { optimizer: self.optimizer.with_clip_norm(norm)?, ..self })
    }

    /// Exempts these parameters from weight decay.
    pub fn with_decay_exempt(self, exempt: DecayExempt) -> Trainer<'a> {
        Trainer { optimizer: self.optimizer.with_decay_exempt(exempt), ..self }
    }

    /// The numbers and the tensors that a step hands on to the next, parameters and buffers included, by name.
    pub(super) fn state(&self) -> (TrainerState, Vec<(String, Tensor)>) {
        let (updates, optimizer) = self.optimizer.state();
        let parameters = self.model.parameters().master_values();
        let model = parameters.chain(self.model.buffers().iter());
        let mut tensors: Vec<_> = model.map(|(name, values)| (format!("model.{name}"), values)).collect();
        tensors.extend(optimizer);
        tensors.push(("sums".to_string(), self.training.pairs().clone()));
        (TrainerState { step: self.step, updates, sums: self.training.state() }, tensors)
    }

    /// Continues from the numbers of an earlier trainer. The caller has written the tensors of
    /// [`state`](Trainer::state).
    ///
    /// # Errors
    /// Errors of the device.
    pub(super) fn resume(&mut self, state: &TrainerState) -> Result<()> {
        self.step = state.step;
        self.optimizer.resume(state.updates);
        self.training.resume(&state.sums);
        self.model.parameters().refresh()
    }

    /// The model.
    pub(super) fn model(&self) -> &Model {
        self.model
    }

    /// The device.
    pub(super) fn device(&self) -> &Device {
        self.model.parameters().flat()[0].device()
    }

    /// Number of steps done.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Runs one training step on a batch: forward pass, backward pass, and update with learning rate `rate`. Does not
    /// wait for the device, except once in thousands of steps to read the sums of losses.
    ///
    /// # Errors
    /// [`Error::Shape`] for a batch that does not have the model's input shape; [`Error::Argument`] for targets that
    /// the loss is not defined for; errors of the device.
    pub fn step(&mut self, batch: &Batch, rate: f64) -> Result<()> {
        self.step_with(&Samples::Host(batch), rate)
    }

    /// Runs one training step as [`Trainer::step`] does, on a batch that is on the model's device already: `inputs`
    /// as [`Model::batch`] makes them, and `targets`, labels `[n]` of u32 or numbers of the output's shape.
    ///
    /// # Errors
    /// Those of [`Trainer::step`], and the errors of ops for operands of another type or on another device.
    pub fn step_on(&mut self, inputs: &Tensor, targets: &Tensor, rate: f64) -> Result<()> {
        self.step_with(&Samples::OnDevice(inputs, targets), rate)
    }

    /// Runs a step on `size` samples without values, for a dry device.
    pub(crate) fn dry_step(&mut self, size: usize) -> Result<()> {
        self.step_with(&Samples::Blank(size), 0.0)
    }

    fn step_with(&mut self, samples: &Samples, rate: f64) -> Result<()> {
        let x = samples.inputs(self.model)?;
        let output = self.model.train(&x, self.step)?;
        drop(x);
        let loss = accumulate(self.loss, &mut self.training, &output, samples)?.mean(&[], false)?;
        drop(output);
        self.optimizer.backward_step(&loss, rate)?;
        self.step += 1;
        Ok(())
    }

    /// The current loss scale and the number of skipped steps; `None` in f32. Waits for the device.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn loss_scaling(&self) -> Result<Option<LossScaling>> {
        self.optimizer.loss_scaling()
    }

    /// Mean loss and accuracy of the steps since the last [`Trainer::take_metrics`]. Reading them does not change later
    /// results. Waits for the device.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is not finite.
    pub fn metrics(&self) -> Result<Metrics> {
        let metrics = self.training.metrics(self.loss)?;
        if metrics.samples > 0 && !metrics.loss.is_finite() {
            // A step computes its loss before it updates the weights.
            return Err(Error::Diverged { step: self.step, loss: metrics.loss, updated: self.step > 1 });
        }
        Ok(metrics)
    }

    /// Returns [`Trainer::metrics`] and resets them.
    ///
    /// # Errors
    /// Those of [`Trainer::metrics`].
    pub fn take_metrics(&mut self) -> Result<Metrics> {
        let metrics = self.metrics()?;
        self.training.clear()?;
        Ok(metrics)
    }

    /// Evaluates `size` samples without values, for a dry device.
    pub(crate) fn dry_evaluation(&self, size: usize) -> Result<()> {
        let mut sums = Accumulator::new(self.model.parameters().flat()[0].device())?;
        evaluate_on(self.model, self.loss, &mut sums, &Samples::Blank(size))
    }

    /// Mean loss and accuracy of the model over batches, in evaluation mode. Waits for the device.
    ///
    /// # Errors
    /// Those of [`Trainer::step`], and errors of the batches.
    pub fn evaluate(&self, batches: impl Iterator<Item = Result<Batch>>) -> Result<Metrics> {
        evaluate(self.model, self.loss, batches)
    }
}

/// Mean loss and accuracy of a model over batches, in evaluation mode. Waits for the device.
///
/// # Errors
/// Those of [`Trainer::step`], and errors of the batches.
pub fn evaluate(model: &Model, loss: Loss, batches: impl Iterator<Item = Result<Batch>>) -> Result<Metrics> {
    let mut sums = Accumulator::new(model.parameters().flat()[0].device())?;
    for batch in batches {
        evaluate_on(model, loss, &mut sums, &Samples::Host(&batch?))?;
    }
    sums.metrics(loss)
}

fn evaluate_on(model: &Model, loss: Loss, sums: &mut Accumulator, samples: &Samples) -> Result<()> {
    let output = model.predict(&samples.inputs(model)?)?;
    accumulate(loss, sums, &output, samples).map(drop)
}

/// The samples of a step or an evaluation.
enum Samples<'a> {
    /// A batch of a loader.
    Host(&'a Batch),
    /// Inputs and targets on the model's device.
    OnDevice(&'a Tensor, &'a Tensor),
    /// This many samples without values.
    Blank(usize),
}

impl Samples<'_> {
    fn size(&self) -> usize {
        match self {
            Samples::Host(batch) => batch.size,
            Samples::OnDevice(inputs, _) => {
                if inputs.shape().rank() > 0 {
                    inputs.shape()[0]
                } else {
                    0
                }
            }
            Samples::Blank(size) => *size,
        }
    }

    fn inputs(&self, model: &Model) -> Result<Tensor> {
        match self {
            Samples::Host(batch) => model.batch(&batch.inputs),
            Samples::OnDevice(inputs, _) => Ok((*inputs).clone()),
            Samples::Blank(size) => model.blank_batch(*size),
        }
    }

    /// The targets as a tensor, of the kind that the loss expects.
    fn targets(&self, loss: Loss, output: &Tensor) -> Result<Tensor> {
        let (device, size, kind) = (output.device(), self.size(), loss.function().compares_with());
        let batch = match self {
            Samples::Host(batch) => batch,
            Samples::OnDevice(_, targets) => return Ok((*targets).clone()),
            Samples::Blank(_) => {
                let (dtype, shape) = match kind {
                    TargetKind::Labels => (DType::U32, Shape::from([size])),
                    TargetKind::Numbers => (DType::F32, output.shape()),
                };
                return Tensor::empty("targets", device, dtype, shape);
            }
        };
        match (&batch.targets, kind) {
            (BatchTargets::Classes(labels), TargetKind::Labels) => Tensor::new(device, labels, [size]),
            (BatchTargets::Values(values), TargetKind::Numbers) => {
                Tensor::new(device, values, [size, values.len() / size])
            }
            (targets, _) => {
                let found = match targets {
                    BatchTargets::Classes(_) => "labels",
                    BatchTargets::Values(_) => "numbers",
                };
                Err(Error::argument(
                    "train",
                    "targets",
                    found,
                    format!("targets for the loss {:?}", loss.function()),
                ))
            }
        }
    }
}

/// Computes the loss of each sample with its graph, and adds the losses to the sums on the device.
fn accumulate(loss: Loss, sums: &mut Accumulator, output: &Tensor, samples: &Samples) -> Result<Tensor> {
    let pair = sums.pair_for(samples.size() as u64)?;
    let targets = samples.targets(loss, output)?;
    let losses = loss.function().rows(output, &targets)?;
    if loss.function().has_accuracy() {
        super::metric::add_classification(sums.pairs(), pair, &losses, output, &targets)?;
    } else {
        super::metric::add_losses(sums.pairs(), pair, &losses)?;
    }
    Ok(losses)
}
