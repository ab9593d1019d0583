//! The mean squared error: `Tensor::mse_rows`.

use super::Loss;
use super::loss::{LossFunction, TargetKind};
use crate::error::Result;
use crate::optim::Hyperparameters;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The mean squared error. It has no constants.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct MeanSquaredError;

impl Loss {
    /// The mean squared error.
    pub const fn mse() -> Loss {
        Loss::Mse(MeanSquaredError)
    }
}

impl LossFunction for MeanSquaredError {
    fn hyperparameters() -> &'static [&'static str] {
        &[]
    }

    fn configured(_: &Hyperparameters) -> MeanSquaredError {
        MeanSquaredError
    }

    fn compares_with(&self) -> TargetKind {
        TargetKind::Numbers
    }

    fn rows(&self, output: &Tensor, targets: &Tensor) -> Result<Tensor> {
        output.mse_rows(targets)
    }
}
