//! Errors, coverage and widths of intervals, by estimator.

use super::estimator::{Estimator, EstimatorPrediction, LEVELS};
use super::task::{Measure, Task};
use crate::quantile::{median, quantile};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// The fewest sources from which an interval of the coverage is computed.
pub const FEWEST_SOURCES: usize = 10;
/// Number of resamples of the sources.
const RESAMPLES: usize = 4000;
/// The level of the interval score, as an index of [`LEVELS`].
const SCORED: usize = 1;

/// How well an estimator predicts a measure.
#[derive(Debug, Clone, Serialize)]
pub struct EstimatorScore {
    /// The measure's name.
    pub measure: Measure,
    /// The estimator's name.
    pub estimator: String,
    /// Number of tasks with a prediction, and of all tasks.
    pub tasks: [usize; 2],
    /// Number of predicted runs.
    pub runs: usize,
    /// Median of |predicted / measured − 1|.
    pub median_error: f64,
    /// Root mean square of the same error.
    pub rms_error: f64,
    /// For each level, the fraction of the runs inside the interval.
    pub coverage: [f64; 3],
    /// The 95 % interval of each coverage, from resampling whole sources; `None` with fewer than [`FEWEST_SOURCES`].
    pub coverage_interval: Option<[[f64; 2]; 3]>,
    /// Median width of the 80 % interval, as ln(upper end / lower end).
    pub width: f64,
    /// The mean interval score of ln y at 80 % (Gneiting & Raftery 2007, equation 43); lower is better.
    pub interval_score: f64,
    /// For each naive estimator, the fraction of the tasks whose mean |ln(predicted / measured)| is lower than that of
    /// the naive estimator.
    pub better_than: BTreeMap<String, f64>,
}

/// The prediction and the measured value of a held-out run.
#[derive(Debug, Clone, Copy)]
struct Judged {
    source: usize,
    task: usize,
    prediction: EstimatorPrediction,
    measured: f64,
}

impl Judged {
    fn error(&self) -> f64 {
        self.prediction.value / self.measured - 1.0
    }

    fn inside(&self, level: usize) -> bool {
        let (low, high) = self.prediction.intervals[level];
        (low..=high).contains(&self.measured)
    }

    fn interval_score(&self) -> f64 {
        let (low, high) = self.prediction.intervals[SCORED];
        let y = self.measured.ln();
        let outside = (low.ln() - y).max(0.0) + (y - high.ln()).max(0.0);
        (high / low).ln() + 2.0 / (1.0 - LEVELS[SCORED]) * outside
    }
}

/// Scores every estimator on every task that has the measure.
pub fn score_estimators(tasks: &[Task], measure: Measure, estimators: &[Estimator]) -> Vec<EstimatorScore> {
    let mut sources: Vec<&str> = tasks.iter().map(|task| task.head.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    let split: Vec<_> = tasks.iter().filter_map(|task| Some((task, task.split(measure)?))).collect();
    let of = |estimator: Estimator| -> Vec<Judged> {
        let judged = split.par_iter().enumerate().flat_map_iter(|(place, (task, (kept, held_out)))| {
            let source = sources.partition_point(|name| *name < task.head.source.as_str());
            let predicted = estimator.predict(kept, measure.direction(), held_out.x()).unwrap_or_default();
            let rows = predicted.into_iter().zip(held_out.y().to_vec());
            rows.map(move |(prediction, measured)| Judged { source, task: place, prediction, measured })
        });
        judged.filter(|judged| judged.prediction.value.is_finite()).collect()
    };
    let naive: Vec<(Estimator, BTreeMap<usize, f64>)> =
        Estimator::NAIVE.iter().map(|&estimator| (estimator, task_errors(&of(estimator)))).collect();
    estimators
        .iter()
        .map(|&estimator| {
            let judged = of(estimator);
            let own = task_errors(&judged);
            let better = |(other, errors): &(Estimator, BTreeMap<usize, f64>)| {
                let both = own.iter().filter_map(|(task, error)| Some((error, errors.get(task)?)));
                let wins: Vec<bool> = both.map(|(own, other)| own < other).collect();
                (other.name(), fraction(&wins))
            };
            EstimatorScore {
                measure,
                estimator: estimator.name(),
                tasks: [own.len(), split.len()],
                runs: judged.len(),
                median_error: median(judged.iter().map(|run| run.error().abs())),
                rms_error: mean(judged.iter().map(|run| run.error().powi(2))).sqrt(),
                coverage: [0, 1, 2].map(|level| coverage(&judged, level)),
                coverage_interval: coverage_intervals(&judged),
                width: median(judged.iter().map(|run| {
                    let (low, high) = run.prediction.intervals[SCORED];
                    (high / low).ln()
                })),
                interval_score: mean(judged.iter().map(Judged::interval_score)),
                better_than: naive.iter().map(better).collect(),
            }
        })
        .collect()
}

/// For each task the mean |ln(predicted / measured)|.
fn task_errors(judged: &[Judged]) -> BTreeMap<usize, f64> {
    let mut tasks: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for run in judged {
        tasks.entry(run.task).or_default().push((run.prediction.value / run.measured).ln().abs());
    }
    tasks.into_iter().map(|(task, errors)| (task, mean(errors.into_iter()))).collect()
}

fn coverage(judged: &[Judged], level: usize) -> f64 {
    fraction(&judged.iter().map(|run| run.inside(level)).collect::<Vec<_>>())
}

/// Resamples whole sources.
fn coverage_intervals(judged: &[Judged]) -> Option<[[f64; 2]; 3]> {
    let mut sources: BTreeMap<usize, Vec<&Judged>> = BTreeMap::new();
    judged.iter().for_each(|run| sources.entry(run.source).or_default().push(run));
    let sources: Vec<Vec<&Judged>> = sources.into_values().collect();
    if sources.len() < FEWEST_SOURCES {
        return None;
    }
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut drawn = [(); 3].map(|()| Vec::with_capacity(RESAMPLES));
    for _ in 0..RESAMPLES {
        let again: Vec<&Judged> =
            sources.iter().flat_map(|_| &sources[random.random_range(0..sources.len())]).copied().collect();
        for (level, drawn) in drawn.iter_mut().enumerate() {
            drawn.push(again.iter().filter(|run| run.inside(level)).count() as f64 / again.len() as f64);
        }
    }
    Some(drawn.map(|mut parts| {
        parts.sort_by(f64::total_cmp);
        [0.025, 0.975].map(|outside| quantile(&parts, outside))
    }))
}

fn fraction(held: &[bool]) -> f64 {
    held.iter().filter(|held| **held).count() as f64 / held.len() as f64
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
