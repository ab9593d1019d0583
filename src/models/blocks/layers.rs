//! The trait that each kind of block implements.

use crate::models::stage::Stage;
use crate::nn::Sequential;

/// A kind of block: the layers of one repetition within a stage.
pub trait BlockLayers {
    /// Whether the input of the block is an image (`true`) or features. The model converts an image to features before
    /// a block that takes features.
    fn takes_image(&self) -> bool {
        true
    }

    /// Appends one block to `model`, with the stage's width, kernel and activation. Its first convolution has
    /// `strides`. They are above 1 only in the first block of a stage that downsamples by convolution.
    fn append(&self, stage: &Stage, strides: [usize; 2], model: Sequential) -> Sequential;
}
