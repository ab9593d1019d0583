//! What `allometry train` shows and writes while it trains, and the page that it ends with.

use super::folder::WATCH;
use super::outcome::Outcome;
use allometry::models::Architecture;
use allometry::models::cost::Cost;
use allometry::report::TrainingPage;
use allometry::train::{
    Callback, EpochLog, EpochReport, History, Observation, Progress, TerminalProgress, TrainConfig,
    is_observed,
};
use allometry::units::{digits, grouped};
use allometry::{Error, Result, files};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The callbacks of a training: progress on the terminal, logs, and observed steps.
pub struct Observers {
    progress: TerminalProgress,
    logs: Vec<EpochLog>,
    /// The file for observed steps; `None` to observe none.
    watch: Option<PathBuf>,
    observations: Vec<Observation>,
    /// The first file that could not be written.
    failed: Option<Error>,
}

impl Observers {
    /// Observers that stop the training when `flag` becomes true, and observe steps for the folder `watched`. The
    /// observed steps of an interrupted training there are read.
    ///
    /// # Errors
    /// A file of observed steps that can't be read; folders of logs that can't be written into.
    pub fn new(flag: Arc<AtomicBool>, logs: Vec<EpochLog>, watched: Option<&Path>) -> Result<Observers> {
        logs.iter().try_for_each(|log| files::check_target(log.path()))?;
        let watch = watched.map(|folder| folder.join(WATCH));
        let observations = watched.map(observations).transpose()?.unwrap_or_default();
        let progress = TerminalProgress::new("").interrupted_by(flag);
        Ok(Observers { progress, logs, watch, observations, failed: None })
    }

    /// The observed steps, and the first error that occurred while files were written.
    pub fn finish(self) -> (Vec<Observation>, Result<()>) {
        (self.observations, self.failed.map_or(Ok(()), Err))
    }

    fn keep(&mut self, written: Result<()>) {
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }
}

/// The observed steps of the training in a folder; none if it was not watched.
///
/// # Errors
/// A file that can't be read, or has something else.
pub fn observations(folder: &Path) -> Result<Vec<Observation>> {
    let path = folder.join(WATCH);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&path).map_err(Error::file(&path, "read"))?;
    let read = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            Error::format(&path, "observed steps, one per line", format!("{error} in line {number}"))
        })
    };
    (1..).zip(text.lines()).map(read).collect()
}

impl Callback for Observers {
    fn on_progress(&mut self, progress: &Progress) {
        self.progress.on_progress(progress);
    }

    fn on_epoch(&mut self, report: &EpochReport) {
        self.progress.on_epoch(report);
        let written = self.logs.iter().try_for_each(|log| log.write(report));
        self.keep(written);
    }

    fn observes(&self, step: u64, total: u64) -> bool {
        self.watch.is_some() && is_observed(step, total)
    }

    fn on_observation(&mut self, observation: &Observation) {
        let Some(path) = self.watch.clone() else { return };
        // A training that resumes at an earlier checkpoint observes these steps again.
        self.observations.retain(|earlier| earlier.step < observation.step);
        self.observations.push(observation.clone());
        let lines: Result<Vec<String>, _> = self.observations.iter().map(serde_json::to_string).collect();
        let written = lines
            .map_err(|error| Error::file(&path, "write")(error.into()))
            .and_then(|lines| files::replace(&path, format!("{}\n", lines.join("\n")).as_bytes()));
        self.keep(written);
    }

    fn report_seconds(&self) -> f64 {
        self.progress.report_seconds()
    }

    fn interrupted(&self) -> bool {
        self.progress.interrupted()
    }
}

/// What the page of a training tells, beside its curves.
pub struct Page<'a> {
    pub architecture: &'a Architecture,
    pub config: &'a TrainConfig,
    pub outcome: &'a Outcome,
    /// The name of the data set.
    pub data: &'a str,
}

impl Page<'_> {
    /// Writes the page, `report.html`, and its plots into the folder.
    ///
    /// # Errors
    /// Files that can't be written; an architecture that can't be counted.
    pub fn write(&self, folder: &Path, history: &History, observations: &[Observation]) -> Result<()> {
        let (outcome, cost) = (self.outcome, Cost::of(self.architecture)?);
        let accuracy = outcome.validation_accuracy.map(|a| format!(", accuracy {:.2} %", 100.0 * a));
        let lead = format!(
            "{} parameters and {} MACs per sample, trained on {} samples of {} on {}. Validation loss {}{}.",
            grouped(cost.parameters),
            grouped(cost.macs),
            grouped(history.samples_seen),
            self.data,
            outcome.device,
            digits(outcome.validation_loss),
            accuracy.unwrap_or_default(),
        );
        let config = self.config.to_toml()?;
        TrainingPage {
            model: &self.architecture.name,
            lead,
            history,
            observations,
            findings: &outcome.findings,
            config: &config,
        }
        .write(folder)
    }
}
