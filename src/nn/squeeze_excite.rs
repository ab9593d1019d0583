//! Squeeze-and-excitation (Hu et al. 2018, [arXiv:1709.01507](https://arxiv.org/abs/1709.01507)).

use super::definition::Definition;
use super::layers::{Activation, Dense};
use super::module::Module;
use super::scope::Scope;
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Multiplies each channel of an image by a weight between 0 and 1 that follows from the means of all channels:
/// `x · gate(expand(activation(squeeze(mean(x)))))`, where `squeeze` and `expand` are dense layers with biases.
///
/// ```
/// use allometry::nn::{Module, SqueezeExcite};
///
/// let report = SqueezeExcite::new(4).describe(&[8, 8, 16])?;
/// assert_eq!(report.parameters, 16 * 4 + 4 + 4 * 16 + 16);
/// # Ok::<(), allometry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqueezeExcite {
    squeezed: usize,
    activation: Activation,
    gate: Activation,
}

impl SqueezeExcite {
    /// A module with this many units between the two dense layers, ReLU behind the first and a sigmoid behind the second,
    /// as in the paper.
    pub fn new(squeezed: usize) -> SqueezeExcite {
        SqueezeExcite { squeezed, activation: Activation::Relu, gate: Activation::Sigmoid }
    }

    /// The function behind the first dense layer; ReLU by default.
    pub fn activation(self, activation: Activation) -> SqueezeExcite {
        SqueezeExcite { activation, ..self }
    }

    /// The function that the weights of the channels pass through; the sigmoid by default.
    pub fn gate(self, gate: Activation) -> SqueezeExcite {
        SqueezeExcite { gate, ..self }
    }

    fn squeeze(&self) -> Dense {
        Dense::new(self.squeezed).activation(self.activation)
    }

    fn expand(&self, channels: usize) -> Dense {
        Dense::new(channels).activation(self.gate)
    }
}

impl Module for SqueezeExcite {
    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let [_, _, channels] = *input else {
            let expected = "an image [height, width, channels] is needed";
            return Err(Error::shape("SqueezeExcite", &[Shape::truncated(input)], expected));
        };
        let squeezed = definition.module("squeeze", &self.squeeze(), &[channels])?;
        definition.module("expand", &self.expand(channels), &squeezed)?;
        definition.activations(crate::shape::elements(input) as u64);
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let [samples, _, _, channels] = x.shape()[..] else {
            return Err(Error::shape(
                "SqueezeExcite",
                &[x.shape()],
                "an image batch [n, height, width, channels]",
            ));
        };
        let squeezed = scope.forward("squeeze", &self.squeeze(), &x.global_average_pool2d()?)?;
        let weights = scope.forward("expand", &self.expand(channels), &squeezed)?;
        x.mul(&weights.reshape([samples, 1, 1, channels])?)
    }
}
