//! One training step, one evaluation, and the sums that stay on the device in between.

use crate::data::{Batch, BatchTargets, Targets};
use crate::device::memory::{Category, allocating};
use crate::device::{DType, Device};
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::optim::{Algorithm, DecayExempt, LossScaling, Optimizer};
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// What is minimised.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Softmax cross-entropy from integer labels, with label smoothing.
    CrossEntropy { smoothing: f32 },
    /// The mean of squared differences.
    MeanSquaredError,
}

impl Loss {
    /// The loss for these targets.
    pub fn for_targets(targets: Targets) -> Loss {
        match targets {
            Targets::Classes(_) => Loss::CrossEntropy { smoothing: 0.0 },
            Targets::Values(_) => Loss::MeanSquaredError,
        }
    }
}

/// Means over samples.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Metrics {
    pub loss: f64,
    /// The share of samples whose largest output is their label's; none for regression.
    pub accuracy: Option<f64>,
    pub samples: u64,
}

impl Metrics {
    /// The means over those samples that `earlier` does not have yet, of a count that went on from there.
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

/// A model, its loss and its optimiser: everything a step touches.
pub struct Trainer<'a> {
    model: &'a Model,
    loss: Loss,
    optimizer: Optimizer,
    step: u64,
    training: Accumulator,
}

/// Pairs of sums on the device; when all are full, the host reads them.
const PAIRS: usize = 128;
/// Batches that a pair takes: few enough that f32 adds them up to a relative 2e-6.
const BATCHES: u64 = 64;
/// Samples that a pair takes, unless a batch is larger: f32 counts no further.
const SAMPLES: u64 = 1 << 24;

/// Sums of losses and of right answers: pairs in f32 on the device, their total in f64 on the host. What goes into which
/// pair depends on the batches alone, so the total is the same however often it is read.
struct Accumulator {
    pairs: Tensor,
    /// The pair that the next batch goes to, with the batches and samples that it has.
    pair: usize,
    in_pair: (u64, u64),
    /// Of pairs that were read and used again.
    read: [f64; 2],
    samples: u64,
}

impl Accumulator {
    fn new(device: &Device) -> Result<Accumulator> {
        let _category = allocating(Category::Workspace);
        let pairs = Tensor::zeros(device, DType::F32, [PAIRS, 2])?;
        Ok(Accumulator { pairs, pair: 0, in_pair: (0, 0), read: [0.0; 2], samples: 0 })
    }

    /// The pair for a batch of so many samples. Waits for the device when all pairs are full.
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

    /// Their means. Waits for the device.
    fn metrics(&self, loss: Loss) -> Result<Metrics> {
        let samples = self.samples;
        let [losses, right] = self.total()?.map(|sum| sum / samples.max(1) as f64);
        let accuracy = matches!(loss, Loss::CrossEntropy { .. }).then_some(right);
        Ok(Metrics { loss: losses, accuracy, samples })
    }

    /// Starts again from zero.
    fn clear(&mut self) -> Result<()> {
        (self.pair, self.in_pair, self.read, self.samples) = (0, (0, 0), [0.0; 2], 0);
        self.pairs.fill(0.0)
    }
}

impl<'a> Trainer<'a> {
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

