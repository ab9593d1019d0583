//! What a kind of block is.

use crate::models::stage::Stage;
use crate::nn::Sequential;

/// A kind of block: the layers of one repetition within a stage.
pub trait BlockLayers {
    /// Whether it computes on an image; else on features, and the model flattens or averages images in front of it.
    fn takes_image(&self) -> bool {
        true
    }

    /// One block at the end of `model`, with the stage's width, kernel and activation. Its first convolution has
    /// `strides`, which are 1 but in the first block of a stage that shrinks its image by convolution.
    fn append(&self, stage: &Stage, strides: [usize; 2], model: Sequential) -> Sequential;
}
