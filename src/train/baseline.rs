//! Losses of models that know nothing, which a diagnosis compares a training with.

use super::losses::Loss;
use crate::data::{Dataset, Splits, Target, Targets};
use crate::device::Device;
use crate::error::Result;
use crate::tensor::Tensor;
use std::sync::Arc;

/// Rows of targets whose losses are computed at once.
const ROWS: usize = 1 << 16;

/// A loss of initial outputs this many times that of the means: the targets are far from 0, or differ little from each
/// other.
const FAR: f64 = 25.0;
/// A loss of the means above this: the targets are large. Standardised ones have a loss of about 1.
const LARGE: f64 = 25.0;

/// Losses of models that know nothing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Baseline {
    /// The loss over the training samples of a model that always gives the same answer: the classes with the
    /// probabilities that they have among the training samples, or the means of the training targets.
    pub training: f64,
    /// The loss of that model over the validation samples.
    pub validation: f64,
    /// About the loss of a model before its training.
    pub untrained: f64,
    /// Whether targets are classes, which have no scale.
    pub of_classes: bool,
}

impl Baseline {
    /// The loss of classes that are all as frequent.
    pub fn even(loss: f64) -> Baseline {
        Baseline { training: loss, validation: loss, untrained: loss, of_classes: true }
    }

    /// Whether targets that are numbers have another size than the outputs of initial weights, so that a training
    /// spends many steps on their mean and their scale. With standardised targets they have not.
    pub(super) fn is_out_of_scale(&self) -> bool {
        !self.of_classes
            && self.training > 0.0
            && (self.untrained > FAR * self.training || self.training > LARGE)
    }

    /// The losses on these samples; `None` for targets that `loss` is not defined for. Reads all targets. Only classes of
    /// samples that are drawn or decoded when they are read are taken to be all as frequent.
    ///
    /// # Errors
    /// Errors of the data.
    pub fn of(loss: Loss, splits: &Splits) -> Result<Option<Baseline>> {
        let function = loss.function();
        let outputs = match splits.train.targets() {
            Targets::Values(outputs) => outputs,
            Targets::Classes(classes) => {
                let even = loss.of_guessing(splits.train.targets()).map(Baseline::even);
                let is_slow = |set: &Arc<dyn Dataset>| set.is_slow() || set.is_endless();
                return match even {
                    Some(even) if ![&splits.train, &splits.validation].into_iter().any(is_slow) => {
                        of_classes(loss, splits, classes, even).map(Some)
                    }
                    even => Ok(even),
                };
            }
        };
        let (training, validation) =
            (numbers(&*splits.train, outputs)?, numbers(&*splits.validation, outputs)?);
        let count = (training.len() / outputs) as f64;
        let mean = |output: usize| {
            training[output..].iter().step_by(outputs).map(|&target| f64::from(target)).sum::<f64>() / count
        };
        let means: Vec<f32> = (0..outputs).map(|output| function.output_for(mean(output)) as f32).collect();
        let device = Device::cpu();
        let of = |answer: &[f32], targets: &[f32]| -> Result<f64> {
            let mut sum = 0.0;
            for part in targets.chunks(ROWS * outputs) {
                let shape = [part.len() / outputs, outputs];
                let answers = Tensor::new(&device, &answer.repeat(shape[0]), shape)?;
                let losses = function.rows(&answers, &Tensor::new(&device, part, shape)?)?;
                sum += losses.to_vec::<f32>()?.into_iter().map(f64::from).sum::<f64>();
            }
            Ok(sum / (targets.len() / outputs) as f64)
        };
        // The outputs of initial weights are about 1 in size.
        let initial = of(&vec![1.0; outputs], &training)?.max(of(&vec![-1.0; outputs], &training)?);
        let (training, validation) = (of(&means, &training)?, of(&means, &validation)?);
        Ok(Some(Baseline { training, validation, untrained: initial.max(training), of_classes: false }))
    }
}

/// The losses of a model that knows how frequent the classes are.
fn of_classes(loss: Loss, splits: &Splits, classes: usize, even: Baseline) -> Result<Baseline> {
    let counted = |set: &dyn Dataset| -> Result<Vec<f64>> {
        let mut input = vec![0.0; set.sample_shape().iter().product()];
        let mut counts = vec![0.0; classes];
        for index in 0..set.len() {
            let mut label = 0;
            set.write(0, index, &mut input, Target::Class(&mut label))?;
            counts[label as usize] += 1.0;
        }
        Ok(counts)
    };
    let (training, validation) = (counted(&*splits.train)?, counted(&*splits.validation)?);
    // One sample more of each, so that a class without training samples is not impossible.
    let all = training.iter().sum::<f64>() + classes as f64;
    let answer: Vec<f32> = training.iter().map(|count| ((count + 1.0) / all).ln() as f32).collect();
    let device = Device::cpu();
    let labels: Vec<u32> = (0..classes as u32).collect();
    let answers = Tensor::new(&device, &answer.repeat(classes), [classes, classes])?;
    let losses = loss.function().rows(&answers, &Tensor::new(&device, &labels, [classes])?)?;
    let losses: Vec<f64> = losses.to_vec::<f32>()?.into_iter().map(f64::from).collect();
    let mean = |counts: &[f64]| {
        counts.iter().zip(&losses).map(|(count, loss)| count * loss).sum::<f64>() / counts.iter().sum::<f64>()
    };
    Ok(Baseline { training: mean(&training), validation: mean(&validation), ..even })
}

/// The targets of a set, `[samples, outputs]`.
pub(super) fn numbers(set: &dyn Dataset, outputs: usize) -> Result<Vec<f32>> {
    let mut input = vec![0.0; set.sample_shape().iter().product()];
    let mut targets = vec![0.0; set.len() * outputs];
    for (index, target) in targets.chunks_exact_mut(outputs).enumerate() {
        set.write(0, index, &mut input, Target::Values(target))?;
    }
    Ok(targets)
}
