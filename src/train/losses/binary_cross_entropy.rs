//! Cross-entropy of events from logits: `Tensor::binary_cross_entropy_rows`.

use super::Loss;
use super::loss::{LossFunction, TargetKind};
use crate::error::Result;
use crate::optim::Hyperparameters;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Binary cross-entropy from logits. It has no constants.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct BinaryCrossEntropy;

impl Loss {
    /// Binary cross-entropy of logits, with the probability of each event as target.
    pub const fn binary_cross_entropy() -> Loss {
        Loss::BinaryCrossEntropy(BinaryCrossEntropy)
    }
}

impl LossFunction for BinaryCrossEntropy {
    fn hyperparameters() -> &'static [&'static str] {
        &[]
    }

    fn configured(_: &Hyperparameters) -> BinaryCrossEntropy {
        BinaryCrossEntropy
    }

    fn compares_with(&self) -> TargetKind {
        TargetKind::Numbers
    }

    /// The logit of a probability. That of a certain event is not infinite here.
    fn output_for(&self, mean: f64) -> f64 {
        let mean = mean.clamp(1e-6, 1.0 - 1e-6);
        (mean / (1.0 - mean)).ln()
    }

    fn rows(&self, output: &Tensor, targets: &Tensor) -> Result<Tensor> {
        output.binary_cross_entropy_rows(targets)
    }
}
