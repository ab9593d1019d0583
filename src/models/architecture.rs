//! A model as data: an input, stages of repeated blocks, an output.
//!
//! An architecture is read from TOML. [`super::axis`] scales it, [`super::cost`] counts its cost without a device, and
//! [`super::layers`] builds its layers.
//!
//! A stage is the unit of scaling, as in the tables of the EfficientNet paper (Tan & Le 2019,
//! [arXiv:1905.11946](https://arxiv.org/abs/1905.11946), table 1). The axes multiply its *width* (channels or units)
//! and its *depth* (how often its block repeats).

use super::stage::{Downsample, Stage};
use crate::data::{Dataset, Targets};
use crate::error::{Error, Result, brief};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The largest width, depth, kernel, resolution or number of outputs that [`Architecture::validate`] accepts. It keeps
/// products of sizes within 64 bits.
const LARGEST: usize = 1 << 20;

/// A model as data, read from and written to TOML. The [presets](Architecture::preset) are examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Name of the model in tables and records.
    pub name: String,
    /// How the last image becomes features for dense layers. Unused if the input is features.
    #[serde(default)]
    pub head: Head,
    /// Dropout rate of the features in front of the output layer, at least 0 and below 1.
    #[serde(default)]
    pub dropout: f64,
    /// Shape of one sample.
    pub input: Input,
    /// Kind and size of the output. Scaling does not change the output layer.
    pub output: Output,
    /// The stages, from input to output.
    pub stages: Vec<Stage>,
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

/// How the last image becomes features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Every value of the image is a feature. The next layer grows with the square of the resolution.
    #[default]
    Flatten,
    /// The mean of each channel is a feature, at any resolution.
    GlobalAverage,
}

impl Architecture {
    /// Returns the preset of this name; if there is none, reads a TOML file from this path.
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

    /// Rows and columns of the input image; `None` if the input is features.
    pub fn resolution(&self) -> Option<usize> {
        match self.input {
            Input::Image { resolution, .. } => Some(resolution),
            Input::Features(_) => None,
        }
    }

    /// The product of all strides: the factor by which the model reduces the rows of its input image.
    pub fn total_stride(&self) -> usize {
        self.convolutions().map(|stage| stage.stride).fold(1, usize::saturating_mul)
    }

    /// The stride of the first stage that downsamples its image; 1 if none does.
    pub fn first_stride(&self) -> usize {
        self.convolutions().map(|stage| stage.stride).find(|&stride| stride > 1).unwrap_or(1)
    }

    fn convolutions(&self) -> impl Iterator<Item = &Stage> {
        self.stages.iter().filter(|stage| stage.block.takes_image())
    }

    /// Checks that the model can be built.
    ///
    /// # Errors
    /// [`Error::Config`] that names the stage and what to change.
    pub fn validate(&self) -> Result<()> {
        let fail = |problem: String| {
            Err(Error::Config { what: format!("model {}", self.name.escape_debug()), problem })
        };
        let within = |value: usize| (1..=LARGEST).contains(&value);
        if self.name.trim().is_empty() || self.name.chars().any(char::is_control) {
            return fail("the name is empty or has control characters".into());
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return fail(format!("dropout is {}; it must be at least 0 and below 1", self.dropout));
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

    /// Checks the image's rows through all stages.
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
                        "stage {number} is a convolution, but its input is features; convolutions need an image \
                         input, and come before all dense stages"
                    ));
                }
                (false, _) => {
                    if stage.stride != 1 || stage.kernel != 3 || stage.downsample != Downsample::default() {
                        return Err(format!(
                            "stage {number} is dense; kernel, stride and downsample are for convolutions only"
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
