//! Dropout (Srivastava et al. 2014).

use super::layer::{Layer, Pass};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// In training, sets this share of the values to zero and scales the others so that the mean stays.
#[derive(Clone, Debug)]
pub struct Dropout {
    rate: f32,
}

impl Dropout {
    pub fn new(rate: f32) -> Dropout {
        Dropout { rate }
    }
}

impl Layer for Dropout {
    fn kind(&self) -> &'static str {
        "Dropout"
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        if (0.0..1.0).contains(&self.rate) {
            Ok(input.to_vec())
        } else {
            Err(Error::argument("Dropout", "rate", self.rate, "at least 0 and below 1"))
        }
    }

    fn forward(&self, x: &Tensor, _: &[Tensor], pass: &Pass) -> Result<Tensor> {
        match pass {
            Pass::Evaluation => Ok(x.clone()),
            Pass::Training(key) => x.dropout(self.rate, *key),
        }
    }
}
