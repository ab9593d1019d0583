//! From an image to a row of features.

use crate::error::Result;
use crate::nn::{Definition, Module, Scope};
use crate::shape::elements;
use crate::tensor::Tensor;

/// Joins all axes of a sample into one: `[height, width, channels]` to `[height·width·channels]`.
#[derive(Clone, Debug, Default)]
pub struct Flatten;

impl Flatten {
    /// The layer; it has no options.
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
