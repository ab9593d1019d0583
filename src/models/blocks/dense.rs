//! A dense layer, its norm, and the activation.

use super::parts::{self, BlockKind, Norm, Place};
use crate::nn::{Activation, Module};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A dense layer, its norm, and the activation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dense {
    /// The activation.
    pub activation: Activation,
    /// What normalises the layer's output. Without a norm the layer has a bias.
    #[serde(skip_serializing_if = "crate::models::keys::is_default")]
    pub norm: Norm,
}

impl Default for Dense {
    fn default() -> Dense {
        Dense { activation: Activation::Relu, norm: Norm::None }
    }
}

impl BlockKind for Dense {
    fn takes_image(&self) -> bool {
        false
    }

    fn check(&self, _: usize, _: usize) -> Result<(), String> {
        Ok(())
    }

    fn module(&self, place: &Place) -> Arc<dyn Module> {
        parts::dense(place.width, place.norm(self.norm, place.width), self.activation)
    }
}
