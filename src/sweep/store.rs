//! A sweep's directory:
//!
//! - `plan.toml`: the plan; a directory belongs to one plan.
//! - `runs.jsonl`: the [log](RunLog) of its runs, one record per line.
//! - `prediction.json`, if the plan asks for one: the predicted losses of the largest models, written once, before any
//!   of them is trained. `prediction-2.json` is the prediction of the first extension, and so on.
//! - `checkpoint.safetensors`: the [checkpoint](crate::train::checkpoint) of the run that is being trained, until its
//!   record is appended.
//! - the report's files.
//!
//! One process at a time can open a directory. It holds the directory's lock ([`files::Lock`]) while the store is open.

use super::log::RunLog;
use super::plan::Plan;
use super::prediction::Prediction;
use super::record::Record;
use super::variant::Variant;
use crate::data::fingerprint;
use crate::error::{Error, Result, brief};
use crate::files::{self, SWEEP_FILE};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const RUNS: &str = "runs.jsonl";
const CHECKPOINT: &str = "checkpoint.safetensors";

/// An open sweep directory.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    log: RunLog,
    plan: Plan,
}

impl Store {
    /// Opens the directory for `plan`. Creates it if it does not exist.
    ///
    /// # Errors
    /// [`Error::Config`] if the directory holds another plan; [`Error::Busy`] if another process has it open; files
    /// that can't be read or written.
    pub fn open(directory: impl Into<PathBuf>, plan: &Plan) -> Result<Store> {
        Store::open_for(directory.into(), plan, |directory, found| {
            refuse_other(directory, found, plan)?;
            Ok(found.clone())
        })
    }

    /// Opens the directory and extends its plan to `plan`; see [`Plan::extended`].
    ///
    /// # Errors
    /// Those of [`Store::open`], and those of [`Plan::extended`].
    pub fn extend(directory: impl Into<PathBuf>, plan: &Plan) -> Result<Store> {
        Store::open_for(directory.into(), plan, |directory, found| {
            let described = |error: Error| Error::Config {
                what: directory.display().to_string(),
                problem: error.to_string(),
            };
            if found.differences(plan).iter().any(|part| part == "data") {
                refuse_other(directory, found, plan)?;
            }
            found.extended(plan).map_err(described)
        })
    }

    /// Opens the directory. If it has a plan, `settle` returns the plan to use.
    fn open_for(
        directory: PathBuf,
        wanted: &Plan,
        settle: impl FnOnce(&Path, &Plan) -> Result<Plan>,
    ) -> Result<Store> {
        wanted.validate()?;
        let lock = files::Lock::take(&directory)?;
        files::refuse_other_kind(&directory, SWEEP_FILE)?;
        let found = read_plan(&directory)?;
        let plan = match &found {
            Some(found) => settle(&directory, found)?,
            None => wanted.clone(),
        };
        if found.as_ref() != Some(&plan) {
            files::replace(&directory.join(SWEEP_FILE), plan.to_toml()?.as_bytes())?;
        }
        let log = RunLog::open(directory.join(RUNS), lock)?;
        Ok(Store { directory, log, plan })
    }

    /// Reads plan and records without changing the directory, for reports. Ignores an incomplete last line.
    ///
    /// # Errors
    /// [`Error::Config`] if the directory has no plan; files that can't be read, or are not in the expected format.
    pub fn load(directory: impl AsRef<Path>) -> Result<(Plan, Vec<Record>)> {
        let directory = directory.as_ref();
        let plan = read_plan(directory)?.ok_or_else(|| Error::Config {
            what: directory.display().to_string(),
            problem: format!("not the directory of a sweep: there is no {SWEEP_FILE} in it"),
        })?;
        Ok((plan, RunLog::read(&directory.join(RUNS))?))
    }

    /// Adds a record; see [`RunLog::append`].
    ///
    /// # Errors
    /// Those of [`RunLog::append`].
    pub fn append(&mut self, record: Record) -> Result<()> {
        self.log.append(record)
    }

