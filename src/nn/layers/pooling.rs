//! Pooling layers: over windows, and over the whole image.

use crate::error::{Error, Result};
use crate::nn::{Definition, Module, Scope};
use crate::ops::Padding;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The window of a pooling layer.
#[derive(Clone, Debug)]
struct Window {
    size: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
}

impl Window {
    fn new(size: [usize; 2]) -> Window {
        Window { size, strides: size, padding: Padding::Valid }
    }

    fn output_shape(&self, kind: &'static str, input: &[usize]) -> Result<Vec<usize>> {
        let [height, width, channels] = image(kind, input)?;
        let (oh, _) = self.padding.resolve(kind, 0, height, self.size[0], self.strides[0])?;
        let (ow, _) = self.padding.resolve(kind, 1, width, self.size[1], self.strides[1])?;
        Ok(vec![oh, ow, channels])
    }
}

fn image(kind: &'static str, input: &[usize]) -> Result<[usize; 3]> {
    input.try_into().map_err(|_| {
        Error::shape(kind, &[Shape::truncated(input)], "an image [height, width, channels] is needed")
    })
}

/// The largest value of each window, channel by channel.
#[derive(Clone, Debug)]
pub struct MaxPool2d(Window);

/// The mean of each window, channel by channel. Padding does not count.
#[derive(Clone, Debug)]
pub struct AveragePool2d(Window);

macro_rules! windowed {
    ($layer:ident, $kind:literal, $op:ident) => {
        impl $layer {
            /// Windows of `[height, width]` that do not overlap, without padding (Keras' defaults).
            pub fn new(size: [usize; 2]) -> $layer {
                $layer(Window::new(size))
            }

            /// Steps of the window along height and width; its size by default.
            pub fn strides(mut self, strides: [usize; 2]) -> $layer {
                self.0.strides = strides;
                self
            }

            /// What surrounds the image; [`Padding::Valid`], nothing, by default.
            pub fn padding(mut self, padding: Padding) -> $layer {
                self.0.padding = padding;
                self
            }
        }

        impl Module for $layer {
            fn kind(&self) -> &'static str {
                $kind
            }

            fn define(&self, input: &[usize], _: &mut Definition) -> Result<Vec<usize>> {
                self.0.output_shape($kind, input)
            }

            fn forward(&self, x: &Tensor, _: &Scope) -> Result<Tensor> {
                x.$op(self.0.size, self.0.strides, self.0.padding)
            }
        }
    };
}

windowed!(MaxPool2d, "MaxPooling2D", max_pool2d);
windowed!(AveragePool2d, "AveragePooling2D", average_pool2d);

/// The mean of each channel over the whole image: `[height, width, channels]` to `[channels]`.
#[derive(Clone, Debug, Default)]
pub struct GlobalAveragePool2d;

impl GlobalAveragePool2d {
    /// The layer; it has no options.
    pub fn new() -> GlobalAveragePool2d {
        GlobalAveragePool2d
    }
}

impl Module for GlobalAveragePool2d {
    fn kind(&self) -> &'static str {
        "GlobalAveragePooling2D"
    }

    fn define(&self, input: &[usize], _: &mut Definition) -> Result<Vec<usize>> {
        image("GlobalAveragePooling2D", input).map(|[_, _, channels]| vec![channels])
    }

    fn forward(&self, x: &Tensor, _: &Scope) -> Result<Tensor> {
        x.global_average_pool2d()
    }
}
