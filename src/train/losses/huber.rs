//! The mean of Huber losses of differences (Huber 1964): `Tensor::huber_rows`.

use super::Loss;
use super::loss::{LossFunction, TargetKind};
use crate::error::Result;
use crate::optim::Hyperparameters;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The constants of the Huber loss.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Huber {
    /// The difference up to which the loss is half the square; beyond, it is linear.
    pub delta: f32,
}

impl Default for Huber {
    /// A difference of 1, as in PyTorch.
    fn default() -> Huber {
        Huber { delta: 1.0 }
    }
}

impl Loss {
    /// The mean of Huber losses, which are half the square of differences up to `delta` and linear beyond.
    pub const fn huber(delta: f32) -> Loss {
        Loss::Huber(Huber { delta })
    }
}

impl LossFunction for Huber {
    fn hyperparameters() -> &'static [&'static str] {
        &["huber_delta"]
    }

    fn configured(values: &Hyperparameters) -> Huber {
        Huber { delta: values.number("huber_delta", Huber::default().delta.into()) as f32 }
    }

    fn compares_with(&self) -> TargetKind {
        TargetKind::Numbers
    }

    fn rows(&self, output: &Tensor, targets: &Tensor) -> Result<Tensor> {
        output.huber_rows(targets, self.delta)
    }
}
