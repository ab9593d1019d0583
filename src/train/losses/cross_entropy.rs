//! Softmax cross-entropy with integer labels: `Tensor::cross_entropy_rows`.

use super::Loss;
use super::loss::{LossFunction, TargetKind};
use crate::data::Targets;
use crate::error::Result;
use crate::optim::Hyperparameters;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The constants of cross-entropy.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct CrossEntropy {
    /// Share of a label's probability that is spread over all classes, 0 to 1.
    pub smoothing: f32,
}

impl Loss {
    /// Softmax cross-entropy with integer labels, of whose probability the share `smoothing` is spread over all classes.
    pub const fn cross_entropy(smoothing: f32) -> Loss {
        Loss::CrossEntropy(CrossEntropy { smoothing })
    }
}

impl LossFunction for CrossEntropy {
    fn hyperparameters() -> &'static [&'static str] {
        &["label_smoothing"]
    }

    fn configured(values: &Hyperparameters) -> CrossEntropy {
        let default = CrossEntropy::default().smoothing;
        CrossEntropy { smoothing: values.number("label_smoothing", default.into()) as f32 }
    }

    fn compares_with(&self) -> TargetKind {
        TargetKind::Labels
    }

    fn has_accuracy(&self) -> bool {
        true
    }

    fn of_guessing(&self, targets: Targets) -> Option<f64> {
        match targets {
            Targets::Classes(classes) => Some((classes as f64).ln()),
            Targets::Values(_) => None,
        }
    }

    fn rows(&self, output: &Tensor, targets: &Tensor) -> Result<Tensor> {
        output.cross_entropy_rows(targets, self.smoothing)
    }
}
