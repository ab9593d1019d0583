//! A convolution in two steps: each channel on its own, then each pixel on its own.

use super::activation::Activation;
use crate::error::{Error, Result};
use crate::nn::{Definition, Initializer, Module, Scope};
use crate::ops::{ConvOptions, Padding};
use crate::shape::{Shape, elements};
use crate::tensor::Tensor;

/// `f(x ∗ depthwise_kernel · pointwise_kernel + bias)` on `[height, width, channels]`: a [depthwise
/// convolution](super::DepthwiseConv2d) with `[kh, kw, channels, multiplier]`, then a product of the channels of each
/// pixel with `[1, 1, channels·multiplier, filters]`. There is no function and no bias between the two, as in Keras
/// (Chollet 2017, [arXiv:1610.02357](https://arxiv.org/abs/1610.02357)).
#[derive(Clone, Debug)]
pub struct SeparableConv2d {
    filters: usize,
    kernel_size: [usize; 2],
    depth_multiplier: usize,
    strides: [usize; 2],
    dilation: [usize; 2],
    padding: Padding,
    activation: Activation,
    bias: bool,
    initializers: [Initializer; 2],
}

impl SeparableConv2d {
    /// A layer with so many output channels and depthwise kernels of `[height, width]`. Defaults are those of Keras:
    /// stride 1, no padding, linear, Glorot uniform kernels, a bias that starts at zero.
    pub fn new(filters: usize, kernel_size: [usize; 2]) -> SeparableConv2d {
        SeparableConv2d {
            filters,
            kernel_size,
            depth_multiplier: 1,
            strides: [1, 1],
            dilation: [1, 1],
            padding: Padding::Valid,
            activation: Activation::Linear,
            bias: true,
            initializers: [Initializer::default(); 2],
        }
    }

    /// Number of depthwise kernels per input channel; 1 by default.
    pub fn depth_multiplier(self, multiplier: usize) -> SeparableConv2d {
        SeparableConv2d { depth_multiplier: multiplier, ..self }
    }

    /// Steps of the window along height and width; [1, 1] by default.
    pub fn strides(self, strides: [usize; 2]) -> SeparableConv2d {
        SeparableConv2d { strides, ..self }
    }

    /// Pixels along height and width from one element of the depthwise kernel to the next; [1, 1] by default.
    pub fn dilation(self, dilation: [usize; 2]) -> SeparableConv2d {
        SeparableConv2d { dilation, ..self }
    }

    /// What surrounds the image; [`Padding::Valid`], nothing, by default.
    pub fn padding(self, padding: Padding) -> SeparableConv2d {
        SeparableConv2d { padding, ..self }
    }

    /// The function that the output passes through; linear by default.
    pub fn activation(self, activation: Activation) -> SeparableConv2d {
        SeparableConv2d { activation, ..self }
    }

    /// Whether a bias is added to each output channel; by default it is.
    pub fn use_bias(self, bias: bool) -> SeparableConv2d {
        SeparableConv2d { bias, ..self }
    }

    /// How the depthwise and the pointwise kernel are drawn; Glorot uniform by default.
    pub fn initializers(self, depthwise: Initializer, pointwise: Initializer) -> SeparableConv2d {
        SeparableConv2d { initializers: [depthwise, pointwise], ..self }
    }

    /// Those of the depthwise convolution.
    fn options(&self) -> ConvOptions {
        let SeparableConv2d { strides, dilation, padding, .. } = *self;
        ConvOptions { strides, dilation, padding, ..ConvOptions::default() }
    }
}

impl Module for SeparableConv2d {
    fn kind(&self) -> &'static str {
        "SeparableConv2D"
    }

    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let kind = self.kind();
        let [height, width, channels] = *input else {
            let expected = "an image [height, width, channels] is needed";
            return Err(Error::shape(kind, &[Shape::truncated(input)], expected));
        };
        for (name, count) in [("filters", self.filters), ("depth_multiplier", self.depth_multiplier)] {
            if count == 0 {
                return Err(Error::argument(kind, name, 0, "at least 1"));
            }
        }
        let options = self.options();
        let (oh, _) = options.resolve(kind, 0, height, self.kernel_size[0])?;
        let (ow, _) = options.resolve(kind, 1, width, self.kernel_size[1])?;
        let depthwise = [self.kernel_size[0], self.kernel_size[1], channels, self.depth_multiplier];
        let between = elements(&depthwise[2..]);
        let pointwise = [1, 1, between, self.filters];
        definition.parameter("depthwise_kernel", &depthwise, self.initializers[0]);
        definition.parameter("pointwise_kernel", &pointwise, self.initializers[1]);
        if self.bias {
            definition.parameter("bias", &[self.filters], Initializer::Zeros);
        }
        for kernel in [depthwise, pointwise] {
            definition.macs(elements(&[oh, ow, elements(&kernel)]) as u64);
        }
        definition.activations(elements(&[oh, ow, between.saturating_add(self.filters)]) as u64);
        Ok(vec![oh, ow, self.filters])
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let bias = self.bias.then(|| scope.parameter("bias")).transpose()?;
        let between = x.depthwise_conv2d_with(scope.parameter("depthwise_kernel")?, None, &self.options())?;
        let function = self.activation.function();
        between.conv2d(scope.parameter("pointwise_kernel")?, bias, [1, 1], Padding::Valid, function)
    }
}
