//! Two convolutions and a shortcut (He et al. 2016, [arXiv:1512.03385](https://arxiv.org/abs/1512.03385), figure 5
//! left).

use super::initial;
use super::parts::{BlockKind, Norm, Place, convolution, odd, symmetric, within};
use super::shortcut::{Shortcut, projection};
use crate::nn::{Activation, Conv2d, Module, Sequential};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Two convolutions of the block's width, each with its norm, and a shortcut. Padding is the same on both sides, as in
/// PyTorch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Basic {
    /// The activation after the first convolution and after the sum.
    pub activation: Activation,
    /// Rows and columns of the kernels, an odd number.
    #[serde(skip_serializing_if = "crate::models::keys::is_three")]
    pub kernel: usize,
    /// The stride of the first convolution in the first block of the stage.
    #[serde(skip_serializing_if = "crate::models::keys::is_one")]
    pub stride: usize,
    /// What normalises the output of each convolution. Without a norm the convolutions have biases.
    pub norm: Norm,
    /// What is added where the shape changes.
    #[serde(skip_serializing_if = "crate::models::keys::is_default")]
    pub shortcut: Shortcut,
    /// Whether norm and activation come before each convolution, and nothing after the sum (He et al. 2016,
    /// [arXiv:1603.05027](https://arxiv.org/abs/1603.05027)). The head then needs the last norm and activation.
    #[serde(skip_serializing_if = "crate::models::keys::is_default")]
    pub pre_activation: bool,
}

impl Default for Basic {
    fn default() -> Basic {
        Basic {
            activation: Activation::Relu,
            kernel: 3,
            stride: 1,
            norm: Norm::Batch,
            shortcut: Shortcut::default(),
            pre_activation: false,
        }
    }
}

impl Basic {
    fn convolution(&self, width: usize, stride: usize) -> Conv2d {
        Conv2d::new(width, [self.kernel; 2]).strides([stride; 2]).padding(symmetric(self.kernel))
    }

    /// Norm and activation before each convolution (Zagoruyko & Komodakis 2016,
    /// [arXiv:1605.07146](https://arxiv.org/abs/1605.07146)). Where the shape changes, the shortcut reads what the first
    /// norm and activation put out.
    fn pre_activated(&self, place: &Place) -> Arc<dyn Module> {
        let initializer = initial::dense(self.activation);
        let bare = |layer: Conv2d| {
            layer.use_bias(self.norm == Norm::None).kernel_initializer(initializer)
        };
        let normalized = |width| place.norm(self.norm, width).module(self.activation);
        let body = |first: Sequential| {
            first
                .add_named("conv1", bare(self.convolution(place.width, place.stride)))
                .add_named("norm2", normalized(place.width))
                .add_named("conv2", bare(self.convolution(place.width, 1)))
        };
        let first = Sequential::new().add_named("norm1", normalized(place.input));
        let around = |body| self.shortcut.around(body, place, bare(projection(place)), Activation::Linear);
        if place.keeps_shape() || self.shortcut == Shortcut::None {
            return around(body(first));
        }
        Arc::new(first.add_named("residual", around(body(Sequential::new()))))
    }
}

impl BlockKind for Basic {
    fn stride(&self) -> usize {
        self.stride
    }

    fn check(&self, input: usize, width: usize) -> Result<(), String> {
        odd("kernel", self.kernel)?;
        within("stride", self.stride)?;
        self.shortcut.check(input, width)
    }

    fn module(&self, place: &Place) -> Arc<dyn Module> {
        if self.pre_activation {
            return self.pre_activated(place);
        }
        let norm = || place.norm(self.norm, place.width);
        let first = convolution(self.convolution(place.width, place.stride), norm(), self.activation);
        let second = convolution(self.convolution(place.width, 1), norm(), Activation::Linear);
        let body = Sequential::new().add_named("conv1", first).add_named("conv2", second);
        let projection = convolution(projection(place), norm(), Activation::Linear);
        self.shortcut.around(body, place, projection, self.activation)
    }
}
