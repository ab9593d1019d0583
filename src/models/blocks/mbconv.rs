//! The inverted residual block: a convolution of 1×1 to more channels, a depthwise one, squeeze-and-excitation, a
//! convolution of 1×1 to fewer channels, and a shortcut. MobileNetV2 (Sandler et al. 2018,
//! [arXiv:1801.04381](https://arxiv.org/abs/1801.04381)), MobileNetV3 (Howard et al. 2019,
//! [arXiv:1905.02244](https://arxiv.org/abs/1905.02244)) and EfficientNet (Tan & Le 2019,
//! [arXiv:1905.11946](https://arxiv.org/abs/1905.11946)) consist of it.

use super::parts::{BlockKind, Norm, Place, convolution, depthwise, odd, symmetric, within};
use crate::models::axis::nearest_multiple;
use crate::nn::{self, Activation, Conv2d, Module, Residual, Sequential};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An inverted residual block. Where input and output have the same shape the input is added to the output, to which no
/// activation is applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mbconv {
    /// The activation after the first two convolutions.
    pub activation: Activation,
    /// Rows and columns of the depthwise kernel, an odd number.
    #[serde(skip_serializing_if = "crate::models::keys::is_three")]
    pub kernel: usize,
    /// The stride of the depthwise convolution in the first block of the stage.
    #[serde(skip_serializing_if = "crate::models::keys::is_one")]
    pub stride: usize,
    /// What normalises the output of each convolution. Without a norm the convolutions have biases.
    pub norm: Norm,
    /// Channels of the depthwise convolution divided by those of the block's input; their number is rounded to a
    /// multiple of 8. A block with as many channels as its input has no first convolution.
    pub expansion: f64,
    /// Squeeze-and-excitation behind the depthwise convolution; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub squeeze_excite: Option<SqueezeExcite>,
}

/// Squeeze-and-excitation as a part of [`Mbconv`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqueezeExcite {
    /// The squeezed channels divided by those that [`of`](SqueezeExcite::of) names.
    pub ratio: f64,
    /// What the ratio refers to.
    #[serde(default)]
    pub of: SqueezedFrom,
    /// The activation between the two layers; ReLU by default.
    #[serde(default = "crate::models::keys::relu")]
    pub activation: Activation,
    /// The function that the weights of the channels pass through; sigmoid by default.
    #[serde(default = "crate::models::keys::sigmoid")]
    pub gate: Activation,
}

/// What the ratio of [`SqueezeExcite`] refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SqueezedFrom {
    /// The block's input channels; the product is rounded down (EfficientNet).
    #[default]
    Input,
    /// The channels of the depthwise convolution; the product is rounded to a multiple of 8 (MobileNetV3).
    Expanded,
}

impl SqueezeExcite {
    fn layer(&self, input: usize, expanded: usize) -> nn::SqueezeExcite {
        let squeezed = match self.of {
            SqueezedFrom::Input => ((input as f64 * self.ratio) as usize).max(1),
            SqueezedFrom::Expanded => nearest_multiple(expanded as f64 * self.ratio),
        };
        nn::SqueezeExcite::new(squeezed).activation(self.activation).gate(self.gate)
    }
}

impl Default for Mbconv {
    fn default() -> Mbconv {
        Mbconv {
            activation: Activation::Relu6,
            kernel: 3,
            stride: 1,
            norm: Norm::Batch,
            expansion: 6.0,
            squeeze_excite: None,
        }
    }
}

impl BlockKind for Mbconv {
    fn stride(&self) -> usize {
        self.stride
    }

    fn check(&self, _: usize, _: usize) -> Result<(), String> {
        odd("kernel", self.kernel)?;
        within("stride", self.stride)?;
        if !(1.0 / 64.0..=64.0).contains(&self.expansion) {
            return Err(format!("expansion is {}; it must be between 1/64 and 64", self.expansion));
        }
        match &self.squeeze_excite {
            Some(part) if !(part.ratio > 0.0 && part.ratio <= 1.0) => {
                Err(format!("squeeze_excite.ratio is {}; it must be above 0 and at most 1", part.ratio))
            }
            _ => Ok(()),
        }
    }

    fn module(&self, place: &Place) -> Arc<dyn Module> {
        let (norm, activation) = (|width| place.norm(self.norm, width), self.activation);
        let expanded = match self.expansion {
            1.0 => place.input,
            ratio => nearest_multiple(place.input as f64 * ratio),
        };
        let mut body = Sequential::new();
        if expanded != place.input {
            let layer = Conv2d::new(expanded, [1, 1]);
            body = body.add_named("expand", convolution(layer, norm(expanded), activation));
        }
        let size = (self.kernel, place.stride);
        let middle = depthwise(size, symmetric(self.kernel), norm(expanded), activation);
        body = body.add_named("depthwise", middle);
        if let Some(part) = &self.squeeze_excite {
            body = body.add_named("squeeze_excite", part.layer(place.input, expanded));
        }
        let last = Conv2d::new(place.width, [1, 1]);
        body = body.add_named("project", convolution(last, norm(place.width), Activation::Linear));
        if place.keeps_shape() {
            Arc::new(Residual::new(body).drop_path(place.drop_path as f32))
        } else {
            Arc::new(Sequential::new().add_named("body", body))
        }
    }
}
