//! From an image to a list of features.

use crate::error::Result;
use crate::nn::{Definition, Module, Scope};
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

impl Module for Flatten {
    fn define(&self, input: &[usize], _: &mut Definition) -> Result<Vec<usize>> {
        Ok(vec![elements(input)])
    }

    fn forward(&self, x: &Tensor, _: &Scope) -> Result<Tensor> {
        x.flatten()
    }
}
