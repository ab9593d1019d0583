//! The depthwise convolution layer.

use super::activation::Activation;
use crate::error::{Error, Result};
use crate::nn::{Definition, Initializer, Module, Scope};
use crate::ops::{ConvOptions, Padding};
use crate::shape::{Shape, elements};
use crate::tensor::Tensor;

/// `f(x ∗ kernel + bias)` channel by channel on `[height, width, channels]`, kernel `[kh, kw, channels, multiplier]`:
/// `channels·multiplier` output channels, each of which reads one input channel.
#[derive(Clone, Debug)]
pub struct DepthwiseConv2d {
    kernel_size: [usize; 2],
    depth_multiplier: usize,
    strides: [usize; 2],
    dilation: [usize; 2],
    padding: Padding,
    activation: Activation,
    bias: bool,
    initializer: Initializer,
}

impl DepthwiseConv2d {
    /// A layer with one kernel of `[height, width]` per channel. Defaults are those of Keras: stride 1, no padding,
    /// linear, a Glorot uniform kernel, a bias that starts at zero.
    pub fn new(kernel_size: [usize; 2]) -> DepthwiseConv2d {
        DepthwiseConv2d {
            kernel_size,
            depth_multiplier: 1,
            strides: [1, 1],
            dilation: [1, 1],
            padding: Padding::Valid,
            activation: Activation::Linear,
            bias: true,
            initializer: Initializer::default(),
        }
    }

    /// Number of kernels, and of output channels, per input channel; 1 by default.
    pub fn depth_multiplier(mut self, multiplier: usize) -> DepthwiseConv2d {
        self.depth_multiplier = multiplier;
        self
    }

    /// Steps of the window along height and width; [1, 1] by default.
    pub fn strides(mut self, strides: [usize; 2]) -> DepthwiseConv2d {
        self.strides = strides;
        self
    }

    /// Pixels along height and width from one element of the kernel to the next; [1, 1] by default.
    pub fn dilation(mut self, dilation: [usize; 2]) -> DepthwiseConv2d {
        self.dilation = dilation;
        self
    }

    /// What surrounds the image; [`Padding::Valid`], nothing, by default.
    pub fn padding(mut self, padding: Padding) -> DepthwiseConv2d {
        self.padding = padding;
        self
    }

    /// The function that the output passes through; linear by default.
    pub fn activation(mut self, activation: Activation) -> DepthwiseConv2d {
        self.activation = activation;
        self
    }

    /// Whether a bias is added to each output channel; by default it is.
    pub fn use_bias(mut self, bias: bool) -> DepthwiseConv2d {
        self.bias = bias;
        self
    }

    /// How the kernel is drawn. As in Keras the fans are those of an ordinary convolution with a kernel of this shape,
    /// `kh·kw·channels` and `kh·kw·multiplier`, although an output is a sum over `kh·kw` values.
    pub fn depthwise_initializer(mut self, initializer: Initializer) -> DepthwiseConv2d {
        self.initializer = initializer;
        self
    }

    /// The name of the kernel among the parameters.
    pub(in crate::nn) const KERNEL: &str = "depthwise_kernel";

    /// The convolution with this kernel, bias and activation in place of the layer's own.
    pub(in crate::nn) fn convolve(
        &self,
        x: &Tensor,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        x.depthwise_conv2d_with(kernel, bias, &self.options(activation))
    }

    fn options(&self, activation: Activation) -> ConvOptions {
        let DepthwiseConv2d { strides, dilation, padding, .. } = *self;
        ConvOptions { strides, dilation, padding, function: activation.function(), ..ConvOptions::default() }
    }
}

impl Module for DepthwiseConv2d {
    fn kind(&self) -> &'static str {
        "DepthwiseConv2D"
    }

    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
        let [height, width, channels] = *input else {
            let expected = "an image [height, width, channels] is needed";
            return Err(Error::shape(self.kind(), &[Shape::truncated(input)], expected));
        };
        if self.depth_multiplier == 0 {
            return Err(Error::argument(self.kind(), "depth_multiplier", 0, "at least 1"));
        }
        let options = self.options(self.activation);
        let (oh, _) = options.resolve(self.kind(), 0, height, self.kernel_size[0])?;
        let (ow, _) = options.resolve(self.kind(), 1, width, self.kernel_size[1])?;
        let kernel = [self.kernel_size[0], self.kernel_size[1], channels, self.depth_multiplier];
        let filters = elements(&kernel[2..]);
        definition.parameter(Self::KERNEL, &kernel, self.initializer);
        if self.bias {
            definition.parameter("bias", &[filters], Initializer::Zeros);
        }
        definition.macs(elements(&[oh, ow, elements(&kernel)]) as u64);
        Ok(vec![oh, ow, filters])
    }

    fn forward(&self, x: &Tensor, scope: &Scope) -> Result<Tensor> {
        let bias = self.bias.then(|| scope.parameter("bias")).transpose()?;
        self.convolve(x, scope.parameter(Self::KERNEL)?, bias, self.activation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;

    #[test]
    fn shapes_and_costs_are_those_of_keras() {
        let layer = DepthwiseConv2d::new([3, 5]).depth_multiplier(2).strides([2, 1]).padding(Padding::Same);
        let input = [9, 8, 6];
        let report = layer.describe(&input).unwrap();
        assert_eq!((&report.output_shape[..], report.macs), (&[5, 8, 12][..], 5 * 8 * 12 * 15));
        let shapes = |layer: &DepthwiseConv2d| -> Vec<(String, Vec<usize>)> {
            let model = layer.build(&Device::cpu(), &input, 0).unwrap();
            model
                .parameters()
                .iter()
                .map(|(name, value)| (name.to_string(), value.shape().to_vec()))
                .collect()
        };
        let kernel = ("depthwise_kernel".to_string(), vec![3, 5, 6, 2]);
        assert_eq!(shapes(&layer), [kernel.clone(), ("bias".to_string(), vec![12])]);
        assert_eq!(shapes(&layer.use_bias(false)), [kernel]);
    }

    #[test]
    fn impossible_layers_are_refused() {
        let layer = DepthwiseConv2d::new([3, 3]);
        assert!(matches!(layer.describe(&[9]), Err(Error::Shape { .. })));
        assert!(matches!(layer.describe(&[2, 9, 1]), Err(Error::Argument { argument: "kernel", .. })));
        let none = layer.depth_multiplier(0).describe(&[9, 9, 1]);
        assert!(matches!(none, Err(Error::Argument { argument: "depth_multiplier", .. })));
    }
}
