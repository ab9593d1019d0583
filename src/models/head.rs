//! What turns the output of the last stage into the features of the output layer.

use super::axis::round_width;
use super::blocks::{Norm, convolution, dense, within};
use super::reading::named;
use crate::nn::{self, Activation, Conv2d, Flatten, GlobalAveragePool2d, Module};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// The layers between the last stage and the output layer. In TOML a head is the name of its pooling
/// (`head = "global_average"`) or a table of these keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Head {
    /// How an image becomes features. Unused if the input is features.
    pub pooling: Pooling,
    /// Output channels of a convolution of 1×1 in front of the pooling; none if 0.
    pub conv: usize,
    /// Units of a dense layer behind the pooling; none if 0.
    pub dense: usize,
    /// The norm of the convolution's output or, if there is none, of the last stage's output.
    pub norm: Norm,
    /// The activation behind the convolution, the norm, and the dense layer.
    pub activation: Activation,
}

/// How the last image becomes features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Every value of the image is a feature. The next layer grows with the square of the resolution.
    #[default]
    Flatten,
    /// The mean of each channel is a feature, at any resolution.
    GlobalAverage,
}

/// The table that TOML has for a head.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    pooling: Pooling,
    #[serde(default, skip_serializing_if = "crate::models::keys::is_default")]
    conv: usize,
    #[serde(default, skip_serializing_if = "crate::models::keys::is_default")]
    dense: usize,
    #[serde(default)]
    norm: Norm,
    #[serde(default = "crate::models::keys::relu")]
    activation: Activation,
}

impl From<Pooling> for Head {
    /// A head that only pools.
    fn from(pooling: Pooling) -> Head {
        Head { pooling, ..Head::default() }
    }
}

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Head::from(self.pooling) {
            return self.pooling.serialize(serializer);
        }
        let Head { pooling, conv, dense, norm, activation } = *self;
        Table { pooling, conv, dense, norm, activation }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Head, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        if value.is_string() {
            return named::<Pooling>("head", value).map(Head::from).map_err(serde::de::Error::custom);
        }
        let Table { pooling, conv, dense, norm, activation } =
            named("head", value).map_err(serde::de::Error::custom)?;
        Ok(Head { pooling, conv, dense, norm, activation })
    }
}

impl Head {
    /// Checks the head's keys.
    ///
    /// # Errors
    /// What is wrong: the key, its value, and the values it may have.
    pub(super) fn check(&self) -> Result<(), String> {
        for (key, value) in [("conv", self.conv), ("dense", self.dense)] {
            if value != 0 {
                within(key, value)?;
            }
        }
        Ok(())
    }

    /// The head with `factor` times the channels and units.
    pub(super) fn widened(&self, factor: f64) -> Head {
        let widened = |width| if width == 0 { 0 } else { round_width(width, factor) };
        Head { conv: widened(self.conv), dense: widened(self.dense), ..self.clone() }
    }

    /// Names and layers that come before the pooling or, where the last stage puts out features, before the dense layer.
    /// `width` is the number of channels or features of the last stage. A norm adds `epsilon` to the variance.
    pub(super) fn in_front(&self, width: usize, epsilon: f64) -> Vec<(&'static str, Arc<dyn Module>)> {
        if self.conv != 0 {
            let (layer, norm) = (Conv2d::new(self.conv, [1, 1]), self.norm.layer(self.conv, epsilon));
            return vec![("head", Arc::new(convolution(layer, norm, self.activation)))];
        }
        if self.norm != Norm::None {
            return vec![("head_norm", self.norm.layer(width, epsilon).module(self.activation))];
        }
        Vec::new()
    }

    /// Name and layer that turn an image into features.
    pub(super) fn pool(&self) -> (&'static str, Arc<dyn Module>) {
        match self.pooling {
            Pooling::Flatten => ("flatten", Arc::new(Flatten::new())),
            Pooling::GlobalAverage => ("pool", Arc::new(GlobalAveragePool2d::new())),
        }
    }

    /// Names and layers behind the pooling.
    pub(super) fn behind(&self) -> Vec<(&'static str, Arc<dyn Module>)> {
        match self.dense {
            0 => Vec::new(),
            units => vec![("head_dense", dense(units, nn::Norm::None, self.activation))],
        }
    }
}
