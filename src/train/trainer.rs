//! One training step, one evaluation, and the sums of losses on the device.

use super::average::Average;
use super::losses::Loss;
use super::samples::{Samples, rows};
pub use super::sums::Metrics;
use super::sums::{Accumulator, Sums};
use crate::data::Batch;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::optim::{Algorithm, DecayExempt, LossScaling, Optimizer};
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A model with its loss and its optimiser. Runs training steps and evaluations.
pub struct Trainer<'a> {
    model: &'a Model,
    loss: Loss,
    optimizer: Optimizer,
    step: u64,
    training: Accumulator,
    /// Parts that each batch is computed in.
    parts: usize,
    average: Option<Average>,
}

/// The numbers that a step hands on to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TrainerState {
    step: u64,
    updates: u64,
    sums: Sums,
}

impl TrainerState {
    /// The steps so far.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Whether a trainer can have these numbers.
    pub fn is_possible(&self) -> bool {
        self.updates <= self.step && self.sums.is_possible()
    }
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
            parts: 1,
            average: None,
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

    /// Computes each batch in `parts` parts, one after the other, and updates once with the sum of their gradients: the
    /// activations need less memory. The step is the same but for rounding, for batch norms, which normalise by the
    /// statistics of a part, and for dropout, which draws a mask for each part. In mixed precision the sum is in f16.
    ///
    /// # Errors
    /// [`Error::Argument`] for no parts.
    pub fn with_parts(self, parts: usize) -> Result<Trainer<'a>> {
        if parts == 0 {
            return Err(Error::argument("train", "parts", "0", "at least 1"));
        }
        Ok(Trainer { parts, ..self })
    }

    /// Keeps an exponential moving average of the weights and buffers, with this decay per step; `None` for none.
    /// [`Trainer::evaluate`] then evaluates the averages, and [`Trainer::finish`] makes them the model's.
    ///
    /// # Errors
    /// [`Error::Argument`] for a decay that is not from 0 to below 1; [`Error::OutOfMemory`].
    pub fn with_average(self, decay: Option<f64>) -> Result<Trainer<'a>> {
        let average = decay.map(|decay| Average::new(self.model, decay)).transpose()?;
        Ok(Trainer { average, ..self })
    }

    /// Ends the training: makes the averages, if there are any, the model's weights and buffers.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn finish(&mut self) -> Result<()> {
        self.average.take().map_or(Ok(()), |average| average.write_into(self.model))
    }

    /// The values that [`Trainer::evaluate`] evaluates, parameters and buffers by name: the averages if there are any.
    pub(super) fn evaluated(&self) -> Vec<(String, Tensor)> {
        match &self.average {
            Some(average) => average.named(self.model),
            None => values_of(self.model),
        }
    }

    /// The numbers and the tensors that a step hands on to the next, parameters and buffers included, by name.
    pub(super) fn state(&self) -> (TrainerState, Vec<(String, Tensor)>) {
        let (updates, optimizer) = self.optimizer.state();
        let named = |kind: &'static str, values: Vec<(String, Tensor)>| {
            values.into_iter().map(move |(name, values)| (format!("{kind}.{name}"), values))
        };
        let mut tensors: Vec<_> = named("model", values_of(self.model)).collect();
        let averages = self.average.as_ref().map(|average| average.named(self.model));
        tensors.extend(named("average", averages.unwrap_or_default()));
        tensors.extend(optimizer);
        tensors.push(("sums".to_string(), self.training.pairs().clone()));
        (TrainerState { step: self.step, updates, sums: self.training.state() }, tensors)
    }

    /// Overwrites the tensor of [`state`](Trainer::state) by this name.
    ///
    /// # Errors
    /// Errors of the device.
    pub(super) fn write(&self, name: &str, tensor: &Tensor, values: &[f32]) -> Result<()> {
        let buffers = self.model.buffers();
        match name.strip_prefix("model.").filter(|name| buffers.contains(name)) {
            Some(buffer) => buffers.set(buffer, values),
            None => tensor.write(0, values),
        }
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

    /// The optimiser.
    pub(super) fn optimizer(&self) -> &Optimizer {
        &self.optimizer
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
        self.step_with(&Samples::Host(Cow::Borrowed(batch)), rate)
    }

    /// Runs one training step as [`Trainer::step`] does, on a batch that is on the model's device already: `inputs`
    /// as [`Model::batch`] makes them, and `targets`, labels `[n]` of u32 or numbers of the output's shape.
    ///
    /// # Errors
    /// Those of [`Trainer::step`], and the errors of ops for operands of another type or on another device.
    pub fn step_on(&mut self, inputs: &Tensor, targets: &Tensor, rate: f64) -> Result<()> {
        self.step_with(&Samples::on_device(inputs.clone(), targets.clone()), rate)
    }

    /// Runs a step on `size` samples without values, for a dry device.
    pub(crate) fn dry_step(&mut self, size: usize) -> Result<()> {
        self.step_with(&Samples::Blank(size), 0.0)
    }

    fn step_with(&mut self, samples: &Samples, rate: f64) -> Result<()> {
        self.backward(samples)?;
        self.update(rate)
    }

    /// The first half of a step: losses and gradients.
    pub(super) fn backward(&mut self, samples: &Samples) -> Result<()> {
        if self.parts == 1 {
            let loss = self.losses(samples, self.step)?.mean(&[], false)?;
            self.optimizer.backward(&loss)?;
        } else {
            let total = samples.size() as f32;
            // Each part has random numbers of its own.
            for (part, samples) in (0..).zip(samples.parts(self.parts)?) {
                let losses = self.losses(&samples, self.step * self.parts as u64 + part)?.sum(&[], false)?;
                let loss = losses.div(&Tensor::full(losses.device(), losses.dtype(), [], total)?)?;
                if part == 0 { self.optimizer.backward(&loss)? } else { self.optimizer.accumulate(&loss)? }
            }
        }
        Ok(())
    }

    /// The second half of a step: the update.
    pub(super) fn update(&mut self, rate: f64) -> Result<()> {
        self.optimizer.step(rate)?;
        self.step += 1;
        self.average.as_ref().map_or(Ok(()), |average| average.update(self.model, self.step))
    }

    /// The loss of each sample in training mode, added to the running sums. `number` keys the random numbers.
    fn losses(&mut self, samples: &Samples, number: u64) -> Result<Tensor> {
        let x = samples.inputs(self.model)?;
        let output = self.model.train(&x, number)?;
        drop(x);
        rows(self.loss, &mut self.training, &output, samples)
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
            let (loss, updated) = (metrics.loss, self.step > 1);
            return Err(Error::Diverged { step: self.step, loss, updated, origin: String::new() });
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
        self.with_evaluated(|| {
            let mut sums = Accumulator::new(self.device())?;
            evaluate_on(self.model, self.loss, &mut sums, &Samples::Blank(size))
        })
    }

    /// Mean loss and accuracy of the model over batches, in evaluation mode, with the averages of its weights if there
    /// are any. Waits for the device.
    ///
    /// # Errors
    /// Those of [`Trainer::step`], and errors of the batches.
    pub fn evaluate(&self, batches: impl Iterator<Item = Result<Batch>>) -> Result<Metrics> {
        self.with_evaluated(|| evaluate(self.model, self.loss, batches))
    }

    /// Runs `evaluation` while the model has the values to evaluate.
    fn with_evaluated<T>(&self, evaluation: impl FnOnce() -> Result<T>) -> Result<T> {
        match &self.average {
            Some(average) => average.lend(self.model, evaluation),
            None => evaluation(),
        }
    }
}

/// The parameters as they are updated, and the buffers, by name.
pub(super) fn values_of(model: &Model) -> Vec<(String, Tensor)> {
    let values = model.parameters().master_values().chain(model.buffers().iter());
    values.map(|(name, values)| (name.to_string(), values)).collect()
}

/// Mean loss and accuracy of a model over batches, in evaluation mode. Waits for the device.
///
/// # Errors
/// Those of [`Trainer::step`], and errors of the batches.
pub fn evaluate(model: &Model, loss: Loss, batches: impl Iterator<Item = Result<Batch>>) -> Result<Metrics> {
    let mut sums = Accumulator::new(model.parameters().flat()[0].device())?;
    for batch in batches {
        evaluate_on(model, loss, &mut sums, &Samples::Host(Cow::Owned(batch?)))?;
    }
    sums.metrics(loss)
}

fn evaluate_on(model: &Model, loss: Loss, sums: &mut Accumulator, samples: &Samples) -> Result<()> {
    let output = model.predict(&samples.inputs(model)?)?;
    rows(loss, sums, &output, samples).map(drop)
}
