//! The convolution layer.

use super::activation::Activation;
use crate::error::{Error, Result};
use crate::nn::{Definition, Initializer, Module, Scope};
use crate::ops::{ConvOptions, Padding};
use crate::shape::{Shape, elements};
use crate::tensor::Tensor;

/// `f(x ∗ kernel + bias)` on `[height, width, channels]`, kernel `[kh, kw, in/groups, out]`.
#[derive(Clone, Debug)]
pub struct Conv2d {
    filters: usize,
    kernel_size: [usize; 2],
    strides: [usize; 2],
    dilation: [usize; 2],
    padding: Padding,
    groups: usize,
    activation: Activation,
    bias: bool,
    initializer: Initializer,
}

impl Conv2d {
    /// A layer with so many output channels and a kernel of `[height, width]`. Defaults are those of Keras: stride 1, no
    /// padding, one group, linear, a Glorot uniform kernel, a bias that starts at zero.
    pub fn new(filters: usize, kernel_size: [usize; 2]) -> Conv2d {
        Conv2d {
            filters,
            kernel_size,
            strides: [1, 1],
            dilation: [1, 1],
            padding: Padding::Valid,
            groups: 1,
            activation: Activation::Linear,
            bias: true,
            initializer: Initializer::default(),
        }
    }

    /// Steps of the window along height and width; [1, 1] by default.
    pub fn strides(mut self, strides: [usize; 2]) -> Conv2d {
        self.strides = strides;
        self
    }

    /// Pixels along height and width from one element of the kernel to the next; [1, 1] by default.
    pub fn dilation(mut self, dilation: [usize; 2]) -> Conv2d {
        self.dilation = dilation;
        self
    }

    /// What surrounds the image; [`Padding::Valid`], nothing, by default.
    pub fn padding(mut self, padding: Padding) -> Conv2d {
        self.padding = padding;
        self
    }

    /// Divides the channels into groups: an output channel reads the input channels of its group alone. Input channels
    /// and filters must be multiples of `groups`. [`DepthwiseConv2d`](super::DepthwiseConv2d) is faster for groups of
    /// one input channel.
    pub fn groups(mut self, groups: usize) -> Conv2d {
        self.groups = groups;
        self
    }

    /// The function that the output passes through; linear by default.
    pub fn activation(mut self, activation: Activation) -> Conv2d {
        self.activation = activation;
        self
    }

    /// Whether a bias is added to each output channel; by default it is.
    pub fn use_bias(mut self, bias: bool) -> Conv2d {
        self.bias = bias;
        self
    }

    /// How the kernel is drawn; Glorot uniform by default.
    pub fn kernel_initializer(mut self, initializer: Initializer) -> Conv2d {
        self.initializer = initializer;
        self
    }

    /// The name of the kernel among the parameters.
    pub(in crate::nn) const KERNEL: &str = "kernel";

    /// The convolution with this kernel, bias and activation in place of the layer's own.
    pub(in crate::nn) fn convolve(
        &self,
        x: &Tensor,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        x.conv2d_with(kernel, bias, &self.options(activation))
    }

    fn options(&self, activation: Activation) -> ConvOptions {
        let Conv2d { strides, dilation, padding, groups, .. } = *self;
        ConvOptions { strides, dilation, padding, groups, function: activation.function() }
    }
}

impl Module for Conv2d {
    fn kind(&self) -> &'static str {
        "Conv2D"
    }

    fn define(&self, input: &[usize], definition: &mut Definition) -> Result<Vec<usize>> {
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
        let options = self.options(self.activation);
        let (oh, _) = options.resolve("Conv2D", 0, height, self.kernel_size[0])?;
        let (ow, _) = options.resolve("Conv2D", 1, width, self.kernel_size[1])?;
        let kernel = [self.kernel_size[0], self.kernel_size[1], channels / self.groups, self.filters];
        definition.parameter(Self::KERNEL, &kernel, self.initializer);
        if self.bias {
            definition.parameter("bias", &[self.filters], Initializer::Zeros);
        }
        definition.macs(elements(&[oh, ow, elements(&kernel)]) as u64);
        Ok(vec![oh, ow, self.filters])
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
    fn groups_divide_kernel_and_costs() {
        let input = [6, 5, 8];
        let layer = Conv2d::new(12, [3, 2]).padding(Padding::Same).groups(4);
        let model = layer.build(&Device::cpu(), &input, 0).unwrap();
        let (name, kernel) = model.parameters().iter().next().unwrap();
        assert_eq!((name, &kernel.shape()[..]), ("kernel", &[3, 2, 2, 12][..]));
        assert_eq!(layer.describe(&input).unwrap().macs, 6 * 5 * 12 * 12);
        for groups in [0, 3, 8] {
            let refused = layer.clone().groups(groups).describe(&input);
            assert!(matches!(refused, Err(Error::Argument { argument: "groups", .. })), "{groups}");
        }
    }
}
