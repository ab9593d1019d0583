//! A trained factor for each channel.

use crate::error::{Error, Result};
use crate::nn::{Definition, Initializer, Module, Scope};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `x·scale`: each channel of `[…, channels]` times a trained value. The values are the parameter `scale`,
/// `[channels]`; they start at 1, so the layer starts as the identity. ([`Rescaling`](super::Rescaling) has a factor
/// that is not trained.)
#[derive(Clone, Debug, Default)]
pub struct Scale;

impl Scale {
    /// The layer, which has no options.
    pub fn new() -> Scale {
        Scale
    }
}

impl Module for Scale {
    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let Some(&channels) = input.last() else {
            let expected = "at least one axis: the last holds the channels";
            return Err(Error::shape("Scale", &[Shape::truncated(input)], expected));
        };
        definition.parameter("scale", &[channels], Initializer::Ones);
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        x.mul(scope.parameter("scale")?)
    }
}
