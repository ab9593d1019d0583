//! The folder of a training: what is trained there, how far it has come, and its results.
//!
//! `training.json` says what is trained, from before the first step on, and has the results once all files are written.
//! Meanwhile `checkpoint.safetensors` is the last checkpoint. Each file is replaced whole, in an order that is right
//! after a kill at any moment.

use allometry::data::{DataFile, TableOptions, fingerprint};
use allometry::files::{self, TRAINING_FILE};
use allometry::models::{Architecture, predictor};
use allometry::train::{Checkpoints, Every, History, TrainConfig};
use allometry::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Display;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file with the results of each epoch.
pub const HISTORY: &str = "history.json";
/// The file with the observed steps, one per line.
pub const WATCH: &str = "watch.jsonl";
const CHECKPOINT: &str = "checkpoint.safetensors";
/// The files of a trained model.
const MODEL: [&str; 2] = [predictor::WEIGHTS, predictor::MODEL];

/// What a training is: two equal ones end with equal bits.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    pub architecture: Architecture,
    pub config: TrainConfig,
    pub dataset: String,
    pub target_columns: Vec<String>,
    #[serde(default, skip_serializing_if = "TableOptions::is_default")]
    pub table: TableOptions,
    pub data: Vec<DataFile>,
    /// The file of initial weights.
    pub weights: Option<DataFile>,
}

#[derive(Serialize, Deserialize)]
struct Recorded {
    about: About,
    /// The results; `None` until the training is complete.
    outcome: Option<Value>,
}

/// A locked folder of a training.
pub struct Folder {
    path: PathBuf,
    about: About,
    checkpoints: Checkpoints,
    _lock: files::Lock,
}

impl About {
    /// What differs from `other`, as text; empty if nothing does.
    fn differences(&self, other: &About) -> Vec<String> {
        let mut differences = self.config.differences(&other.config);
        let parts = [
            (self.architecture != other.architecture, "model"),
            (self.dataset != other.dataset, "dataset"),
            (self.target_columns != other.target_columns, "target"),
            (self.weights != other.weights, "weights"),
        ];
        differences.extend(self.table.differences(&other.table).into_iter().map(String::from));
        differences
            .extend(parts.into_iter().filter(|(differs, _)| *differs).map(|(_, name)| name.to_string()));
        if self.dataset == other.dataset {
            let data = fingerprint::difference(&self.data, &other.data);
            differences.extend(data.map(|difference| format!("data: {difference}")));
        }
        differences
    }
}

impl Folder {
    /// Opens the folder for a training, and creates it if it is missing. With `restart` it forgets the training that it
    /// holds, and may replace a model that no training wrote.
    ///
    /// # Errors
    /// [`Error::Config`] if it holds another training or such a model; [`Error::Busy`] if another process uses it;
    /// files that can't be read or written.
    pub fn open(path: &Path, about: About, every: Every, restart: bool) -> Result<Folder> {
        files::check_folder(path)?;
        let lock = files::Lock::take(path)?;
        files::refuse_other_kind(path, TRAINING_FILE)?;
        let description = json(path, &about)?;
        let checkpoints = Checkpoints::new(path.join(CHECKPOINT), every, description);
        let folder = Folder { path: path.to_path_buf(), about, checkpoints, _lock: lock };
        if restart {
            files::remove(&path.join(HISTORY))?;
            files::remove(&path.join(WATCH))?;
            folder.checkpoints.remove()?;
            folder.record(None)?;
            return Ok(folder);
        }
        match folder.recorded()? {
            Some(found) => folder.refuse_other(&found.about)?,
            None => {
                folder.refuse_foreign()?;
                folder.record(None)?;
            }
        }
        Ok(folder)
    }

