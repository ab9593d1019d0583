//! The mean absolute error: `Tensor::mae_rows`.

use super::Loss;
use super::loss::{LossFunction, TargetKind};
use crate::error::Result;
use crate::optim::Hyperparameters;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The mean absolute error. It has no constants.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct MeanAbsoluteError;

impl Loss {
    /// The mean absolute error.
    pub const fn mae() -> Loss {
        Loss::Mae(MeanAbsoluteError)
    }
}

impl LossFunction for MeanAbsoluteError {
    fn hyperparameters() -> &'static [&'static str] {
        &[]
    }

    fn configured(_: &Hyperparameters) -> MeanAbsoluteError {
        MeanAbsoluteError
    }

    fn compares_with(&self) -> TargetKind {
        TargetKind::Numbers
    }

    fn rows(&self, output: &Tensor, targets: &Tensor) -> Result<Tensor> {
        output.mae_rows(targets)
    }
}
