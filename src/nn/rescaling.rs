//! A fixed change of scale.

use super::layer::{Layer, Pass};
use crate::error::Result;
use crate::tensor::Tensor;

/// `x·scale + offset`: brings inputs to the range that a model likes, and travels with the model.
#[derive(Clone, Debug)]
pub struct Rescaling {
    scale: f32,
    offset: f32,
}

impl Rescaling {
    pub fn new(scale: f32, offset: f32) -> Rescaling {
        Rescaling { scale, offset }
    }
}

impl Layer for Rescaling {
    fn kind(&self) -> &'static str {
        "Rescaling"
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor, _: &[Tensor], _: &Pass) -> Result<Tensor> {
        let constant = |value: f32| Tensor::full(x.device(), x.dtype(), [], value);
        x.mul(&constant(self.scale)?)?.add(&constant(self.offset)?)
    }
}
