//! A recorded sweep as a task: to predict its larger runs from its smaller ones.

use crate::error::{Error, Result, brief};
use crate::laws::Points;
use crate::laws::average::Direction;
use crate::laws::repetition::{PRIOR, worth};
use crate::rounding::constant;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Which half of the sources a task belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// For building and calibrating estimators.
    Development,
    /// For judging estimators, once.
    Reserved,
}

/// A quantity that is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Validation loss.
    Loss,
    /// Fraction of the validation samples that the model gets wrong.
    ErrorRate,
    /// Seconds of the training.
    Seconds,
    /// Peak bytes on the device.
    PeakMemory,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Measure; 4] = [Measure::Loss, Measure::ErrorRate, Measure::Seconds, Measure::PeakMemory];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Loss => "validation loss",
            Measure::ErrorRate => "error rate",
            Measure::Seconds => "training time",
            Measure::PeakMemory => "peak memory",
        }
    }

    /// Whether it falls or grows with the sizes.
    pub fn direction(self) -> Direction {
        match self {
            Measure::Loss | Measure::ErrorRate => Direction::Falling,
            Measure::Seconds | Measure::PeakMemory => Direction::Growing,
        }
    }

    fn of(self, run: &Run) -> Option<f64> {
        match self {
            Measure::Loss => run.validation_loss,
            Measure::ErrorRate => run.validation_accuracy.map(|accuracy| 1.0 - accuracy),
            Measure::Seconds => run.seconds,
            Measure::PeakMemory => run.peak_bytes,
        }
    }

    /// The sizes that it depends on: the task's own sizes, or the compute of the run or of one step. Repeated samples
    /// are worth less (Muennighoff et al. 2023).
    fn sizes(self, axis: Size, run: &Run) -> Vec<f64> {
        match self {
            Measure::Loss | Measure::ErrorRate if axis == Size::Epochs => {
                vec![run.train_samples * worth(run.samples_seen / run.train_samples, PRIOR)]
            }
            Measure::Loss | Measure::ErrorRate => run.sizes.clone(),
            Measure::Seconds => vec![run.macs * run.samples_seen],
            Measure::PeakMemory => vec![run.macs],
        }
    }
}

/// The first line of a file of runs, which describes the sweep.
#[derive(Debug, Clone, Deserialize)]
pub struct Head {
    /// The task's name.
    pub name: String,
    /// The data set. Two sources never share a sample.
    pub source: String,
    /// Development or reserved.
    pub half: Half,
    /// The size that varies between its runs.
    size: Size,
}

/// The size that varies between the runs of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Size {
    Model,
    Samples,
    Epochs,
    Joint,
}

#[derive(Debug, Clone, Deserialize)]
struct Run {
    sizes: Vec<f64>,
    held_out: bool,
    status: String,
    macs: f64,
    train_samples: f64,
    samples_seen: f64,
    validation_loss: Option<f64>,
    validation_accuracy: Option<f64>,
    seconds: Option<f64>,
    peak_bytes: Option<f64>,
}

/// A recorded sweep.
#[derive(Debug, Clone)]
pub struct Task {
    /// Name, source, half.
    pub head: Head,
    runs: Vec<Run>,
}

impl Task {
    /// Reads a file of runs.
    ///
    /// # Errors
    /// A file that cannot be read; a line that is not a head or a run.
    pub fn read(path: &Path) -> Result<Task> {
        let text = std::fs::read_to_string(path).map_err(Error::file(path, "read"))?;
        let mut lines = (1..).zip(text.lines());
        let bad = |line: usize, what: &str, error: serde_json::Error| {
            Error::format(path, format!("{what} in line {line}"), brief(error))
        };
        let (_, first) =
            lines.next().ok_or_else(|| Error::format(path, "a recorded sweep", "an empty file"))?;
        let head =
            serde_json::from_str(first).map_err(|error| bad(1, "the head of a recorded sweep", error))?;
        let run = |(number, line)| serde_json::from_str(line).map_err(|error| bad(number, "a run", error));
        Ok(Task { head, runs: lines.map(run).collect::<Result<_>>()? })
    }

    /// The runs to predict from and the runs to predict. `None` if either has no rows, or if the sizes do not vary.
    pub fn split(&self, measure: Measure) -> Option<(Points, Points)> {
        let part = |held_out: bool| {
            let runs = self.runs.iter().filter(|run| run.held_out == held_out && run.status == "completed");
            let rows: Vec<(Vec<f64>, f64)> = runs
                .filter_map(|run| Some((measure.sizes(self.head.size, run), measure.of(run)?)))
                .filter(|(_, y)| *y > 0.0 && y.is_finite())
                .collect();
            let column = |size: usize| rows.iter().map(|row| row.0[size]).collect::<Vec<f64>>();
            let y: Vec<f64> = rows.iter().map(|row| row.1).collect();
            match rows.first()?.0.len() {
                1 => Points::single(("size", &column(0)), (measure.name(), &y)).ok(),
                _ => Points::joint(("size", &column(0)), ("samples", &column(1)), (measure.name(), &y)).ok(),
            }
        };
        let (kept, held_out) = (part(false)?, part(true)?);
        (!constant(kept.x().iter().map(|x| x[0] * x[1]))).then_some((kept, held_out))
    }
}

/// Reads the tasks in a folder, in the order of file names.
///
/// # Errors
/// A folder or file that cannot be read; a folder without a task.
pub fn load(folder: &Path) -> Result<Vec<Task>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::file(folder, "list"))? {
        let path = entry.map_err(Error::file(folder, "list"))?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(Error::Config {
            what: folder.display().to_string(),
            problem: "no recorded sweep (*.jsonl) in it; benches/prediction/record.py makes them".into(),
        });
    }
    paths.iter().map(|path| Task::read(path)).collect()
}
