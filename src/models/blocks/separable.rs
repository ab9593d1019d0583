//! A depthwise convolution, then a pointwise one, each with bias and activation: the block of MobileNets (Howard et al.
//! 2017, [arXiv:1704.04861](https://arxiv.org/abs/1704.04861)).

use super::initial;
use super::layers::BlockLayers;
use crate::models::stage::Stage;
use crate::nn::{Conv2d, DepthwiseConv2d, Padding, Sequential};

/// [`Block::Separable`](crate::models::stage::Block::Separable).
pub struct Separable;

impl BlockLayers for Separable {
    fn append(&self, stage: &Stage, strides: [usize; 2], model: Sequential) -> Sequential {
        let depthwise = DepthwiseConv2d::new([stage.kernel, stage.kernel])
            .strides(strides)
            .padding(Padding::Same)
            .activation(stage.activation)
            .depthwise_initializer(initial::depthwise(stage));
        let pointwise = Conv2d::new(stage.width, [1, 1])
            .padding(Padding::Same)
            .activation(stage.activation)
            .kernel_initializer(initial::dense(stage));
        model.add(depthwise).add(pointwise)
    }
}
