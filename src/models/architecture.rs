//! A model as data: an input, stages of repeated blocks, an output. It is read from TOML, mapped to other
//! sizes by [`super::axis`], counted without a device, and only then built as layers by [`super::layers`].
//!
//! A stage is the unit of scaling, as in the tables of the EfficientNet paper (Tan & Le 2019,
//! [arXiv:1905.11946](https://arxiv.org/abs/1905.11946), table 1): its *width* (channels or units) and its
//! *depth* (how often its block repeats) are what the axes multiply.

use super::stage::{Downsample, Stage};
use crate::data::{Dataset, Targets};
use crate::error::{Error, Result, brief};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Largest width, depth, kernel, resolution or number of outputs that [`Architecture::validate`] accepts; it
/// keeps later products of sizes within 64 bits.
const LARGEST: usize = 1 << 20;

/// A model as data. Serialises to TOML; see [`Architecture::preset`] for examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// What the model is called in tables and records.
    pub name: String,
    /// How the last image becomes the features that dense layers read. Unused when the input is features.
    #[serde(default)]
    pub head: Head,
    /// Fraction of the features dropped in front of the output layer while training; 0 for none.
    #[serde(default)]
    pub dropout: f64,
    /// What one sample looks like.
    pub input: Input,
    /// What the model answers; this layer is never scaled.
    pub output: Output,
    /// The body, from input to output.
    pub stages: Vec<Stage>,
}

/// What one sample looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// A square image: `resolution` rows and columns, `channels` values a pixel.
    Image { resolution: usize, channels: usize },
    /// A row of that many values.
    Features(usize),
}

/// What the model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// One logit a class: classification.
    Classes(usize),
    /// That many real values: regression.
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

/// How the last image becomes features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Every pixel of every channel is a feature. The next layer grows with the square of the resolution.
    #[default]
    Flatten,
    /// The mean of each channel: as many features as channels, whatever the resolution.
    GlobalAverage,
}

