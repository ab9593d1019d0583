//! The convolution layer.

use super::activation::Activation;
use super::initializer::Initializer;
use super::layer::{Layer, ParameterSpec, Pass};
use crate::error::{Error, Result};
use crate::ops::Padding;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `f(x ∗ kernel + bias)` on `[height, width, channels]`, kernel `[kh, kw, in, out]`.
#[derive(Clone, Debug)]
pub struct Conv2d {
    filters: usize,
    kernel_size: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
    activation: Activation,
    bias: bool,
    initializer: Initializer,
}

impl Conv2d {
    /// A layer with this many output channels; stride 1, valid padding, linear, with a bias, kernel Glorot
    /// uniform, bias zero (Keras' defaults).
    pub fn new(filters: usize, kernel_size: [usize; 2]) -> Conv2d {
        Conv2d {
            filters,
            kernel_size,
            strides: [1, 1],
            padding: Padding::Valid,
            activation: Activation::Linear,
            bias: true,
            initializer: Initializer::default(),
        }
    }

    pub fn strides(mut self, strides: [usize; 2]) -> Conv2d {
        self.strides = strides;
        self
    }

    pub fn padding(mut self, padding: Padding) -> Conv2d {
        self.padding = padding;
        self
    }

    pub fn activation(mut self, activation: Activation) -> Conv2d {
        self.activation = activation;
        self
    }

    pub fn use_bias(mut self, bias: bool) -> Conv2d {
        self.bias = bias;
        self
    }

    pub fn kernel_initializer(mut self, initializer: Initializer) -> Conv2d {
        self.initializer = initializer;
        self
    }
}

impl Layer for Conv2d {
    fn kind(&self) -> &'static str {
        "Conv2D"
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let [height, width, _] = *input else {
            let expected = "an image [height, width, channels] is needed";
            return Err(Error::shape("Conv2D", &[Shape::truncated(input)], expected));
        };
        if self.filters == 0 {
            return Err(Error::argument("Conv2D", "filters", 0, "at least 1"));
        }
        let (oh, _) = self.padding.resolve("Conv2D", 0, height, self.kernel_size[0], self.strides[0])?;
        let (ow, _) = self.padding.resolve("Conv2D", 1, width, self.kernel_size[1], self.strides[1])?;
        Ok(vec![oh, ow, self.filters])
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec> {
        let [kh, kw] = self.kernel_size;
        let fans = (kh * kw * input[2], kh * kw * self.filters);
        let kernel = ParameterSpec {
            name: "kernel",
            shape: vec![kh, kw, input[2], self.filters],
            initializer: self.initializer,
            fans,
        };
        let bias =
            ParameterSpec { name: "bias", shape: vec![self.filters], initializer: Initializer::Zeros, fans };
        std::iter::once(kernel).chain(self.bias.then_some(bias)).collect()
    }

    fn macs(&self, input: &[usize]) -> u64 {
        let pixels: usize = self.output_shape(input).map_or(0, |output| output[..2].iter().product());
        (pixels * self.kernel_size[0] * self.kernel_size[1] * input[2] * self.filters) as u64
    }

    fn forward(&self, x: &Tensor, parameters: &[Tensor], _: &Pass) -> Result<Tensor> {
        x.conv2d(&parameters[0], parameters.get(1), self.strides, self.padding, self.activation.function())
    }
}
