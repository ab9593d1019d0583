//! What a loss is.

use crate::data::Targets;
use crate::error::Result;
use crate::optim::Hyperparameters;
use crate::tensor::Tensor;
use std::fmt::Debug;

/// The kind of targets that a loss compares with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TargetKind {
    /// A label per sample: u32, `[n]`.
    Labels,
    /// Numbers like those that the model returns, in their shape.
    Numbers,
}

impl TargetKind {
    /// The kind of a data set's targets.
    pub fn of(targets: Targets) -> TargetKind {
        match targets {
            Targets::Classes(_) => TargetKind::Labels,
            Targets::Values(_) => TargetKind::Numbers,
        }
    }
}

/// A loss function with its constants.
pub trait LossFunction: Debug {
    /// Names of the fields of [`TrainConfig`](crate::train::TrainConfig) that the loss takes its constants from.
    /// Configurations that set others of a loss's fields are refused.
    fn hyperparameters() -> &'static [&'static str]
    where
        Self: Sized;

    /// The loss with the constants of a configuration.
    fn configured(values: &Hyperparameters) -> Self
    where
        Self: Sized;

    /// The targets that it compares outputs with.
    fn compares_with(&self) -> TargetKind;

    /// Whether the training also counts the outputs whose largest element is at the label.
    fn has_accuracy(&self) -> bool {
        false
    }

    /// The loss of a model that gives all classes the same probability; `None` where there are no classes.
    fn of_guessing(&self, _targets: Targets) -> Option<f64> {
        None
    }

    /// The output that stands for a mean of targets that are numbers.
    fn output_for(&self, mean: f64) -> f64 {
        mean
    }

    /// The loss of each sample, `[n]`, from outputs `[n, …]` and their targets.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for shapes that don't fit; errors of the device.
    fn rows(&self, output: &Tensor, targets: &Tensor) -> Result<Tensor>;
}
