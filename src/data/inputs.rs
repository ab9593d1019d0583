//! What a saved model needs in order to read new inputs: the form of the samples that it was trained on, and the names
//! of what it predicts.

use super::table::TableInputs;
use crate::error::{Error, Result, brief};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How inputs become a model's numbers, and what its outputs mean. `train --out DIR` writes it beside the weights.
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
    /// Names of the classes, in the order of their labels; empty if the data set has no names, only labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
}

impl Inputs {
    /// Reads a file that [`to_toml`](Inputs::to_toml) wrote.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read; [`Error::Config`] for text of another form.
    pub fn load(path: &Path) -> Result<Inputs> {
        let text = std::fs::read_to_string(path).map_err(Error::file(path, "read"))?;
        toml::from_str(&text)
            .map_err(|e| Error::Config { what: path.display().to_string(), problem: brief(e) })
    }

    /// The TOML that [`load`](Inputs::load) reads back to equal inputs.
    ///
    /// # Errors
    /// [`Error::Config`] for a number that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self)
            .map_err(|e| Error::Config { what: "inputs of the model".to_string(), problem: e.to_string() })
    }
}
