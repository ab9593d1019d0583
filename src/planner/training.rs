//! A training as a file, which `allometry plan` writes and `allometry train` runs.

use crate::data::{self, DataFile, DataOptions, Splits, Subset, TableOptions};
use crate::error::{Error, Result, brief};
use crate::models::architecture::Architecture;
use crate::sweep::migration::migrated;
use crate::train::TrainConfig;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The first line of the file.
const HEADING: &str = "# Written by `allometry plan`; `allometry train` with this file's name runs it.";

/// A training as data. On the same device it always gives the same numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Name of the data set.
    pub dataset: String,
    /// Target columns of a table; empty for the last one, and for sets that are not tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_columns: Vec<String>,
    /// How a table becomes samples.
    #[serde(default, skip_serializing_if = "TableOptions::is_default")]
    pub table: TableOptions,
    /// How the model is trained, and on how many samples.
    pub config: TrainConfig,
    /// The expected results.
    pub expected: Expected,
    /// The files of the data set that the sweep used; see [`Plan::data`](crate::sweep::Plan::data).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataFile>,
    /// The model.
    pub architecture: Architecture,
}

/// The expected results of a training.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The validation loss after it.
    pub loss: f64,
    /// Lower end of the 80 % interval of that loss.
    pub loss_low: f64,
    /// Its upper end.
    pub loss_high: f64,
    /// Wall seconds, from reading the data to the last validation.
    pub seconds: f64,
    /// The smallest and largest seconds. `None` in old files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_interval: Option<(f64, f64)>,
    /// Peak bytes on the device.
    pub peak_bytes: u64,
    /// Training FLOPs.
    pub flops: f64,
    /// The device that the seconds refer to.
    pub device: String,
}

/// The results of a training next to the expected ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The expected results.
    pub expected: Expected,
    /// The validation loss.
    pub loss: f64,
    /// Its relative difference to the expected one.
    pub loss_error: f64,
    /// Whether it lies in the interval.
    pub inside: bool,
    /// Wall seconds.
    pub seconds: f64,
    /// Their relative difference to the expected ones.
    pub seconds_error: f64,
    /// Whether they lie in their interval, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_inside: Option<bool>,
    /// Peak bytes on the device.
    pub peak_bytes: u64,
    /// Their relative difference to the expected ones.
    pub peak_error: f64,
}

impl Expected {
    /// Compares measured results with the expected ones.
    pub fn beside(self, loss: f64, seconds: f64, peak_bytes: u64) -> Comparison {
        Comparison {
            loss,
            loss_error: loss / self.loss - 1.0,
            inside: (self.loss_low..=self.loss_high).contains(&loss),
            seconds,
            seconds_error: seconds / self.seconds - 1.0,
            seconds_inside: self.seconds_interval.map(|(low, high)| (low..=high).contains(&seconds)),
            peak_bytes,
            peak_error: peak_bytes as f64 / self.peak_bytes as f64 - 1.0,
            expected: self,
        }
    }
}

impl Training {
    /// Reads the training in a file. `None` if the name is not that of a file, or if the file holds something else,
    /// such as a model.
    ///
    /// # Errors
    /// An invalid training, and the plan of a whole sweep.
    pub fn find(name_or_path: &str) -> Result<Option<Training>> {
        let path = Path::new(name_or_path);
        if Architecture::preset(name_or_path).is_some() || !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(path).map_err(Error::file(path, "read"))?;
        let Ok(table) = text.parse::<toml::Table>() else { return Ok(None) };
        let has = |key: &str| table.contains_key(key);
        let fail = |problem: String| Error::Config { what: path.display().to_string(), problem };
        if has("axes") && has("factors") {
            let problem = "this is the plan of a sweep, not of one training; `allometry plan` recommends one, and \
                           `allometry sweep` runs them all";
            return Err(fail(problem.to_string()));
        }
        if !(has("config") || has("schedule") || has("expected")) {
            return Ok(None);
        }
        Training::from_toml(&text).map(Some).map_err(|error| fail(error.to_string()))
    }

    /// Reads and validates a training.
    ///
    /// # Errors
    /// [`Error::Config`] for TOML that is not a valid training.
    pub fn from_toml(text: &str) -> Result<Training> {
        let fail = |problem: String| Error::Config { what: "training".to_string(), problem };
        let parsed = match migrated(text) {
            Some(table) => table.try_into(),
            None => toml::from_str(text),
        };
        let training: Training = parsed.map_err(|error| fail(brief(error)))?;
        training.architecture.validate()?;
        training.config.validate()?;
        if training.config.samples.is_none() || training.config.validation_samples.is_none() {
            return Err(fail("config has no samples or no validation_samples; both are needed".into()));
        }
        Ok(training)
    }

    /// The TOML that [`Training::from_toml`] reads back to an equal training.
    ///
    /// # Errors
    /// [`Error::Config`] for values that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        let text = toml::to_string(self)
            .map_err(|e| Error::Config { what: "training".to_string(), problem: e.to_string() })?;
        Ok(format!("{HEADING}\n{text}"))
    }

    /// Checks that the data are those that it was planned for.
    ///
    /// # Errors
    /// [`Error::Config`] with the differences; files that cannot be read.
    pub fn check_data(&self, directory: Option<&Path>) -> Result<()> {
        data::fingerprint::check(&self.data, &self.data_options(directory))
    }

    fn data_options(&self, directory: Option<&Path>) -> DataOptions {
        let counts = [self.config.samples, self.config.validation_samples];
        DataOptions {
            dataset: self.dataset.clone(),
            directory: directory.map(Path::to_path_buf),
            resolution: self.architecture.resolution(),
            seed: self.config.seed,
            samples: self.config.samples,
            most_samples: counts.into_iter().flatten().max(),
            target_columns: self.target_columns.clone(),
            table: self.table.clone(),
            ..DataOptions::default()
        }
    }

    /// Opens its data, cut to its numbers of samples.
    ///
    /// # Errors
    /// Files that cannot be read; a set with fewer samples, or with samples that do not suit the model.
    pub fn open(&self, directory: Option<&Path>) -> Result<Splits> {
        let wanted = [self.config.samples, self.config.validation_samples];
        let splits = data::open(&self.data_options(directory))?;
        let fail =
            |problem: String| Err(Error::Config { what: format!("dataset {}", self.dataset), problem });
        let found = [splits.train.len(), splits.validation.len()];
        if let Some((wanted, found)) =
            wanted.into_iter().zip(found).find(|(wanted, found)| Some(*found) < *wanted)
        {
            let wanted = wanted.unwrap_or_default();
            return fail(format!("the training needs {wanted} samples, but the set has {found}"));
        }
        let suited = self.architecture.clone().for_dataset(splits.train.as_ref(), self.config.normalize);
        if (suited.input, suited.output) != (self.architecture.input, self.architecture.output) {
            let shape = splits.train.sample_shape();
            return fail(format!("its samples of {shape:?} and their targets do not suit the model"));
        }
        let validation = match self.config.validation_samples {
            Some(samples) => Subset::first(splits.validation, samples),
            None => splits.validation,
        };
        Ok(Splits { train: splits.train, validation })
    }
}
