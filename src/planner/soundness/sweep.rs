//! The runs behind each law, and where they come from.

use super::statistics::mean;
use super::surface::Point;
use crate::error::Result;
use crate::laws::{Columns, Points, Selection};
use crate::models::axis::Axis;
use crate::rounding::{ROUNDING, levels};
use crate::sweep::plan::Plan;
use crate::sweep::record::Record;
use crate::units::plural;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Runs, with one series for each law that is fitted to them.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// One series for each axis of a sweep's directory; for a table one series.
    pub series: Vec<Series>,
    /// Where the runs come from.
    pub source: RunSource,
    /// The runs or rows that are left out, as text.
    pub left_out: Option<String>,
}

/// Where runs come from; the commands of hints depend on it.
#[derive(Debug, Clone)]
pub enum RunSource {
    /// The directory of a sweep.
    Directory {
        /// Its path.
        path: PathBuf,
        /// Its plan.
        plan: Box<Plan>,
    },
    /// A table.
    Table {
        /// Its path.
        path: PathBuf,
        /// The columns of the sizes and the loss, and the selected rows.
        columns: Columns,
        /// The column of learning rates.
        learning_rate: Option<String>,
    },
}

/// Runs that one law is fitted to.
#[derive(Debug, Clone)]
pub struct Series {
    /// The axis; empty if there is one law.
    pub name: String,
    /// The names of the sizes: one or two.
    pub sizes: Vec<String>,
    /// The quantity that depends on the sizes.
    pub quantity: String,
    /// The runs; each loss and size is finite and above zero.
    pub runs: Vec<Run>,
}

/// One training.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its name: a run's key, or its row.
    pub name: String,
    /// Its sizes; a missing second one is 1.
    pub sizes: [f64; 2],
    /// Its loss at the end.
    pub loss: f64,
    /// Its peak learning rate, if known.
    pub learning_rate: Option<f64>,
    /// The compute budget that it was trained for, if there was one.
    pub budget: Option<f64>,
    /// (Samples seen, validation loss) along the training, including its end; empty if not recorded.
    pub curve: Vec<(f64, f64)>,
}

impl Run {
    /// The run in the logarithms.
    pub(super) fn point(&self) -> Point {
        Point { sizes: self.sizes.map(f64::ln), loss: self.loss.ln() }
    }
}

impl Series {
    /// For each run a group number from 0 on. Runs of the same sizes share it.
    pub(super) fn groups(&self) -> Vec<usize> {
        let level = |size: usize| {
            levels(&self.runs.iter().map(|run| run.sizes[size]).collect::<Vec<f64>>(), ROUNDING)
        };
        let mut known = HashMap::new();
        let mut group = |key| {
            let next = known.len();
            *known.entry(key).or_insert(next)
        };
        level(0).into_iter().zip(level(1)).map(&mut group).collect()
    }
}

impl Sweep {
    /// A sweep's directory: on each axis the completed runs whose loss has a logarithm. Sizes are MACs per sample and,
    /// if the sweep varied them, training samples, as for `plan`; if budgets use the whole set as many times as they
    /// pay for, the samples seen. Of several numbers of epochs, the best for each model and number of samples counts.
    pub fn of_records(directory: &Path, plan: &Plan, records: &[Record]) -> Sweep {
        let counts = |record: &&Record| {
            record.completed() && record.validation_loss().is_some_and(|loss| loss > 0.0 && loss.is_finite())
        };
        let on = |axis: Axis| -> Vec<&Record> {
            let runs = records.iter().filter(counts);
            runs.filter(|record| record.factor_on(axis).is_some()).collect()
        };
        let of = |&axis: &Axis| match plan.whole_set {
            Some(_) => of_axis(axis, &on(axis), true),
            None => of_axis(axis, &at_best_epochs(&on(axis)), false),
        };
        let series = plan.axes.iter().map(of).collect();
        let others = records.iter().filter(|record| !counts(record)).count();
        let left_out = (others > 0).then(|| {
            let runs = plural(others, "run");
            format!("{runs} without a loss that a law can use (did not complete, or a loss of 0)")
        });
        let source = RunSource::Directory { path: directory.into(), plan: Box::new(plan.clone()) };
        Sweep { series, source, left_out }
    }

