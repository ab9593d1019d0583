//! The samples of a training step or an evaluation, wherever they are, and their losses.

use super::losses::{Loss, TargetKind};
use super::metric;
use super::sums::Accumulator;
use crate::data::{Batch, BatchTargets};
use crate::device::DType;
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::borrow::Cow;
use std::ops::Range;

/// The samples of a step or an evaluation.
pub(super) enum Samples<'a> {
    /// A batch of a loader.
    Host(Cow<'a, Batch>),
    /// Inputs and targets on the model's device.
    OnDevice(Box<[Tensor; 2]>),
    /// This many samples without values.
    Blank(usize),
}

impl Samples<'_> {
    /// Inputs and targets on the model's device.
    pub fn on_device(inputs: Tensor, targets: Tensor) -> Samples<'static> {
        Samples::OnDevice(Box::new([inputs, targets]))
    }

    /// The samples in `parts` parts of consecutive samples, or fewer if there are fewer samples. Their sizes differ by at
    /// most one.
    pub fn parts(&self, parts: usize) -> Result<Vec<Samples<'static>>> {
        let size = self.size();
        let parts = parts.min(size).max(1);
        let bounds: Vec<usize> = (0..=parts).map(|part| part * size / parts).collect();
        let ranges = bounds.windows(2).map(|ends| ends[0]..ends[1]);
        let part = |range: Range<usize>| {
            Ok(match self {
                Samples::Host(batch) => Samples::Host(Cow::Owned(batch.range(range))),
                Samples::OnDevice(pair) => {
                    let [inputs, targets] = &**pair;
                    Samples::on_device(inputs.slice(0, range.clone())?, targets.slice(0, range)?)
                }
                Samples::Blank(_) => Samples::Blank(range.len()),
            })
        };
        ranges.map(part).collect()
    }

    pub fn size(&self) -> usize {
        match self {
            Samples::Host(batch) => batch.size,
            Samples::OnDevice(pair) => {
                let inputs = &pair[0];
                if inputs.shape().rank() > 0 { inputs.shape()[0] } else { 0 }
            }
            Samples::Blank(size) => *size,
        }
    }

    pub fn inputs(&self, model: &Model) -> Result<Tensor> {
        match self {
            Samples::Host(batch) => model.batch(&batch.inputs),
            Samples::OnDevice(pair) => Ok(pair[0].clone()),
            Samples::Blank(size) => model.blank_batch(*size),
        }
    }

    /// The targets as a tensor, of the kind that the loss expects.
    fn targets(&self, loss: Loss, output: &Tensor) -> Result<Tensor> {
        let (device, size, kind) = (output.device(), self.size(), loss.function().compares_with());
        let batch = match self {
            Samples::Host(batch) => batch,
            Samples::OnDevice(pair) => return Ok(pair[1].clone()),
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
            (BatchTargets::Mixed { first, .. }, TargetKind::Labels) => Tensor::new(device, first, [size]),
            (targets, _) => {
                let found = match targets {
                    BatchTargets::Classes(_) | BatchTargets::Mixed { .. } => "labels",
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
pub(super) fn rows(loss: Loss, sums: &mut Accumulator, output: &Tensor, samples: &Samples) -> Result<Tensor> {
    let pair = sums.pair_for(samples.size() as u64)?;
    let targets = samples.targets(loss, output)?;
    let mut losses = loss.function().rows(output, &targets)?;
    if let Samples::Host(batch) = samples
        && let BatchTargets::Mixed { second, weight, .. } = &batch.targets
    {
        let second = Tensor::new(output.device(), second, [samples.size()])?;
        let others = loss.function().rows(output, &second)?;
        let part = |losses: &Tensor, weight: f32| {
            losses.mul(&Tensor::full(losses.device(), losses.dtype(), [], weight)?)
        };
        losses = part(&losses, *weight)?.add(&part(&others, 1.0 - weight)?)?;
    }
    if loss.function().has_accuracy() {
        metric::add_classification(sums.pairs(), pair, &losses, output, &targets)?;
    } else {
        metric::add_losses(sums.pairs(), pair, &losses)?;
    }
    Ok(losses)
}
