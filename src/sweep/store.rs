//! A sweep's directory:
//!
//! - `plan.toml`: the plan; a directory belongs to one plan.
//! - `runs.jsonl`: one record per line, appended and synced before the next run begins.
//! - `prediction.json`, if the plan asks for one: the predicted losses of the largest models, written once, before any
//!   of them is trained. `prediction-2.json` is the prediction of the first extension, and so on.
//! - the report's files.
//!
//! One process at a time can open a directory. It holds the directory's lock ([`files::Lock`]) while the store is open.
//!
//! A line counts once its newline is on disk. If a process is killed while it appends a record, the last line has no
//! newline. Opening the directory truncates such a line, and the run is trained again.

use super::plan::Plan;
use super::prediction::Prediction;
use super::record::Record;
use super::variant::Variant;
use crate::data::fingerprint;
use crate::error::{Error, Result, brief, shown};
use crate::files;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const PLAN: &str = "plan.toml";
pub(super) const RUNS: &str = "runs.jsonl";

/// An open sweep directory.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    file: File,
    /// Bytes of `runs.jsonl` that hold complete records.
    length: u64,
    records: Vec<Record>,
    plan: Plan,
    _lock: files::Lock,
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
        let found = read_plan(&directory)?;
        let plan = match &found {
            Some(found) => settle(&directory, found)?,
            None => wanted.clone(),
        };
        if found.as_ref() != Some(&plan) {
            files::replace(&directory.join(PLAN), plan.to_toml()?.as_bytes())?;
        }
        let path = directory.join(RUNS);
        let file =
            OpenOptions::new().append(true).create(true).open(&path).map_err(Error::file(&path, "open"))?;
        files::sync_directory(&directory)?;
        let bytes = fs::read(&path).map_err(Error::file(&path, "read"))?;
        let (records, whole) = parse(&path, &bytes)?;
        let length = whole as u64;
        if whole < bytes.len() {
            truncate(&path, length).map_err(Error::file(&path, "truncate"))?;
        }
        Ok(Store { directory, file, length, records, plan, _lock: lock })
    }

    /// Reads plan and records without changing the directory, for reports. Ignores an incomplete last line.
    ///
    /// # Errors
    /// [`Error::Config`] if the directory has no plan; files that can't be read, or are not in the expected format.
    pub fn load(directory: impl AsRef<Path>) -> Result<(Plan, Vec<Record>)> {
        let directory = directory.as_ref();
        let plan = read_plan(directory)?.ok_or_else(|| Error::Config {
            what: directory.display().to_string(),
            problem: format!("not the directory of a sweep: there is no {PLAN} in it"),
        })?;
        let path = directory.join(RUNS);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            other => other.map_err(Error::file(&path, "read"))?,
        };
        Ok((plan, parse(&path, &bytes)?.0))
    }

    /// Adds a record: one write, then a sync, so that the whole record is on disk when this returns. If the write fails,
    /// an incomplete record is removed again.
    ///
    /// # Errors
    /// [`Error::Argument`] if the run already has a record; [`Error::File`] if it cannot be written.
    pub fn append(&mut self, record: Record) -> Result<()> {
        if self.contains(&record.variant.key) {
            return Err(Error::argument("store", "key", &record.variant.key, "one that has no record yet"));
        }
        let path = self.directory.join(RUNS);
        let mut line = serde_json::to_vec(&record).map_err(|e| Error::file(&path, "write")(e.into()))?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // If this fails as well, the next opening truncates the incomplete line.
            let _ = truncate(&path, self.length);
            return Err(Error::file(&path, "append to")(error));
        }
        self.length += line.len() as u64;
        self.records.push(record);
        Ok(())
    }

    /// The directory's plan, with all extensions.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The records, in the order they were added.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether the run with this key has a record, however it ended.
    pub fn contains(&self, key: &str) -> bool {
        self.records.iter().any(|record| record.variant.key == key)
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
        let path = self.directory.join(prediction_file(generation));
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

    /// Path of the directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

fn prediction_file(generation: usize) -> String {
    if generation == 1 { "prediction.json".to_string() } else { format!("prediction-{generation}.json") }
}

fn read_plan(directory: &Path) -> Result<Option<Plan>> {
    let path = directory.join(PLAN);
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
        "holds a sweep with another plan (different: {}); use another directory{extend}, or the plan of its {PLAN}",
        differences.join(", ")
    ))
}

/// The records of all complete lines, and the number of bytes of these lines.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<Record>, usize)> {
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let mut records: Vec<Record> = Vec::new();
    for (number, line) in (1..).zip(bytes[..whole].split_inclusive(|&byte| byte == b'\n')) {
        let record: Record = serde_json::from_slice(line)
            .map_err(|e| Error::format(path, format!("a record in line {number}"), brief(e)))?;
        if records.iter().any(|known| known.variant.key == record.variant.key) {
            let found = format!("a second record of {} in line {number}", shown(&record.variant.key));
            return Err(Error::format(path, "one record per run", found));
        }
        records.push(record);
    }
    Ok((records, whole))
}

/// Truncates a file. Opens it again, because on Windows a handle for appending can't truncate.
fn truncate(path: &Path, length: u64) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.sync_data()
}