    /// The results, if the training is complete.
    ///
    /// # Errors
    /// Files that can't be read; [`Error::Format`] for results that are none; [`Error::Config`] if its model is gone.
    pub fn outcome<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let Some(outcome) = self.recorded()?.and_then(|found| found.outcome) else { return Ok(None) };
        if let Some(missing) = self.model().find(|path| !path.exists()) {
            let problem =
                "missing, although this training is complete; put it back, or use --restart to train again";
            return Err(Error::Config { what: missing.display().to_string(), problem: problem.to_string() });
        }
        self.checkpoints.remove()?;
        let read = serde_json::from_value(outcome);
        read.map(Some).map_err(|error| damaged(&self.path, error))
    }

    /// Records that the training is complete, after all its files are written.
    ///
    /// # Errors
    /// Files that can't be written.
    pub fn complete(&self, outcome: &impl Serialize) -> Result<()> {
        self.record(Some(json(&self.path, outcome)?))?;
        self.checkpoints.remove()
    }

    /// Its checkpoints.
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// The paths of a trained model's files.
    fn model(&self) -> impl Iterator<Item = PathBuf> {
        MODEL.into_iter().map(|name| self.path.join(name))
    }

    fn recorded(&self) -> Result<Option<Recorded>> {
        recorded(&self.path)
    }

    fn record(&self, outcome: Option<Value>) -> Result<()> {
        let recorded = Recorded { about: self.about.clone(), outcome };
        let mut text = serde_json::to_vec_pretty(&recorded)
            .map_err(|e| Error::file(&self.path, "write into")(e.into()))?;
        text.push(b'\n');
        files::replace(&self.path.join(TRAINING_FILE), &text)
    }

    /// Refuses a folder with a model, but without a training.
    fn refuse_foreign(&self) -> Result<()> {
        let Some(found) = self.model().find(|path| path.exists()) else { return Ok(()) };
        let problem = "exists, and no training of this folder wrote it; use another folder for --out, or --restart to replace \
                       the model there";
        Err(Error::Config { what: found.display().to_string(), problem: problem.to_string() })
    }

    fn refuse_other(&self, found: &About) -> Result<()> {
        let differences = found.differences(&self.about);
        if differences.is_empty() {
            return Ok(());
        }
        let problem = format!(
            "holds another training (different: {}); use another folder, the same arguments, or --restart to replace it",
            differences.join(", ")
        );
        Err(Error::Config { what: self.path.display().to_string(), problem })
    }
}

/// What a folder holds; `None` if it is no folder of a training.
fn recorded(folder: &Path) -> Result<Option<Recorded>> {
    let path = folder.join(TRAINING_FILE);
    match fs::read(&path) {
        Ok(bytes) => {
            let found: Recorded = serde_json::from_slice(&bytes).map_err(|error| damaged(folder, error))?;
            let About { architecture, config, .. } = &found.about;
            architecture
                .validate()
                .and_then(|()| config.validate())
                .map_err(|error| damaged(folder, error))?;
            Ok(Some(found))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(path, "read")(error)),
    }
}

fn damaged(folder: &Path, error: impl Display) -> Error {
    let expected = "the description of a training (--restart replaces it)";
    Error::format(folder.join(TRAINING_FILE), expected, format!("something else ({error})"))
}

/// A complete training.
pub struct Complete<T> {
    pub about: About,
    pub outcome: T,
    pub history: History,
}

/// The complete training in a folder; `None` if the folder is none of a training.
///
/// # Errors
/// [`Error::Config`] for a training that is not complete; files that can't be read or have something else.
pub fn complete<T: DeserializeOwned>(folder: &Path) -> Result<Option<Complete<T>>> {
    let Some(Recorded { about, outcome }) = recorded(folder)? else { return Ok(None) };
    let outcome = outcome.ok_or_else(|| Error::Config {
        what: folder.display().to_string(),
        problem: "the training is not complete; run its command again to resume it".to_string(),
    })?;
    let outcome = serde_json::from_value(outcome).map_err(|error| damaged(folder, error))?;
    let path = folder.join(HISTORY);
    let text = fs::read(&path).map_err(Error::file(&path, "read"))?;
    let history = serde_json::from_slice(&text)
        .map_err(|error| Error::format(&path, "the history of a training", error.to_string()))?;
    Ok(Some(Complete { about, outcome, history }))
}

fn json(path: &Path, value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::file(path, "write into")(e.into()))
}