    /// A table's selected rows.
    ///
    /// # Errors
    /// A missing column of learning rates, or one with other values in a selected row.
    pub fn of_table(
        path: &Path,
        columns: &Columns,
        selection: &Selection,
        learning_rate: Option<&str>,
    ) -> Result<Sweep> {
        let rates = match learning_rate {
            Some(name) => selection.column(name)?.into_iter().map(Some).collect(),
            None => vec![None; selection.points.len()],
        };
        let mut series = Series::of_points(&selection.points);
        for ((run, &row), rate) in series.runs.iter_mut().zip(&selection.rows).zip(rates) {
            run.name = format!("row {}", selection.table.number(row));
            run.learning_rate = rate;
        }
        let learning_rate = learning_rate.map(str::to_string);
        let source = RunSource::Table { path: path.into(), columns: columns.clone(), learning_rate };
        let left_out = (!selection.left_out.is_empty()).then(|| selection.left_out.to_string());
        Ok(Sweep { series: vec![series], source, left_out })
    }
}

impl Series {
    /// The rows that a law is fitted to.
    pub fn of_points(points: &Points) -> Series {
        let run = |(row, (&sizes, &loss)): (usize, (&[f64; 2], &f64))| Run {
            name: format!("row {}", row + 1),
            sizes,
            loss,
            learning_rate: None,
            budget: None,
            curve: Vec::new(),
        };
        Series {
            name: String::new(),
            sizes: points.sizes().to_vec(),
            quantity: points.quantity().to_string(),
            runs: points.x().iter().zip(points.y()).enumerate().map(run).collect(),
        }
    }
}

/// The runs of each model and number of samples with the best number of epochs.
fn at_best_epochs<'r>(records: &[&'r Record]) -> Vec<&'r Record> {
    let mean_loss = |of: &Record, epochs: usize| {
        let same =
            |run: &&&Record| (run.cost.macs, run.cost.train_samples) == (of.cost.macs, of.cost.train_samples);
        let losses = records.iter().filter(same).filter(|run| run.config.epochs == epochs);
        mean(&losses.filter_map(|run| run.validation_loss()).map(f64::ln).collect::<Vec<f64>>())
    };
    let mut numbers: Vec<usize> = records.iter().map(|record| record.config.epochs).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let is_best = |record: &&&Record| {
        let own = mean_loss(record, record.config.epochs);
        // Without runs the mean is NaN, which is not less.
        !numbers.iter().any(|&epochs| mean_loss(record, epochs) < own)
    };
    records.iter().filter(is_best).copied().collect()
}

/// The runs on an axis, by their MACs and their distinct samples, or the samples that they saw.
fn of_axis(axis: Axis, records: &[&Record], seen: bool) -> Series {
    let samples = |record: &Record| if seen { record.cost.samples_seen } else { record.cost.train_samples };
    // Old records do not have it.
    let varied = records.iter().all(|record| samples(record) > 0)
        && records.iter().any(|record| samples(record) != samples(records[0]));
    let run = |record: &&Record| Run {
        name: record.variant.key.clone(),
        sizes: [record.cost.macs as f64, if varied { samples(record) as f64 } else { 1.0 }],
        loss: record.validation_loss().unwrap_or(f64::NAN),
        learning_rate: Some(record.config.learning_rate),
        budget: record.variant.flops_budget,
        curve: record.curve().iter().map(|at| (at.samples_seen as f64, at.validation_loss)).collect(),
    };
    let mut sizes = vec!["MACs".to_string()];
    sizes.extend(varied.then(|| if seen { "samples seen" } else { "samples" }.to_string()));
    Series {
        name: axis.to_string(),
        sizes,
        quantity: "validation loss".to_string(),
        runs: records.iter().map(run).collect(),
    }
}
