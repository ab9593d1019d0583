//! What a saved model needs in order to read new inputs: the form of the samples that it was trained on, and the names
//! of what it predicts.

use super::channels::ChannelStatistics;
use super::table::TableInputs;
use serde::{Deserialize, Serialize};

/// How inputs become a model's numbers, and what its outputs mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inputs {
    /// Images of one size.
    Images(ImageInputs),
    /// Rows of a table.
    Table(TableInputs),
}

/// How an image becomes a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageInputs {
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// Values per pixel.
    pub channels: usize,
    /// The mean and the deviation of each channel, with which values from 0 to 1 are normalised; `None` if they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalization: Option<ChannelStatistics>,
    /// Names of the classes, in the order of their labels; empty if the data set has no names, only labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
}