    /// Gradients whose norm, over all parameters, is above `norm` are scaled down to it: the global norm of
    /// `torch.nn.utils.clip_grad_norm_`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a norm that is not above zero.
    pub fn with_clip_norm(self, norm: Option<f64>) -> Result<Trainer<'a>> {
        Ok(Trainer { optimizer: self.optimizer.with_clip_norm(norm)?, ..self })
    }

    /// Leaves these parameters out of weight decay.
    pub fn with_decay_exempt(self, exempt: DecayExempt) -> Trainer<'a> {
        Trainer { optimizer: self.optimizer.with_decay_exempt(exempt), ..self }
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Forward, backward and update on one batch, with this learning rate. Waits for nothing, but once in thousands of
    /// steps for the sums of losses.
    pub fn step(&mut self, batch: &Batch, rate: f64) -> Result<()> {
        self.step_on(&Samples::Host(batch), rate)
    }

    /// A step on `size` samples of no value: for a dry device, which has no use for values.
    pub(crate) fn dry_step(&mut self, size: usize) -> Result<()> {
        self.step_on(&Samples::Blank(size), 0.0)
    }

    fn step_on(&mut self, samples: &Samples, rate: f64) -> Result<()> {
        let x = samples.inputs(self.model)?;
        let output = self.model.train(&x, self.step)?;
        drop(x);
        let loss = accumulate(self.loss, &mut self.training, &output, samples)?.mean(&[], false)?;
        drop(output);
        self.optimizer.backward_step(&loss, rate)?;
        self.step += 1;
        Ok(())
    }

    /// How the loss is scaled, in mixed precision. Waits for the device.
    pub fn loss_scaling(&self) -> Result<Option<LossScaling>> {
        self.optimizer.loss_scaling()
    }

    /// Mean loss and accuracy of the steps since [`Trainer::take_metrics`], which come out the same however often they
    /// are looked at on the way. Waits for the device.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is no longer a finite number.
    pub fn metrics(&self) -> Result<Metrics> {
        let metrics = self.training.metrics(self.loss)?;
        if metrics.samples > 0 && !metrics.loss.is_finite() {
            // The loss of a step is that of the weights before its update.
            return Err(Error::Diverged { step: self.step, loss: metrics.loss, updated: self.step > 1 });
        }
        Ok(metrics)
    }

    /// The same, and starts again from zero.
    ///
    /// # Errors
    /// Those of [`Trainer::metrics`].
    pub fn take_metrics(&mut self) -> Result<Metrics> {
        let metrics = self.metrics()?;
        self.training.clear()?;
        Ok(metrics)
    }

    /// An evaluation of `size` samples of no value: for a dry device.
    pub(crate) fn dry_evaluation(&self, size: usize) -> Result<()> {
        let mut sums = Accumulator::new(self.model.parameters().flat()[0].device())?;
        evaluate_on(self.model, self.loss, &mut sums, &Samples::Blank(size))
    }

    /// Mean loss and accuracy over batches, without training.
    pub fn evaluate(&self, batches: impl Iterator<Item = Result<Batch>>) -> Result<Metrics> {
        evaluate(self.model, self.loss, batches)
    }
}

/// Mean loss and accuracy of a model over batches.
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

/// What a step or an evaluation computes on.
enum Samples<'a> {
    /// What a loader has prepared.
    Host(&'a Batch),
    /// So many samples of no value.
    Blank(usize),
}

impl Samples<'_> {
    fn size(&self) -> usize {
        match self {
            Samples::Host(batch) => batch.size,
            Samples::Blank(size) => *size,
        }
    }

    fn inputs(&self, model: &Model) -> Result<Tensor> {
        match self {
            Samples::Host(batch) => model.batch(&batch.inputs),
            Samples::Blank(size) => model.blank_batch(*size),
        }
    }

    /// The targets for this output, of the kind that the loss compares with.
    fn targets(&self, loss: Loss, output: &Tensor) -> Result<Tensor> {
        let (device, size) = (output.device(), self.size());
        let batch = match self {
            Samples::Host(batch) => batch,
            Samples::Blank(_) => {
                let (dtype, shape) = match loss {
                    Loss::CrossEntropy { .. } => (DType::U32, Shape::from([size])),
                    Loss::MeanSquaredError => (DType::F32, output.shape()),
                };
                return Tensor::empty("targets", device, dtype, shape);
            }
        };
        match (&batch.targets, loss) {
            (BatchTargets::Classes(labels), Loss::CrossEntropy { .. }) => Tensor::new(device, labels, [size]),
            (BatchTargets::Values(values), Loss::MeanSquaredError) => {
                Tensor::new(device, values, [size, values.len() / size])
            }
            (targets, loss) => {
                let found = match targets {
                    BatchTargets::Classes(_) => "labels",
                    BatchTargets::Values(_) => "numbers",
                };
                Err(Error::argument("train", "targets", found, format!("what {loss:?} compares with")))
            }
        }
    }
}

/// The loss of each sample, added to the sums on the device and returned with its graph.
fn accumulate(loss: Loss, sums: &mut Accumulator, output: &Tensor, samples: &Samples) -> Result<Tensor> {
    let pair = sums.pair_for(samples.size() as u64)?;
    let targets = samples.targets(loss, output)?;
    match loss {
        Loss::CrossEntropy { smoothing } => {
            let losses = output.cross_entropy_rows(&targets, smoothing)?;
            super::metric::add_classification(&sums.pairs, pair, &losses, output, &targets)?;
            Ok(losses)
        }
        Loss::MeanSquaredError => {
            let losses = output.mse_rows(&targets)?;
            super::metric::add_losses(&sums.pairs, pair, &losses)?;
            Ok(losses)
        }
    }
}
