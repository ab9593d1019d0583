//! A dense layer with bias, then the activation.

use super::initial;
use super::layers::BlockLayers;
use crate::models::stage::Stage;
use crate::nn::{self, Sequential};

/// [`Block::Dense`](crate::models::stage::Block::Dense).
pub struct Dense;

impl BlockLayers for Dense {
    fn takes_image(&self) -> bool {
        false
    }

    fn append(&self, stage: &Stage, _strides: [usize; 2], model: Sequential) -> Sequential {
        let dense = nn::Dense::new(stage.width).activation(stage.activation);
        model.add(dense.kernel_initializer(initial::dense(stage)))
    }
}
