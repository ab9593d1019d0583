//! From an image to a list of features.

use super::layer::{Layer, Pass};
use crate::error::Result;
use crate::shape::elements;
use crate::tensor::Tensor;

/// All axes of a sample become one.
#[derive(Clone, Debug, Default)]
pub struct Flatten;

impl Flatten {
    pub fn new() -> Flatten {
        Flatten
    }
}

impl Layer for Flatten {
    fn kind(&self) -> &'static str {
        "Flatten"
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(vec![elements(input)])
    }

    fn forward(&self, x: &Tensor, _: &[Tensor], _: &Pass) -> Result<Tensor> {
        x.flatten()
    }
}
