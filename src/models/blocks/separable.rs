//! A depthwise convolution, then a pointwise one, each with norm and activation: the block of MobileNets (Howard et al.
//! 2017, [arXiv:1704.04861](https://arxiv.org/abs/1704.04861)).

use super::parts::{BlockKind, Downsample, Norm, Place, convolution, depthwise, within};
use crate::nn::{Activation, Conv2d, Module, Padding, Sequential};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A depthwise convolution with padding [`Padding::Same`], then a convolution of 1×1, each with norm and activation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Separable {
    /// The activation of both convolutions.
    pub activation: Activation,
    /// Rows and columns of the depthwise kernel.
    #[serde(skip_serializing_if = "crate::models::keys::is_three")]
    pub kernel: usize,
    /// The factor by which the stage reduces rows and columns at its beginning; 1 for none.
    #[serde(skip_serializing_if = "crate::models::keys::is_one")]
    pub stride: usize,
    /// How the stage reduces rows and columns if the stride is above 1.
    #[serde(skip_serializing_if = "crate::models::keys::is_default")]
    pub downsample: Downsample,
    /// What normalises the output of each convolution. Without a norm the convolutions have biases.
    #[serde(skip_serializing_if = "crate::models::keys::is_default")]
    pub norm: Norm,
}

impl Default for Separable {
    fn default() -> Separable {
        let activation = Activation::Relu;
        Separable { activation, kernel: 3, stride: 1, downsample: Downsample::default(), norm: Norm::None }
    }
}

impl BlockKind for Separable {
    fn stride(&self) -> usize {
        self.stride
    }

    fn downsample(&self) -> Downsample {
        self.downsample
    }

    fn check(&self, _: usize, _: usize) -> Result<(), String> {
        within("kernel", self.kernel)?;
        within("stride", self.stride)
    }

    fn module(&self, place: &Place) -> Arc<dyn Module> {
        let (norm, activation) = (|width| place.norm(self.norm, width), self.activation);
        let first = depthwise((self.kernel, place.stride), Padding::Same, norm(place.input), activation);
        let second = convolution(Conv2d::new(place.width, [1, 1]), norm(place.width), activation);
        Arc::new(Sequential::new().add_named("depthwise", first).add_named("pointwise", second))
    }
}
