//! The depthwise convolution layer.

use super::activation::Activation;
use super::initializer::Initializer;
use super::layer::{Layer, ParameterSpec, Pass};
use crate::error::{Error, Result};
use crate::ops::Padding;
use crate::shape::{Shape, elements};
use crate::tensor::Tensor;

/// `f(x ∗ kernel + bias)` channel by channel on `[height, width, channels]`, kernel `[kh, kw, channels, multiplier]`:
/// `channels·multiplier` output channels, of which each sees one input channel.
#[derive(Clone, Debug)]
pub struct DepthwiseConv2d {
    kernel_size: [usize; 2],
    depth_multiplier: usize,
    strides: [usize; 2],
    padding: Padding,
    activation: Activation,
    bias: bool,
    initializer: Initializer,
}

impl DepthwiseConv2d {
    /// A layer with one kernel of this size a channel; stride 1, valid padding, linear, with a bias, kernel Glorot
    /// uniform, bias zero (Keras' defaults).
    pub fn new(kernel_size: [usize; 2]) -> DepthwiseConv2d {
        DepthwiseConv2d {
            kernel_size,
            depth_multiplier: 1,
            strides: [1, 1],
            padding: Padding::Valid,
            activation: Activation::Linear,
            bias: true,
            initializer: Initializer::default(),
        }
    }

    /// Kernels, and so output channels, for each input channel.
    pub fn depth_multiplier(mut self, multiplier: usize) -> DepthwiseConv2d {
        self.depth_multiplier = multiplier;
        self
    }

    pub fn strides(mut self, strides: [usize; 2]) -> DepthwiseConv2d {
        self.strides = strides;
        self
    }

    pub fn padding(mut self, padding: Padding) -> DepthwiseConv2d {
        self.padding = padding;
        self
    }

    pub fn activation(mut self, activation: Activation) -> DepthwiseConv2d {
        self.activation = activation;
        self
    }

    pub fn use_bias(mut self, bias: bool) -> DepthwiseConv2d {
        self.bias = bias;
        self
    }

    /// How the kernel begins. As in Keras the fans are those of an ordinary convolution with a kernel of this shape,
    /// `kh·kw·channels` and `kh·kw·multiplier`, although an output sums over `kh·kw` values only.
    pub fn depthwise_initializer(mut self, initializer: Initializer) -> DepthwiseConv2d {
        self.initializer = initializer;
        self
    }
}

impl Layer for DepthwiseConv2d {
    fn kind(&self) -> &'static str {
        "DepthwiseConv2D"
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let [height, width, channels] = *input else {
            let expected = "an image [height, width, channels] is needed";
            return Err(Error::shape(self.kind(), &[Shape::truncated(input)], expected));
        };
        if self.depth_multiplier == 0 {
            return Err(Error::argument(self.kind(), "depth_multiplier", 0, "at least 1"));
        }
        let (oh, _) = self.padding.resolve(self.kind(), 0, height, self.kernel_size[0], self.strides[0])?;
        let (ow, _) = self.padding.resolve(self.kind(), 1, width, self.kernel_size[1], self.strides[1])?;
        Ok(vec![oh, ow, elements(&[channels, self.depth_multiplier])])
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec> {
        let ([kh, kw], channels, multiplier) = (self.kernel_size, input[2], self.depth_multiplier);
        let fans = (elements(&[kh, kw, channels]), elements(&[kh, kw, multiplier]));
        let kernel = ParameterSpec {
            name: "depthwise_kernel",
            shape: vec![kh, kw, channels, multiplier],
            initializer: self.initializer,
            fans,
        };
        let bias = ParameterSpec {
            name: "bias",
            shape: vec![elements(&[channels, multiplier])],
            initializer: Initializer::Zeros,
            fans,
        };
        std::iter::once(kernel).chain(self.bias.then_some(bias)).collect()
    }

    fn macs(&self, input: &[usize]) -> u64 {
        let values = self.output_shape(input).map_or(0, |output| elements(&output));
        elements(&[values, self.kernel_size[0], self.kernel_size[1]]) as u64
    }

    fn forward(&self, x: &Tensor, parameters: &[Tensor], _: &Pass) -> Result<Tensor> {
        let (kernel, bias) = (&parameters[0], parameters.get(1));
        x.depthwise_conv2d(kernel, bias, self.strides, self.padding, self.activation.function())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_fans_and_costs_are_those_of_keras() {
        let layer = DepthwiseConv2d::new([3, 5]).depth_multiplier(2).strides([2, 1]).padding(Padding::Same);
        let input = [9, 8, 6];
        assert_eq!(layer.output_shape(&input).unwrap(), [5, 8, 12]);
        let [kernel, bias] = &layer.parameters(&input)[..] else { panic!("a kernel and a bias") };
        assert_eq!(
            (kernel.name, &kernel.shape[..], kernel.fans),
            ("depthwise_kernel", &[3, 5, 6, 2][..], (90, 30))
        );
        assert_eq!((bias.name, &bias.shape[..]), ("bias", &[12][..]));
        assert_eq!(layer.macs(&input), 5 * 8 * 12 * 15);
        assert_eq!(layer.use_bias(false).parameters(&input).len(), 1);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let layer = DepthwiseConv2d::new([3, 3]);
        assert!(matches!(layer.output_shape(&[9]), Err(Error::Shape { .. })));
        assert!(matches!(layer.output_shape(&[2, 9, 1]), Err(Error::Argument { argument: "kernel", .. })));
        let none = layer.depth_multiplier(0).output_shape(&[9, 9, 1]);
        assert!(matches!(none, Err(Error::Argument { argument: "depth_multiplier", .. })));
    }
}