impl Architecture {
    /// Reads a preset by its name, or else a TOML file by its path.
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
                    Architecture::PRESETS.join(", ")
                ),
            });
        }
        let text = std::fs::read_to_string(path).map_err(Error::file(path, "read"))?;
        Architecture::from_toml(&text).map_err(|error| match error {
            Error::Config { what, problem } => {
                Error::Config { what: format!("{}: {what}", path.display()), problem }
            }
            other => other,
        })
    }

    /// Reads and validates a model.
    pub fn from_toml(text: &str) -> Result<Architecture> {
        let architecture: Architecture = toml::from_str(text)
            .map_err(|e| Error::Config { what: "model".to_string(), problem: brief(e) })?;
        architecture.validate()?;
        Ok(architecture)
    }

    /// The TOML that [`Architecture::from_toml`] reads back to an equal model.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self)
            .map_err(|e| Error::Config { what: format!("model {}", self.name), problem: e.to_string() })
    }

    /// The same model for images of that many rows, columns and channels.
    pub fn with_input(mut self, resolution: usize, channels: usize) -> Architecture {
        self.input = Input::Image { resolution, channels };
        self
    }

    /// The same model for rows of that many values.
    pub fn with_features(mut self, features: usize) -> Architecture {
        self.input = Input::Features(features);
        self
    }

    /// The same model with another number of classes or values; the kind of output stays.
    pub fn with_outputs(mut self, units: usize) -> Architecture {
        self.output = match self.output {
            Output::Classes(_) => Output::Classes(units),
            Output::Values(_) => Output::Values(units),
        };
        self
    }

    /// The same model with the input and the output of a data set.
    pub fn for_dataset(mut self, set: &dyn Dataset) -> Architecture {
        self.input = match *set.sample_shape() {
            [resolution, _, channels] => Input::Image { resolution, channels },
            ref features => Input::Features(features.iter().product()),
        };
        self.output = match set.targets() {
            Targets::Classes(classes) => Output::Classes(classes),
            Targets::Values(values) => Output::Values(values),
        };
        self
    }

    /// Shape of one sample: `[height, width, channels]` or `[features]`.
    pub fn input_shape(&self) -> Vec<usize> {
        match self.input {
            Input::Image { resolution, channels } => vec![resolution, resolution, channels],
            Input::Features(features) => vec![features],
        }
    }

    /// Rows and columns of the input image; none when the input is features.
    pub fn resolution(&self) -> Option<usize> {
        match self.input {
            Input::Image { resolution, .. } => Some(resolution),
            Input::Features(_) => None,
        }
    }

    /// The factor between the input's rows and the last image's: the product of the stages' strides.
    pub fn total_stride(&self) -> usize {
        self.convolutions().map(|stage| stage.stride).fold(1, usize::saturating_mul)
    }

    /// The stride of the first stage that shrinks its image; 1 if none does.
    pub fn first_stride(&self) -> usize {
        self.convolutions().map(|stage| stage.stride).find(|&stride| stride > 1).unwrap_or(1)
    }

    fn convolutions(&self) -> impl Iterator<Item = &Stage> {
        self.stages.iter().filter(|stage| stage.block.takes_image())
    }

    /// Checks that the model can be built; says which stage can't and what to change.
    pub fn validate(&self) -> Result<()> {
        let fail = |problem: String| {
            Err(Error::Config { what: format!("model {}", self.name.escape_debug()), problem })
        };
        let within = |value: usize| (1..=LARGEST).contains(&value);
        if self.name.trim().is_empty() || self.name.chars().any(char::is_control) {
            return fail("the name is empty or has control characters".into());
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return fail(format!("dropout is {}; it must be at least 0 and under 1", self.dropout));
        }
        if !within(self.output.units()) {
            return fail(format!("{} outputs; it must be between 1 and {LARGEST}", self.output.units()));
        }
        if let Some(extent) = self.input_shape().into_iter().find(|&extent| !within(extent)) {
            return fail(format!("an input extent is {extent}; it must be between 1 and {LARGEST}"));
        }
        for (number, stage) in (1..).zip(&self.stages) {
            for (value, what) in [
                (stage.width, "width"),
                (stage.depth, "depth"),
                (stage.kernel, "kernel"),
                (stage.stride, "stride"),
            ] {
                if !within(value) {
                    return fail(format!(
                        "stage {number}: {what} is {value}; it must be between 1 and {LARGEST}"
                    ));
                }
            }
        }
        self.validate_flow().or_else(fail)
    }

    /// Follows one sample through the stages.
    fn validate_flow(&self) -> Result<(), String> {
        let mut rows = self.resolution();
        for (number, stage) in (1..).zip(&self.stages) {
            match (stage.block.takes_image(), rows) {
                (true, Some(before)) => {
                    let after = stage.shrink(before);
                    if after == 0 {
                        return Err(format!(
                            "resolution {} is too small: {before} rows reach stage {number}, which shrinks \
                             them by {}; use a resolution of at least {}",
                            self.resolution().unwrap_or_default(),
                            stage.stride,
                            self.total_stride()
                        ));
                    }
                    rows = Some(after);
                }
                (true, None) => {
                    return Err(format!(
                        "stage {number} is a convolution, but what reaches it is features; convolutions need \
                         an image input and stand before every dense stage"
                    ));
                }
                (false, _) => {
                    if stage.stride != 1 || stage.kernel != 3 || stage.downsample != Downsample::default() {
                        return Err(format!(
                            "stage {number} is dense; kernel, stride and downsample belong to convolutions"
                        ));
                    }
                    rows = None;
                }
            }
        }
        if self.head == Head::GlobalAverage && self.convolutions().next().is_none() {
            return Err(
                "head is global_average, but there is no convolution; it would average the raw image. \
                        Use head = \"flatten\""
                    .into(),
            );
        }
        Ok(())
    }
}
