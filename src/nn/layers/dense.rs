//! The fully connected layer.

use super::activation::Activation;
use crate::error::{Error, Result};
use crate::nn::{Definition, Initializer, Module, Scope};
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
    /// A layer with so many outputs. Defaults are those of Keras: linear, a Glorot uniform kernel, a bias that starts at
    /// zero.
    pub fn new(units: usize) -> Dense {
        Dense { units, activation: Activation::Linear, bias: true, initializer: Initializer::default() }
    }

    /// The function that the output passes through; linear by default.
    pub fn activation(mut self, activation: Activation) -> Dense {
        self.activation = activation;
        self
    }

    /// Whether a bias is added to each output; by default it is.
    pub fn use_bias(mut self, bias: bool) -> Dense {
        self.bias = bias;
        self
    }

    /// How the kernel is drawn; Glorot uniform by default.
    pub fn kernel_initializer(mut self, initializer: Initializer) -> Dense {
        self.initializer = initializer;
        self
    }
}

impl Module for Dense {
    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let [features] = *input else {
            let expected = "one axis of features; put a Flatten before";
            return Err(Error::shape("Dense", &[Shape::truncated(input)], expected));
        };
        if self.units == 0 {
            return Err(Error::argument("Dense", "units", 0, "at least 1"));
        }
        definition.parameter("kernel", &[features, self.units], self.initializer);
        if self.bias {
            definition.parameter("bias", &[self.units], Initializer::Zeros);
        }
        definition.macs(elements(&[features, self.units]) as u64);
        Ok(vec![self.units])
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let bias = self.bias.then(|| scope.parameter("bias")).transpose()?;
        x.dense(scope.parameter("kernel")?, bias, self.activation.function())
    }
}
