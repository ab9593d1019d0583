//! What kinds of block share: their trait, their keys, and the modules that several of them build.

use super::initial;
use crate::nn::{
    self, Activation, AveragePool2d, BatchNorm, Conv2d, ConvNorm, DepthwiseConv2d, GroupNorm, LayerNorm,
    MaxPool2d, Module, Padding, Sequential,
};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::sync::Arc;

/// The largest width, depth, kernel, stride, resolution or number of outputs of a valid model. It keeps products of
/// sizes within 64 bits.
const LARGEST: usize = 1 << 20;

/// A kind of block: what one repetition within a stage is built from.
pub trait BlockKind: Debug {
    /// Whether the input of the block is an image (`true`) or features. The model converts an image to features before
    /// a block that takes features.
    fn takes_image(&self) -> bool {
        true
    }

    /// The factor by which the stage reduces the rows and columns of its image; 1 for none.
    fn stride(&self) -> usize {
        1
    }

    /// How the stage reduces its image if the stride is above 1.
    fn downsample(&self) -> Downsample {
        Downsample::Convolution
    }

    /// Checks the block's own keys for a first block from `input` to `width` channels or units.
    ///
    /// # Errors
    /// What is wrong: the key, its value, and the values it may have.
    fn check(&self, input: usize, width: usize) -> Result<(), String>;

    /// Checks what has to hold for a model as written, but not for one that is scaled from it, whose widths round.
    ///
    /// # Errors
    /// As those of [`check`](BlockKind::check).
    fn check_unscaled(&self, _width: usize) -> Result<(), String> {
        Ok(())
    }

    /// The modules of one repetition.
    fn module(&self, place: &Place) -> Arc<dyn Module>;
}

/// Where a block stands in its model.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Channels or units of the block's input.
    pub input: usize,
    /// Channels or units of the block's output.
    pub width: usize,
    /// The steps of its first convolution along rows and columns. Above 1 only in the first block of a stage that
    /// downsamples by convolution.
    pub stride: usize,
    /// The share of samples for which training leaves out the block's body.
    pub drop_path: f64,
    /// What norms add to the variance.
    pub norm_epsilon: f64,
}

impl Place {
    /// Whether the block's output has the shape of its input.
    pub fn keeps_shape(&self) -> bool {
        self.input == self.width && self.stride == 1
    }

    /// The layer of a norm of `width` channels.
    pub(super) fn norm(&self, norm: Norm, width: usize) -> nn::Norm {
        norm.layer(width, self.norm_epsilon)
    }
}

/// How a stage reduces the rows and columns of its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Downsample {
    /// Max pooling before the first block. Drops a border that does not fill a window.
    #[default]
    MaxPool,
    /// Average pooling before the first block. Drops a border that does not fill a window.
    AveragePool,
    /// The convolution of the first block has the stride; in a separable block, the depthwise convolution.
    Convolution,
}

/// What normalises the output of a block's layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Nothing; the layers have biases.
    #[default]
    None,
    /// Batch normalisation (Ioffe & Szegedy 2015, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)).
    Batch,
    /// Layer normalisation over the channels of each position (Ba et al. 2016,
    /// [arXiv:1607.06450](https://arxiv.org/abs/1607.06450)).
    Layer,
    /// Group normalisation (Wu & He 2018, [arXiv:1803.08494](https://arxiv.org/abs/1803.08494)) in groups of 8
    /// channels, which divide every scaled width; one group where they do not divide the width.
    Group,
}

impl Norm {
    /// The layer for `width` channels that adds `epsilon` to the variance.
    pub(in crate::models) fn layer(self, width: usize, epsilon: f64) -> nn::Norm {
        let epsilon = epsilon as f32;
        match self {
            Norm::None => nn::Norm::None,
            Norm::Batch => BatchNorm::new().epsilon(epsilon).into(),
            Norm::Layer => LayerNorm::new().epsilon(epsilon).into(),
            Norm::Group => {
                let groups = if width.is_multiple_of(8) { width / 8 } else { 1 };
                GroupNorm::new(groups).epsilon(epsilon).into()
            }
        }
    }
}

/// Checks that `value` lies between 1 and the largest size.
pub(in crate::models) fn within(key: &str, value: usize) -> Result<(), String> {
    if (1..=LARGEST).contains(&value) {
        return Ok(());
    }
    Err(format!("{key} is {value}; it must be between 1 and {LARGEST}"))
}

/// Checks a kernel whose padding is the same on both sides.
pub(in crate::models) fn odd(key: &str, value: usize) -> Result<(), String> {
    within(key, value)?;
    if value.is_multiple_of(2) {
        return Err(format!("{key} is {value}; it must be odd, so that both sides are padded equally"));
    }
    Ok(())
}

/// The padding of an odd kernel that leaves `ceil(rows / stride)` rows, with as many zeros on either side: PyTorch's
/// `padding = kernel // 2`. [`Padding::Same`], TensorFlow's, has one more at the end where the stride leaves a choice.
pub(in crate::models) fn symmetric(kernel: usize) -> Padding {
    Padding::Explicit([[kernel / 2; 2]; 2])
}

/// A convolution, its norm and its activation, with the initial values that suit the activation.
pub(in crate::models) fn convolution(layer: Conv2d, norm: nn::Norm, activation: Activation) -> ConvNorm {
    ConvNorm::new(layer.kernel_initializer(initial::dense(activation)), norm, activation)
}

/// A convolution without bias or norm, and its activation.
pub(in crate::models) fn unbiased(layer: Conv2d, activation: Activation) -> Conv2d {
    layer.use_bias(false).activation(activation).kernel_initializer(initial::dense(activation))
}

/// A depthwise convolution with a square kernel, its norm and its activation, with the initial values that suit the
/// activation.
pub(super) fn depthwise(
    (kernel, stride): (usize, usize),
    padding: Padding,
    norm: nn::Norm,
    activation: Activation,
) -> ConvNorm {
    let layer = DepthwiseConv2d::new([kernel; 2]).strides([stride; 2]).padding(padding);
    ConvNorm::new(layer.depthwise_initializer(initial::depthwise(kernel, activation)), norm, activation)
}

/// A dense layer, its norm and its activation.
pub(in crate::models) fn dense(units: usize, norm: nn::Norm, activation: Activation) -> Arc<dyn Module> {
    let layer = nn::Dense::new(units).kernel_initializer(initial::dense(activation));
    if norm.is_none() {
        return Arc::new(layer.activation(activation));
    }
    let layer = Sequential::new().add_named("dense", layer.use_bias(false));
    Arc::new(layer.add_named("norm", norm.module(activation)))
}

/// The pooling in front of a stage with this stride; `None` if the stride is 1 or a convolution has it.
pub(in crate::models) fn pool(kind: &dyn BlockKind) -> Option<Arc<dyn Module>> {
    let window = [kind.stride(); 2];
    match kind.downsample() {
        _ if kind.stride() == 1 => None,
        Downsample::MaxPool => Some(Arc::new(MaxPool2d::new(window))),
        Downsample::AveragePool => Some(Arc::new(AveragePool2d::new(window))),
        Downsample::Convolution => None,
    }
}

/// Rows of the image after the downsampling of a stage, given the rows before it.
pub(in crate::models) fn shrink(kind: &dyn BlockKind, rows: usize) -> usize {
    match kind.downsample() {
        Downsample::MaxPool | Downsample::AveragePool => rows / kind.stride(),
        Downsample::Convolution => rows.div_ceil(kind.stride()),
    }
}
