//! Two dense layers and a shortcut, with the norm in front: the feed-forward block of Transformers (Vaswani et al. 2017,
//! [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)) with the norm placed as in Xiong et al. 2020
//! ([arXiv:2002.04745](https://arxiv.org/abs/2002.04745)).

use super::parts::{self, BlockKind, Norm, Place};
use super::shortcut::Shortcut;
use crate::nn::{self, Activation, Module, Sequential};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// `x + dense(activation(dense(norm(x))))`. Where the width changes, `x` passes through a dense layer. A head with the
/// same norm belongs behind the last block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResidualDense {
    /// The activation between the two layers.
    pub activation: Activation,
    /// What normalises the input of the first layer.
    pub norm: Norm,
    /// Units of the first layer divided by the block's width.
    pub expansion: f64,
}

impl Default for ResidualDense {
    fn default() -> ResidualDense {
        ResidualDense { activation: Activation::Relu, norm: Norm::Layer, expansion: 2.0 }
    }
}

impl BlockKind for ResidualDense {
    fn takes_image(&self) -> bool {
        false
    }

    fn check(&self, _: usize, _: usize) -> Result<(), String> {
        if !(1.0 / 64.0..=64.0).contains(&self.expansion) {
            return Err(format!("expansion is {}; it must be between 1/64 and 64", self.expansion));
        }
        Ok(())
    }

    fn module(&self, place: &Place) -> Arc<dyn Module> {
        let hidden = ((place.width as f64 * self.expansion).round() as usize).max(1);
        let mut body = Sequential::new();
        if self.norm != Norm::None {
            body = body.add_named("norm", place.norm(self.norm, place.input).module(Activation::Linear));
        }
        body = body
            .add_named("expand", parts::dense(hidden, nn::Norm::None, self.activation))
            .add_named("project", parts::dense(place.width, nn::Norm::None, Activation::Linear));
        Shortcut::Projection.around(body, place, nn::Dense::new(place.width), Activation::Linear)
    }
}
