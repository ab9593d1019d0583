//! The directory of a search:
//!
//! - `search.toml`: the search; a directory belongs to one search.
//! - `candidates.jsonl`: the [log](RunLog) of its runs, one record per line.
//! - `checkpoint.safetensors`: the [checkpoint](crate::train::checkpoint) of the run that is being trained.
//! - `compound.toml`: the [answer](super::answer), once the search is complete.
//!
//! One process at a time can open a directory.

use super::search::CompoundSearch;
use crate::data::fingerprint;
use crate::error::{Error, Result};
use crate::files::{self, SEARCH_FILE};
use crate::sweep::log::RunLog;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const RUNS: &str = "candidates.jsonl";
const ANSWER: &str = "compound.toml";
const CHECKPOINT: &str = "checkpoint.safetensors";

/// An open directory of a search.
#[derive(Debug)]
pub struct SearchStore {
    directory: PathBuf,
    search: CompoundSearch,
    pub(super) log: RunLog,
}

impl SearchStore {
    /// Opens the directory for `search`. Creates it if it does not exist. A search that
    /// [`extends`](CompoundSearch::extends) the directory's replaces it.
    ///
    /// # Errors
    /// [`Error::Config`] if the directory holds another search; [`Error::Busy`] if another process has it open; files
    /// that can't be read or written.
    pub fn open(directory: impl Into<PathBuf>, search: &CompoundSearch) -> Result<SearchStore> {
        let directory = directory.into();
        search.validate()?;
        let lock = files::Lock::take(&directory)?;
        files::refuse_other_kind(&directory, SEARCH_FILE)?;
        let found = read(&directory.join(SEARCH_FILE))?;
        if let Some(found) = &found {
            refuse_other(&directory, found, search)?;
        }
        if found.as_ref() != Some(search) {
            files::replace(&directory.join(SEARCH_FILE), search.to_toml()?.as_bytes())?;
        }
        let log = RunLog::open(directory.join(RUNS), lock)?;
        Ok(SearchStore { directory, search: search.clone(), log })
    }

    /// The search.
    pub fn search(&self) -> &CompoundSearch {
        &self.search
    }

    /// The log of its runs.
    pub fn log(&self) -> &RunLog {
        &self.log
    }

    /// Path of the file for the checkpoint of the run that is being trained.
    pub fn checkpoint_file(&self) -> PathBuf {
        self.directory.join(CHECKPOINT)
    }

    /// Path of the file for the answer.
    pub fn answer_file(&self) -> PathBuf {
        self.directory.join(ANSWER)
    }
}

fn read(path: &Path) -> Result<Option<CompoundSearch>> {
    match fs::read_to_string(path) {
        Ok(text) => CompoundSearch::from_toml(&text)
            .map(Some)
            .map_err(|error| Error::Config { what: path.display().to_string(), problem: error.to_string() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(path, "read")(error)),
    }
}

fn refuse_other(directory: &Path, found: &CompoundSearch, wanted: &CompoundSearch) -> Result<()> {
    let fail = |problem: String| Err(Error::Config { what: directory.display().to_string(), problem });
    if let Some(difference) = fingerprint::difference(&found.plan.data, &wanted.plan.data) {
        return fail(format!(
            "holds a search on other data: {difference}; use another directory, or the original data"
        ));
    }
    if wanted.extends(found) {
        return Ok(());
    }
    fail(format!(
        "holds another search (different: {}); use another directory, or what its {SEARCH_FILE} says",
        found.differences(wanted).join(", ")
    ))
}
