//! A model as data: an input, stages of repeated blocks, an output.
//!
//! An architecture is read from TOML. [`super::axis`] scales it, [`super::cost`] counts its cost without a device, and
//! [`super::layers`] builds its layers. `validate.rs` checks it.
//!
//! A stage is the unit of scaling, as in the tables of the EfficientNet paper (Tan & Le 2019,
//! [arXiv:1905.11946](https://arxiv.org/abs/1905.11946), table 1). The axes multiply its *width* (channels or units)
//! and its *depth* (how often its block repeats).

use super::head::Head;
use super::reading;
use super::stage::{self, Stage};
use super::stem::Stem;
use crate::data::{Dataset, Normalize, Targets};
use crate::error::{Error, Result, brief};
use serde::{Deserialize, Deserializer, Serialize};
use std::path::Path;

/// A model as data, read from and written to TOML. The [presets](Architecture::preset) are examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Name of the model in tables and records.
    pub name: String,
    /// The layers between the last stage and the output layer.
    #[serde(default)]
    pub head: Head,
    /// Dropout rate of the features in front of the output layer, at least 0 and below 1.
    #[serde(default)]
    pub dropout: f64,
    /// The share of samples for which training leaves out the body of the last residual block; 0 for the first block,
    /// rising linearly with depth (stochastic depth, Huang et al. 2016,
    /// [arXiv:1603.09382](https://arxiv.org/abs/1603.09382)). At least 0 and below 1.
    #[serde(default, skip_serializing_if = "crate::models::keys::is_default")]
    pub drop_path: f64,
    /// Whether pixels between 0 and 1 are brought to about mean 0 and standard deviation 1 in front of the first layer.
    /// Without it the model expects images that are normalised already, as those of torchvision do;
    /// [`for_dataset`](Architecture::for_dataset) takes it out where a training normalises them.
    #[serde(default = "crate::models::keys::yes", skip_serializing_if = "crate::models::keys::is_true")]
    pub rescale: bool,
    /// What all norms add to the variance; 1e-5 by default.
    #[serde(
        default = "crate::models::keys::epsilon",
        skip_serializing_if = "crate::models::keys::is_epsilon"
    )]
    pub norm_epsilon: f64,
    /// How regularisation changes with the size of the model.
    #[serde(
        default,
        deserialize_with = "read_growth",
        skip_serializing_if = "crate::models::keys::is_default"
    )]
    pub growth: Growth,
    /// Shape of one sample.
    #[serde(deserialize_with = "read_input")]
    pub input: Input,
    /// Kind and size of the output. Scaling does not change the output layer.
    #[serde(deserialize_with = "read_output")]
    pub output: Output,
    /// The convolution in front of the stages; none by default.
    #[serde(default, deserialize_with = "read_stem", skip_serializing_if = "Option::is_none")]
    pub stem: Option<Stem>,
    /// The stages, from input to output.
    #[serde(deserialize_with = "stage::read")]
    pub stages: Vec<Stage>,
}

/// How regularisation changes with the size of the model: larger models over-fit sooner. EfficientNets (Tan & Le 2019,
/// section 5.2) raise dropout linearly from 0.2 at φ = 0 to 0.5 at φ = 7, where each step of φ doubles the FLOPs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Growth {
    /// Added to the dropout rate for each doubling of FLOPs.
    pub dropout: f64,
    /// Added to the drop-path rate for each doubling of FLOPs.
    pub drop_path: f64,
}

impl Growth {
    /// The largest rate to which regularisation grows.
    const MOST: f64 = 0.8;

    /// The rate of a model whose FLOPs have doubled `doublings` times, given the rate before and its growth.
    pub(super) fn rate(before: f64, growth: f64, doublings: f64) -> f64 {
        if growth == 0.0 {
            return before;
        }
        (before + growth * doublings).clamp(0.0, Growth::MOST)
    }
}

/// The shape of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// A square image.
    Image {
        /// Rows and columns.
        resolution: usize,
        /// Values per pixel.
        channels: usize,
    },
    /// This many features.
    Features(usize),
}

/// The output of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Classification: one logit per class.
    Classes(usize),
    /// Regression: this many real values.
    Values(usize),
}

impl Output {
    /// Width of the output layer.
    pub fn units(self) -> usize {
        match self {
            Output::Classes(n) | Output::Values(n) => n,
        }
    }
}

fn read_growth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Growth, D::Error> {
    reading::table("growth", deserializer)
}

fn read_input<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Input, D::Error> {
    let keys = [("image", "image = { resolution = N, channels = N }"), ("features", "features = N")];
    reading::one_of("input", keys, deserializer)
}

fn read_output<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Output, D::Error> {
    reading::one_of("output", [("classes", "classes = N"), ("values", "values = N")], deserializer)
}

