//! The fully connected layer.

use super::activation::Activation;
use super::initializer::Initializer;
use super::layer::{Layer, ParameterSpec, Pass};
use crate::error::{Error, Result};
use crate::shape::{Shape, elements};
use crate::tensor::Tensor;

/// `f(x·kernel + bias)`, kernel `[in, out]`.
#[derive(Clone, Debug)]
pub struct Dense {
    units: usize,
    activation: Activation,
    bias: bool,
    initializer: Initializer,
}

impl Dense {
    /// A layer with this many outputs; linear, with a bias, kernel Glorot uniform, bias zero (Keras' defaults).
    pub fn new(units: usize) -> Dense {
        Dense { units, activation: Activation::Linear, bias: true, initializer: Initializer::default() }
    }

    pub fn activation(mut self, activation: Activation) -> Dense {
        self.activation = activation;
        self
    }

    pub fn use_bias(mut self, bias: bool) -> Dense {
        self.bias = bias;
        self
    }

    pub fn kernel_initializer(mut self, initializer: Initializer) -> Dense {
        self.initializer = initializer;
        self
    }
}

impl Layer for Dense {
    fn kind(&self) -> &'static str {
        "Dense"
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        match input {
            [_] if self.units > 0 => Ok(vec![self.units]),
            [_] => Err(Error::argument("Dense", "units", 0, "at least 1")),
            _ => Err(Error::shape(
                "Dense",
                &[Shape::truncated(input)],
                "one axis of features; put a Flatten before",
            )),
        }
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec> {
        let fans = (input[0], self.units);
        let kernel = ParameterSpec {
            name: "kernel",
            shape: vec![input[0], self.units],
            initializer: self.initializer,
            fans,
        };
        let bias =
            ParameterSpec { name: "bias", shape: vec![self.units], initializer: Initializer::Zeros, fans };
        std::iter::once(kernel).chain(self.bias.then_some(bias)).collect()
    }

    fn macs(&self, input: &[usize]) -> u64 {
        elements(&[input[0], self.units]) as u64
    }

    fn forward(&self, x: &Tensor, parameters: &[Tensor], _: &Pass) -> Result<Tensor> {
        x.dense(&parameters[0], parameters.get(1), self.activation.function())
    }
}
