//! A stage of an architecture: a block, repeated at one width.

use crate::nn::Activation;
use serde::{Deserialize, Serialize};

/// A block repeated `depth` times at one width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The kind of block.
    pub block: Block,
    /// Channels of each convolution, or units of each dense layer.
    pub width: usize,
    /// Number of repetitions of the block.
    #[serde(default = "one")]
    pub depth: usize,
    /// Activation of each layer of the block.
    #[serde(default = "relu")]
    pub activation: Activation,
    /// Rows and columns of the convolution kernel; padding is `same`. Convolutions only.
    #[serde(default = "three", skip_serializing_if = "is_three")]
    pub kernel: usize,
    /// The factor by which the stage reduces rows and columns at its beginning; 1 for none. Convolutions only.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: usize,
    /// How the stage reduces rows and columns if the stride is above 1. Convolutions only.
    #[serde(default, skip_serializing_if = "Downsample::is_default")]
    pub downsample: Downsample,
}

/// The kind of block that a stage repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Convolution with bias, then the activation.
    Conv,
    /// Depthwise convolution, then a pointwise one to `width` channels, each with bias and activation: the block of
    /// MobileNets (Howard et al. 2017, [arXiv:1704.04861](https://arxiv.org/abs/1704.04861)).
    Separable,
    /// Dense layer with bias, then the activation.
    Dense,
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

impl Downsample {
    fn is_default(&self) -> bool {
        *self == Downsample::default()
    }
}

fn one() -> usize {
    1
}

fn three() -> usize {
    3
}

fn relu() -> Activation {
    Activation::Relu
}

fn is_one(value: &usize) -> bool {
    *value == 1
}

fn is_three(value: &usize) -> bool {
    *value == 3
}

impl Stage {
    /// `depth` convolutions of 3×3, ReLU, no downsampling.
    pub fn conv(width: usize, depth: usize) -> Stage {
        Stage {
            block: Block::Conv,
            width,
            depth,
            activation: Activation::Relu,
            kernel: 3,
            stride: 1,
            downsample: Downsample::MaxPool,
        }
    }

    /// `depth` pairs of a depthwise convolution of 3×3 and a pointwise one, ReLU after each, no downsampling.
    pub fn separable(width: usize, depth: usize) -> Stage {
        Stage { block: Block::Separable, downsample: Downsample::Convolution, ..Stage::conv(width, depth) }
    }

    /// `depth` dense layers with ReLU.
    pub fn dense(width: usize, depth: usize) -> Stage {
        Stage { block: Block::Dense, ..Stage::conv(width, depth) }
    }

    /// The same stage with this stride.
    pub fn stride(self, stride: usize) -> Stage {
        Stage { stride, ..self }
    }

    /// Rows of the image after this stage's downsampling, given the rows before it.
    pub(super) fn shrink(&self, rows: usize) -> usize {
        match self.downsample {
            Downsample::MaxPool | Downsample::AveragePool => rows / self.stride,
            Downsample::Convolution => rows.div_ceil(self.stride),
        }
    }
}
