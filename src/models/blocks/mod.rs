//! The kinds of block that stages repeat, one file each.
//!
//! A kind of block is a variant of [`Block`], which TOML names, and a type that implements [`BlockLayers`].

mod conv;
mod dense;
mod initial;
mod layers;
mod separable;

pub use layers::BlockLayers;

use super::stage::{Block, Stage};
use crate::nn::Sequential;

impl Block {
    fn layers(self) -> &'static dyn BlockLayers {
        match self {
            Block::Conv => &conv::Conv,
            Block::Separable => &separable::Separable,
            Block::Dense => &dense::Dense,
        }
    }

    /// Whether the input of the block is an image (`true`) or features.
    pub fn takes_image(self) -> bool {
        self.layers().takes_image()
    }

    /// Appends the block's layers to `model`; the first convolution has `strides`.
    pub(super) fn append(self, stage: &Stage, strides: [usize; 2], model: Sequential) -> Sequential {
        self.layers().append(stage, strides, model)
    }
}
