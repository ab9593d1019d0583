//! The first layers of a convolutional architecture.

use super::axis::round_width;
use super::blocks::{Norm, convolution, odd, symmetric, unbiased, within};
use crate::nn::{Activation, Conv2d, MaxPool2d, Module};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A convolution in front of the stages, and a pooling behind it. Padding is the same on both sides, as in PyTorch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stem {
    /// Output channels. Scaling multiplies them as it does those of stages.
    pub width: usize,
    /// Rows and columns of the kernel, an odd number.
    #[serde(default = "crate::models::keys::three")]
    pub kernel: usize,
    /// Stride of the convolution.
    #[serde(default = "crate::models::keys::one")]
    pub stride: usize,
    /// What normalises the output.
    #[serde(default = "batch")]
    pub norm: Norm,
    /// The activation behind the norm.
    #[serde(default = "crate::models::keys::relu")]
    pub activation: Activation,
    /// Whether the convolution has a bias if there is no norm.
    #[serde(default = "crate::models::keys::yes", skip_serializing_if = "crate::models::keys::is_true")]
    pub bias: bool,
    /// Rows and columns of the window of a max pooling with stride 2 behind the activation, an odd number; 0, the
    /// default, for none.
    #[serde(default, skip_serializing_if = "crate::models::keys::is_default")]
    pub max_pool: usize,
}

fn batch() -> Norm {
    Norm::Batch
}

impl Stem {
    /// The factor by which the stem reduces rows and columns.
    pub fn total_stride(&self) -> usize {
        self.stride.saturating_mul(if self.max_pool == 0 { 1 } else { 2 })
    }

    /// Checks the stem's keys.
    ///
    /// # Errors
    /// What is wrong: the key, its value, and the values it may have.
    pub(super) fn check(&self) -> Result<(), String> {
        within("width", self.width)?;
        within("stride", self.stride)?;
        odd("kernel", self.kernel)?;
        if self.max_pool == 0 { Ok(()) } else { odd("max_pool", self.max_pool) }
    }

    /// The stem with `factor` times the channels.
    pub(super) fn widened(&self, factor: f64) -> Stem {
        Stem { width: round_width(self.width, factor), ..self.clone() }
    }

    /// Names and layers, in order. A norm adds `epsilon` to the variance.
    pub(super) fn modules(&self, epsilon: f64) -> Vec<(&'static str, Arc<dyn Module>)> {
        let layer = Conv2d::new(self.width, [self.kernel; 2]).strides([self.stride; 2]);
        let layer = layer.padding(symmetric(self.kernel));
        let first: Arc<dyn Module> = if self.bias || self.norm != Norm::None {
            Arc::new(convolution(layer, self.norm.layer(self.width, epsilon), self.activation))
        } else {
            Arc::new(unbiased(layer, self.activation))
        };
        let mut modules = vec![("stem", first)];
        if self.max_pool != 0 {
            let pool = MaxPool2d::new([self.max_pool; 2]).strides([2, 2]).padding(symmetric(self.max_pool));
            modules.push(("stem_pool", Arc::new(pool)));
        }
        modules
    }
}
