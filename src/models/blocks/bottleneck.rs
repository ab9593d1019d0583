//! A convolution of 1×1 to fewer channels, one of 3×3, one of 1×1, and a shortcut (He et al. 2016,
//! [arXiv:1512.03385](https://arxiv.org/abs/1512.03385), figure 5 right), also with groups as in ResNeXt (Xie et al.
//! 2017, [arXiv:1611.05431](https://arxiv.org/abs/1611.05431)) and RegNet (Radosavovic et al. 2020,
//! [arXiv:2003.13678](https://arxiv.org/abs/2003.13678)).

use super::parts::{BlockKind, Norm, Place, convolution, odd, symmetric, within};
use super::shortcut::{Shortcut, projection};
use crate::nn::{Activation, Conv2d, Module, Sequential};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Three convolutions, each with its norm, and a shortcut. The stride is that of the middle one, as in PyTorch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bottleneck {
    /// The activation after the first two convolutions and after the sum.
    pub activation: Activation,
    /// Rows and columns of the middle kernel, an odd number.
    #[serde(skip_serializing_if = "crate::models::keys::is_three")]
    pub kernel: usize,
    /// The stride of the middle convolution in the first block of the stage.
    #[serde(skip_serializing_if = "crate::models::keys::is_one")]
    pub stride: usize,
    /// What normalises the output of each convolution. Without a norm the convolutions have biases.
    pub norm: Norm,
    /// What is added where the shape changes.
    #[serde(skip_serializing_if = "crate::models::keys::is_default")]
    pub shortcut: Shortcut,
    /// The block's output channels divided by those of the middle convolution.
    pub reduction: f64,
    /// Number of groups of the middle convolution. It has to divide the channels of a model that is written by hand;
    /// those of a scaled model are rounded to a multiple of it. At most one of `groups` and `group_width` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// Channels of each group of the middle convolution. It has to divide the channels of a model that is written by
    /// hand; those of a scaled model are rounded to a multiple of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_width: Option<usize>,
}

impl Default for Bottleneck {
    fn default() -> Bottleneck {
        Bottleneck {
            activation: Activation::Relu,
            kernel: 3,
            stride: 1,
            norm: Norm::Batch,
            shortcut: Shortcut::default(),
            reduction: 4.0,
            groups: None,
            group_width: None,
        }
    }
}

impl Bottleneck {
    /// Channels and groups of the middle convolution.
    fn middle(&self, width: usize) -> (usize, usize) {
        let exact = width as f64 / self.reduction;
        let multiple_of = |step: usize| ((exact / step as f64).round() as usize).max(1);
        match (self.groups, self.group_width) {
            (Some(groups), _) => (multiple_of(groups) * groups, groups),
            (None, Some(width)) => {
                // A convolution with fewer channels than a group has is one group.
                let width = width.min((exact.round() as usize).max(1));
                let groups = multiple_of(width);
                (groups * width, groups)
            }
            (None, None) => (multiple_of(1), 1),
        }
    }
}

impl BlockKind for Bottleneck {
    fn stride(&self) -> usize {
        self.stride
    }

    fn check(&self, input: usize, width: usize) -> Result<(), String> {
        odd("kernel", self.kernel)?;
        within("stride", self.stride)?;
        if !(1.0 / 64.0..=64.0).contains(&self.reduction) {
            return Err(format!("reduction is {}; it must be between 1/64 and 64", self.reduction));
        }
        if self.groups.is_some() && self.group_width.is_some() {
            return Err("groups and group_width are both given; give one of them".to_string());
        }
        within("groups", self.groups.unwrap_or(1))?;
        within("group_width", self.group_width.unwrap_or(1))?;
        self.shortcut.check(input, width)
    }

    fn check_unscaled(&self, width: usize) -> Result<(), String> {
        let channels = ((width as f64 / self.reduction).round() as usize).max(1);
        let (key, value) = match (self.groups, self.group_width) {
            (Some(groups), _) => ("groups", groups),
            (None, Some(width)) => ("group_width", width),
            (None, None) => return Ok(()),
        };
        if channels.is_multiple_of(value) {
            return Ok(());
        }
        let divides = |value: &usize| channels.is_multiple_of(*value);
        let below = (1..value.min(channels + 1)).rev().find(divides);
        let above = (value + 1..=channels).find(divides);
        let nearest: Vec<String> = below.into_iter().chain(above).map(|value| value.to_string()).collect();
        Err(format!(
            "{key} is {value}, but does not divide the {channels} channels of the middle convolution (width {width} / \
             reduction {}); the nearest that do: {}",
            self.reduction,
            nearest.join(" and ")
        ))
    }

    fn module(&self, place: &Place) -> Arc<dyn Module> {
        let (inner, groups) = self.middle(place.width);
        let middle = Conv2d::new(inner, [self.kernel; 2]).strides([place.stride; 2]).groups(groups);
        let middle = middle.padding(symmetric(self.kernel));
        let last = Conv2d::new(place.width, [1, 1]);
        let (norm, activation) = (|width| place.norm(self.norm, width), self.activation);
        let body = Sequential::new()
            .add_named("conv1", convolution(Conv2d::new(inner, [1, 1]), norm(inner), activation))
            .add_named("conv2", convolution(middle, norm(inner), activation))
            .add_named("conv3", convolution(last, norm(place.width), Activation::Linear));
        let projection = convolution(projection(place), norm(place.width), Activation::Linear);
        self.shortcut.around(body, place, projection, activation)
    }
}
