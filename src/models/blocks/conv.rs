//! A convolution, its norm, and the activation.

use super::parts::{BlockKind, Downsample, Norm, Place, convolution, within};
use crate::nn::{Activation, Conv2d, Module, Padding};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A convolution with padding [`Padding::Same`], its norm, and the activation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conv {
    /// The activation.
    pub activation: Activation,
    /// Rows and columns of the kernel.
    #[serde(skip_serializing_if = "crate::models::keys::is_three")]
    pub kernel: usize,
    /// The factor by which the stage reduces rows and columns at its beginning; 1 for none.
    #[serde(skip_serializing_if = "crate::models::keys::is_one")]
    pub stride: usize,
    /// How the stage reduces rows and columns if the stride is above 1.
    #[serde(skip_serializing_if = "crate::models::keys::is_default")]
    pub downsample: Downsample,
    /// What normalises the convolution's output. Without a norm the convolution has a bias.
    #[serde(skip_serializing_if = "crate::models::keys::is_default")]
    pub norm: Norm,
}

impl Default for Conv {
    fn default() -> Conv {
        let activation = Activation::Relu;
        Conv { activation, kernel: 3, stride: 1, downsample: Downsample::default(), norm: Norm::None }
    }
}

impl BlockKind for Conv {
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
        let layer = Conv2d::new(place.width, [self.kernel; 2]).strides([place.stride; 2]);
        let norm = place.norm(self.norm, place.width);
        Arc::new(convolution(layer.padding(Padding::Same), norm, self.activation))
    }
}
