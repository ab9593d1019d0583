//! One training step, one evaluation, and the sums of losses on the device.

use super::losses::{Loss, TargetKind};
use crate::data::{Batch, BatchTargets};
use crate::device::memory::{Category, allocating};
use crate::device::{DType, Device};
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::optim::{Algorithm, DecayExempt, LossScaling, Optimizer};
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::Serialize;

/// Means over samples.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Metrics {
    /// Mean loss.
    pub loss: f64,
    /// Top-1 accuracy, 0 to 1: the share of samples whose largest output is at their label. `None` for regression.
    pub accuracy: Option<f64>,
    /// Number of samples.
    pub samples: u64,
}

impl Metrics {
    /// The means over the samples since `earlier`, an earlier state of the same running means.
    pub(super) fn since(&self, earlier: &Metrics) -> Metrics {
        let samples = self.samples - earlier.samples;
        let mean = |now: f64, before: f64| {
            (now * self.samples as f64 - before * earlier.samples as f64) / samples.max(1) as f64
        };
        Metrics {
            loss: mean(self.loss, earlier.loss),
            accuracy: self.accuracy.map(|accuracy| mean(accuracy, earlier.accuracy.unwrap_or(0.0))),
            samples,
        }
    }
}

/// A model with its loss and its optimiser. Runs training steps and evaluations.
pub struct Trainer<'a> {
    model: &'a Model,
    loss: Loss,
    optimizer: Optimizer,
    step: u64,
    training: Accumulator,
}

/// Number of pairs of sums on the device. When all are full, the host reads them.
const PAIRS: usize = 128;
/// Batches per pair: few enough that their sum in f32 has a relative error of at most 2e-6.
const BATCHES: u64 = 64;
/// Samples per pair, unless one batch has more: f32 can't count further.
const SAMPLES: u64 = 1 << 24;

/// Sums of losses and of correct predictions: pairs in f32 on the device, their total in f64 on the host. The pair of a
/// batch depends only on the batches before it, so reading the total does not change later totals.
struct Accumulator {
    pairs: Tensor,
    /// The current pair, and the numbers of batches and samples in it.
    pair: usize,
    in_pair: (u64, u64),
    /// Totals of pairs that were read and cleared.
    read: [f64; 2],
    samples: u64,
}

impl Accumulator {
    fn new(device: &Device) -> Result<Accumulator> {
        let _category = allocating(Category::Workspace);
        let pairs = Tensor::zeros(device, DType::F32, [PAIRS, 2])?;
        Ok(Accumulator { pairs, pair: 0, in_pair: (0, 0), read: [0.0; 2], samples: 0 })
    }

    /// The pair for a batch of `samples` samples. Waits for the device if all pairs are full.
    fn pair_for(&mut self, samples: u64) -> Result<usize> {
        let (batches, before) = self.in_pair;
        if batches == BATCHES || (batches > 0 && before + samples > SAMPLES) {
            if self.pair + 1 == PAIRS {
                self.read = self.total()?;
                self.pairs.fill(0.0)?;
            }
            self.pair = (self.pair + 1) % PAIRS;
            self.in_pair = (0, 0);
        }
        self.in_pair = (self.in_pair.0 + 1, self.in_pair.1 + samples);
        self.samples += samples;
        Ok(self.pair)
    }

    /// Both sums over all batches. Waits for the device.
    fn total(&self) -> Result<[f64; 2]> {
        let add = |sum: [f64; 2], pair: &[f32]| [sum[0] + f64::from(pair[0]), sum[1] + f64::from(pair[1])];
        Ok(self.pairs.to_vec::<f32>()?.chunks_exact(2).fold(self.read, add))
    }

    /// The means over all samples. Waits for the device.
    fn metrics(&self, loss: Loss) -> Result<Metrics> {
        let has_accuracy = loss.function().has_accuracy();
        let samples = self.samples;
        let [loss, accuracy] = self.total()?.map(|sum| sum / samples.max(1) as f64);
        let accuracy = has_accuracy.then_some(accuracy);
        Ok(Metrics { loss, accuracy, samples })
    }

    /// Resets all sums to zero.
    fn clear(&mut self) -> Result<()> {
        (self.pair, self.in_pair, self.read, self.samples) = (0, (0, 0), [0.0; 2], 0);
        self.pairs.fill(0.0)
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
        super::metric::add_classification(&sums.pairs, pair, &losses, output, &targets)?;
    } else {
        super::metric::add_losses(&sums.pairs, pair, &losses)?;
    }
    Ok(losses)
}