fn read_stem<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Stem>, D::Error> {
    reading::table("stem", deserializer)
}

/// The file of the weights in a trained model's folder.
pub const WEIGHTS: &str = "weights.safetensors";

impl Architecture {
    /// Returns the preset of this name; if there is none, reads a TOML file from this path. In a file without trained
    /// weights beside it, groups have to divide their channels; a trained model may be scaled, so that they do not.
    ///
    /// # Errors
    /// [`Error::Config`] if there is neither, or the file is not a valid model; [`Error::File`] if it can't be read.
    pub fn load(name_or_path: &str) -> Result<Architecture> {
        if let Some(preset) = Architecture::preset(name_or_path) {
            return Ok(preset);
        }
        let path = Path::new(name_or_path);
        if !path.exists() {
            return Err(Error::Config {
                what: format!("model {name_or_path}"),
                problem: format!(
                    "neither a preset ({}) nor a TOML file that exists",
                    Architecture::presets().join(", ")
                ),
            });
        }
        let text = std::fs::read_to_string(path).map_err(Error::file(path, "read"))?;
        let trained = path.with_file_name(WEIGHTS).exists();
        let read = Architecture::from_toml(&text).and_then(|architecture| {
            if !trained {
                architecture.validate_unscaled()?;
            }
            Ok(architecture)
        });
        read.map_err(|error| match error {
            Error::Config { what, problem } => {
                Error::Config { what: format!("{}: {what}", path.display()), problem }
            }
            other => other,
        })
    }

    /// Parses and validates a model.
    ///
    /// # Errors
    /// [`Error::Config`] for text that is not a model, and those of [`Architecture::validate`].
    pub fn from_toml(text: &str) -> Result<Architecture> {
        let architecture: Architecture = toml::from_str(text)
            .map_err(|e| Error::Config { what: "model".to_string(), problem: brief(e) })?;
        architecture.validate()?;
        Ok(architecture)
    }

    /// Writes the model as TOML. [`Architecture::from_toml`] reads it back as an equal model.
    ///
    /// # Errors
    /// [`Error::Config`] for a number that TOML can't hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self)
            .map_err(|e| Error::Config { what: format!("model {}", self.name), problem: e.to_string() })
    }

    /// The same model for images of `resolution` rows and columns and `channels` channels.
    pub fn with_input(mut self, resolution: usize, channels: usize) -> Architecture {
        self.input = Input::Image { resolution, channels };
        self
    }

    /// The same model for `features` input features.
    pub fn with_features(mut self, features: usize) -> Architecture {
        self.input = Input::Features(features);
        self
    }

    /// The same model with `units` classes or values. The kind of output does not change.
    pub fn with_outputs(mut self, units: usize) -> Architecture {
        self.output = match self.output {
            Output::Classes(_) => Output::Classes(units),
            Output::Values(_) => Output::Values(units),
        };
        self
    }

    /// The same model with the input and the output of a data set. Images that are not square become features. Images
    /// that the training normalises are not rescaled as well.
    pub fn for_dataset(self, set: &dyn Dataset, normalize: Normalize) -> Architecture {
        let input = match *set.sample_shape() {
            [resolution, width, channels] if width == resolution => Input::Image { resolution, channels },
            ref features => Input::Features(features.iter().product()),
        };
        let output = match set.targets() {
            Targets::Classes(classes) => Output::Classes(classes),
            Targets::Values(values) => Output::Values(values),
        };
        Architecture { input, output, rescale: self.rescale && !normalize.applies_to(set), ..self }
    }

    /// Shape of one sample: `[height, width, channels]` or `[features]`.
    pub fn input_shape(&self) -> Vec<usize> {
        match self.input {
            Input::Image { resolution, channels } => vec![resolution, resolution, channels],
            Input::Features(features) => vec![features],
        }
    }

    /// Rows and columns of the input image; `None` if the input is features.
    pub fn resolution(&self) -> Option<usize> {
        match self.input {
            Input::Image { resolution, .. } => Some(resolution),
            Input::Features(_) => None,
        }
    }

    /// The product of all strides: the factor by which the model reduces the rows of its input image.
    pub fn total_stride(&self) -> usize {
        self.strides().fold(1, usize::saturating_mul)
    }

    /// The stride of the first layer or stage that downsamples its image; 1 if none does.
    pub fn first_stride(&self) -> usize {
        self.strides().find(|&stride| stride > 1).unwrap_or(1)
    }

    fn strides(&self) -> impl Iterator<Item = usize> {
        let stem = self.stem.iter().map(Stem::total_stride);
        stem.chain(self.stages.iter().map(|stage| stage.block.kind().stride()))
    }
}