    /// The directory's plan, with all extensions.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The records, in the order they were added.
    pub fn records(&self) -> &[Record] {
        self.log.records()
    }

    /// Whether the run with this key has a record, however it ended.
    pub fn contains(&self, key: &str) -> bool {
        self.log.contains(key)
    }

    /// The runs of the plan that have no record yet, in the plan's order.
    ///
    /// # Errors
    /// Those of [`Plan::variants`].
    pub fn pending(&self, plan: &Plan) -> Result<Vec<Variant>> {
        let mut variants = plan.variants()?;
        variants.retain(|variant| !self.contains(&variant.key));
        Ok(variants)
    }

    /// The predictions in a directory, each with the number of its generation.
    ///
    /// # Errors
    /// Those of [`Store::load_prediction`].
    pub fn load_predictions(directory: impl AsRef<Path>, plan: &Plan) -> Result<Vec<(usize, Prediction)>> {
        let generations = 1..=plan.generations();
        let load = |number| Ok(Store::load_prediction(&directory, number)?.map(|found| (number, found)));
        generations.filter_map(|number| load(number).transpose()).collect()
    }

    /// The prediction of generation `generation`, if there is one.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be read; [`Error::Format`] if it is not a prediction.
    pub fn load_prediction(directory: impl AsRef<Path>, generation: usize) -> Result<Option<Prediction>> {
        let path = directory.as_ref().join(prediction_file(generation));
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| Error::format(&path, "a prediction", brief(e))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(&path, "read")(error)),
        }
    }

    /// Stores the prediction of a generation. A stored prediction is never replaced.
    ///
    /// # Errors
    /// [`Error::Argument`] if the generation already has a prediction; [`Error::File`] if it can't be written.
    pub fn write_prediction(&self, generation: usize, prediction: &Prediction) -> Result<()> {
        let path = self.directory().join(prediction_file(generation));
        if path.exists() {
            let found = path.display();
            return Err(Error::argument(
                "store",
                "prediction",
                found,
                "written once, before the predicted runs are trained",
            ));
        }
        let mut json =
            serde_json::to_vec_pretty(prediction).map_err(|e| Error::file(&path, "write")(e.into()))?;
        json.push(b'\n');
        files::replace(&path, &json)
    }

    /// The log of its runs.
    pub fn log(&self) -> &RunLog {
        &self.log
    }

    /// Path of the file for the checkpoint of the run that is being trained.
    pub fn checkpoint_file(&self) -> PathBuf {
        self.directory.join(CHECKPOINT)
    }

    /// Path of the directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

fn prediction_file(generation: usize) -> String {
    if generation == 1 { "prediction.json".to_string() } else { format!("prediction-{generation}.json") }
}

fn read_plan(directory: &Path) -> Result<Option<Plan>> {
    let path = directory.join(SWEEP_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => Plan::from_toml(&text)
            .map(Some)
            .map_err(|error| Error::Config { what: path.display().to_string(), problem: error.to_string() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(&path, "read")(error)),
    }
}

fn refuse_other(directory: &Path, found: &Plan, wanted: &Plan) -> Result<()> {
    let fail = |problem: String| Err(Error::Config { what: directory.display().to_string(), problem });
    if let Some(difference) = fingerprint::difference(&found.data, &wanted.data) {
        return fail(format!(
            "holds a sweep on other data: {difference}; use another directory, or the original data"
        ));
    }
    let differences = found.differences(wanted);
    if differences.is_empty() {
        return Ok(());
    }
    let extend = if found.extended(wanted).is_ok() { ", add --extend to train the new runs" } else { "" };
    fail(format!(
        "holds a sweep with another plan (different: {}); use another directory{extend}, or the plan of its {SWEEP_FILE}",
        differences.join(", ")
    ))
}
