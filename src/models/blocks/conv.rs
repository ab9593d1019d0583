//! A convolution with bias, then the activation.

use super::initial;
use super::layers::BlockLayers;
use crate::models::stage::Stage;
use crate::nn::{Conv2d, Padding, Sequential};

/// [`Block::Conv`](crate::models::stage::Block::Conv).
pub struct Conv;

impl BlockLayers for Conv {
    fn append(&self, stage: &Stage, strides: [usize; 2], model: Sequential) -> Sequential {
        model.add(
            Conv2d::new(stage.width, [stage.kernel, stage.kernel])
                .padding(Padding::Same)
                .activation(stage.activation)
                .kernel_initializer(initial::dense(stage))
                .strides(strides),
        )
    }
}
