//! The convolution layer.

use super::activation::Activation;
use super::initializer::Initializer;
use super::layer::{Layer, ParameterSpec, Pass};
use crate::error::{Error, Result};
use crate::ops::Padding;
use crate::shape::{Shape, elements};
use crate::tensor::Tensor;

/// `f(x ∗ kernel + bias)` on `[height, width, channels]`, kernel `[kh, kw, in/groups, out]`.
#[derive(Clone, Debug)]
pub struct Conv2d {
    filters: usize,
    kernel_size: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
    groups: usize,
    activation: Activation,
    bias: bool,
    initializer: Initializer,
}

impl Conv2d {
    /// A layer with this many output channels; stride 1, valid padding, one group, linear, with a bias, kernel
    /// Glorot uniform, bias zero (Keras' defaults).
    pub fn new(filters: usize, kernel_size: [usize; 2]) -> Conv2d {
        Conv2d {
            filters,
            kernel_size,
            strides: [1, 1],
            padding: Padding::Valid,
            groups: 1,
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

    /// Groups of channels that know nothing of each other. With one input channel a group,
    /// [`DepthwiseConv2d`](super::DepthwiseConv2d) is faster.
    pub fn groups(mut self, groups: usize) -> Conv2d {
        self.groups = groups;
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
        let [height, width, channels] = *input else {
            let expected = "an image [height, width, channels] is needed";
            return Err(Error::shape("Conv2D", &[Shape::truncated(input)], expected));
        };
        if self.filters == 0 {
            return Err(Error::argument("Conv2D", "filters", 0, "at least 1"));
        }
        if !channels.is_multiple_of(self.groups) || !self.filters.is_multiple_of(self.groups) {
            let expected = format!("a divisor of {channels} channels and of {} filters", self.filters);
            return Err(Error::argument("Conv2D", "groups", self.groups, expected));
        }
        let (oh, _) = self.padding.resolve("Conv2D", 0, height, self.kernel_size[0], self.strides[0])?;
        let (ow, _) = self.padding.resolve("Conv2D", 1, width, self.kernel_size[1], self.strides[1])?;
        Ok(vec![oh, ow, self.filters])
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec> {
        let [kh, kw] = self.kernel_size;
        let inputs = input[2] / self.groups;
        let fans = (elements(&[kh, kw, inputs]), elements(&[kh, kw, self.filters]));
        let kernel = ParameterSpec {
            name: "kernel",
            shape: vec![kh, kw, inputs, self.filters],
            initializer: self.initializer,
            fans,
        };
        let bias =
            ParameterSpec { name: "bias", shape: vec![self.filters], initializer: Initializer::Zeros, fans };
        std::iter::once(kernel).chain(self.bias.then_some(bias)).collect()
    }

    fn macs(&self, input: &[usize]) -> u64 {
        let values = self.output_shape(input).map_or(0, |output| elements(&output));
        let [kh, kw] = self.kernel_size;
        elements(&[values, kh, kw, input[2] / self.groups]) as u64
    }

    fn forward(&self, x: &Tensor, parameters: &[Tensor], _: &Pass) -> Result<Tensor> {
        let (kernel, bias, function) = (&parameters[0], parameters.get(1), self.activation.function());
        x.conv2d_grouped(kernel, bias, self.groups, self.strides, self.padding, function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_divide_kernel_fans_and_costs() {
        let input = [6, 5, 8];
        let layer = Conv2d::new(12, [3, 2]).padding(Padding::Same).groups(4);
        let kernel = &layer.parameters(&input)[0];
        assert_eq!((&kernel.shape[..], kernel.fans), (&[3, 2, 2, 12][..], (12, 72)));
        assert_eq!(layer.macs(&input), 6 * 5 * 12 * 12);
        for groups in [0, 3, 8] {
            let refused = layer.clone().groups(groups).output_shape(&input);
            assert!(matches!(refused, Err(Error::Argument { argument: "groups", .. })), "{groups}");
        }
    }
}
