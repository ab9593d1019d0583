//! A fixed linear change of scale.

use crate::error::Result;
use crate::nn::{Definition, Module, Scope};
use crate::tensor::Tensor;

/// `x·scale + offset`: brings inputs to the range that a model is trained on, as part of the model.
#[derive(Clone, Debug)]
pub struct Rescaling {
    scale: f32,
    offset: f32,
}

impl Rescaling {
    /// The layer with these two constants, which are not trained.
    pub fn new(scale: f32, offset: f32) -> Rescaling {
        Rescaling { scale, offset }
    }
}

impl Module for Rescaling {
    fn define(&self, input: &[usize], _: &mut Definition) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor, _: &Scope) -> Result<Tensor> {
        let constant = |value: f32| Tensor::full(x.device(), x.dtype(), [], value);
        x.mul(&constant(self.scale)?)?.add(&constant(self.offset)?)
    }
}
