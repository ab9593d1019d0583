//! Dropout (Srivastava et al. 2014).

use crate::error::{Error, Result};
use crate::nn::{Definition, Mode, Module, Scope};
use crate::tensor::Tensor;

/// In training, sets a share of the values to zero and scales the others so that the mean stays. In evaluation, the
/// identity.
#[derive(Clone, Debug)]
pub struct Dropout {
    rate: f32,
}

impl Dropout {
    /// A layer that drops the share `rate`, at least 0 and below 1.
    pub fn new(rate: f32) -> Dropout {
        Dropout { rate }
    }
}

impl Module for Dropout {
    fn define(&self, input: &[usize], _: &mut Definition) -> Result<Vec<usize>> {
        if (0.0..1.0).contains(&self.rate) {
            Ok(input.to_vec())
        } else {
            Err(Error::argument("Dropout", "rate", self.rate, "at least 0 and below 1"))
        }
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        match scope.mode() {
            Mode::Eval => Ok(x.clone()),
            Mode::Train(key) => x.dropout(self.rate, key),
        }
    }
}
