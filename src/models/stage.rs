//! A stage of an architecture: a block, repeated at one width.

use super::blocks::{Block, Conv, Dense, Separable};
use super::reading::named;
use serde::{Deserialize, Serialize};

/// A block repeated `depth` times at one width.
///
/// In TOML a stage is one table: `block` names the kind, `width` and `depth` belong to every stage, and the other keys
/// are the fields of the block's own type. Other keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Output channels of each block, or its output units.
    pub width: usize,
    /// Number of repetitions of the block.
    #[serde(default = "crate::models::keys::one")]
    pub depth: usize,
    /// The kind of block, with its own parameters.
    #[serde(flatten)]
    pub block: Block,
}

impl Stage {
    /// `depth` blocks with outputs of `width` channels or units.
    pub fn new(width: usize, depth: usize, block: impl Into<Block>) -> Stage {
        Stage { width, depth, block: block.into() }
    }

    /// `depth` convolutions of 3×3, ReLU, no downsampling.
    pub fn conv(width: usize, depth: usize) -> Stage {
        Stage::new(width, depth, Conv::default())
    }

    /// `depth` pairs of a depthwise convolution of 3×3 and a pointwise one, ReLU after each, no downsampling.
    pub fn separable(width: usize, depth: usize) -> Stage {
        Stage::new(width, depth, Separable::default())
    }

    /// `depth` dense layers with ReLU.
    pub fn dense(width: usize, depth: usize) -> Stage {
        Stage::new(width, depth, Dense::default())
    }
}

/// Reads stages one by one, so that an error names the stage.
pub(super) fn read<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Stage>, D::Error> {
    let tables = Vec::<serde_json::Value>::deserialize(deserializer)?;
    let stage = |(index, table)| named(&called(index), table).map_err(serde::de::Error::custom);
    tables.into_iter().enumerate().map(stage).collect()
}

/// The stage number `index`, counted from 0, in messages: in words and as in the names of parameters.
pub(super) fn called(index: usize) -> String {
    format!("stage {} (stages.{index})", index + 1)
}
