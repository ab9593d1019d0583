//! Losses of models that know nothing, which a diagnosis compares a training with.

use super::losses::Loss;
use crate::data::{Dataset, Splits, Target, Targets};
use crate::device::Device;
use crate::error::Result;
use crate::tensor::Tensor;

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
    /// The loss over the training samples of a model that always gives the same answer: all classes with the same
    /// probability, or the means of the training targets.
    pub training: f64,
    /// The loss of that model over the validation samples.
    pub validation: f64,
    /// About the loss of a model before its training.
    pub untrained: f64,
}

impl Baseline {
    /// The same loss for all.
    pub fn even(loss: f64) -> Baseline {
        Baseline { training: loss, validation: loss, untrained: loss }
    }

    /// Whether targets that are numbers have another size than the outputs of initial weights, so that a training
    /// spends many steps on their mean and their scale. With standardised targets they have not.
    pub(super) fn is_out_of_scale(&self) -> bool {
        self.training > 0.0 && (self.untrained > FAR * self.training || self.training > LARGE)
    }

    /// The losses on these samples; `None` for targets that `loss` is not defined for. Reads all targets that are
    /// numbers.
    ///
    /// # Errors
    /// Errors of the data.
    pub fn of(loss: Loss, splits: &Splits) -> Result<Option<Baseline>> {
        let function = loss.function();
        let Targets::Values(outputs) = splits.train.targets() else {
            return Ok(loss.of_guessing(splits.train.targets()).map(Baseline::even));
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
        Ok(Some(Baseline { training, validation, untrained: initial.max(training) }))
    }
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
