//! What a sweep knows: on each axis the law of the loss in size and data, fitted to the runs that were completed.
//!
//! The size is M, the MACs of a sample's forward pass, and not the number of parameters: with C = 6·M·D it gives
//! compute for convolutions as well as for dense layers. D is the number of different training samples, times what
//! repeating them is worth ([`repetition`](crate::scaling::law::repetition)).
//!
//! [`Evidence::loss`] is all that the planner asks of a law: an [average over models of the curve](Average), whose
//! intervals grow with the distance from the runs, and what is uncertain of repetition.

pub use super::expectation::Expectation;
use super::expectation::Surface;
use crate::error::{Error, Result};
use crate::scaling::axis::Axis;
use crate::scaling::law::average::{Average, Direction};
use crate::scaling::law::repetition::{Repetition, Run};
use crate::scaling::law::turn::{RISE, turn};
use crate::scaling::law::{Points, narrow};
use crate::scaling::plan::Plan;
use crate::scaling::record::Record;
use serde::Serialize;

/// Level of the intervals of expected losses.
pub const LEVEL: f64 = 0.8;

/// The loss that a training is judged by: it ends below it with this probability.
pub const CAUTION: f64 = 0.8;

/// Where a sweep varied neither samples nor epochs, the loss falls as a power of the data between these: the exponents of
/// generalisation errors over four fields of learning in Hestness et al. 2017 (arXiv:1712.00409).
const DATA_EXPONENT: (f64, f64) = (0.07, 0.35);

/// Samples of another run are as many, and its model is as large, up to this factor.
const ALIKE: f64 = 1.25;

/// Losses of the smallest and of the largest run that are closer together than this part say nothing of sizes.
const FLAT: f64 = 0.05;

/// The law on one axis, and the runs behind it.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The axis.
    pub axis: Axis,
    /// The number of training samples an epoch that the law is for, where the sweep did not vary it.
    pub fixed_samples: Option<usize>,
    /// Smallest and largest factor that was trained.
    pub factors: (f64, f64),
    /// Smallest and largest M that was trained.
    pub macs: (f64, f64),
    /// Smallest and largest number of different samples that was trained on.
    pub samples: (f64, f64),
    /// Training FLOPs of the largest run.
    pub flops: f64,
    /// What repeated samples are worth.
    pub repetition: Repetition,
    /// The law of the validation loss in M and D, or in M alone where D was not varied.
    surface: Surface,
    /// Whether the runs differ in data, so that the law has them as a size.
    joint: bool,
    /// The largest D of a run, at the median worth of repetition.
    most_data: f64,
    /// Where longer training raised the loss.
    turns: Vec<Turn>,
}

/// A run whose loss turned.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Turn {
    macs: f64,
    distinct: f64,
    passes: f64,
}

/// An axis without a law: it could not be fitted, or the runs don't identify it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeftOut {
    /// The axis.
    pub axis: Axis,
    /// Why.
    pub reason: String,
}

/// Fits a law on each axis of a sweep; the axes whose runs are too few for one, or don't identify it, come with the
/// reason. `samples` is how many training samples an epoch has where the sweep did not vary their number.
pub fn gather(plan: &Plan, records: &[Record], samples: usize) -> (Vec<Evidence>, Vec<LeftOut>) {
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for &axis in &plan.axes {
        let runs: Vec<&Record> = records.iter().filter(|record| counts(record, axis)).collect();
        match Evidence::of(axis, &runs, samples) {
            Ok(evidence) => found.push(evidence),
            Err(error) => left_out.push(LeftOut { axis, reason: error.to_string() }),
        }
    }
    (found, left_out)
}

/// Whether a run stands on the axis and has a loss that a law can be fitted to.
pub fn counts(record: &Record, axis: Axis) -> bool {
    let loss = record.validation_loss.filter(|loss| *loss > 0.0 && loss.is_finite());
    record.completed() && loss.is_some() && record.factor_on(axis).is_some()
}

/// What is said of completed runs with a loss of exactly 0, which no law can take; none where there are none.
pub fn zeros(records: &[Record]) -> Option<String> {
    let zero = |record: &&Record| record.completed() && record.validation_loss == Some(0.0);
    match records.iter().filter(zero).count() {
        0 => None,
        count => {
            Some(format!("{count} of the runs left out, with a loss of exactly 0, which has no logarithm"))
        }
    }
}

/// A record as the law of repetition takes it. Records of before different samples were counted have those of an epoch.
fn run(record: &Record) -> Run {
    let epoch = record.samples_seen as f64 / record.epochs.max(1) as f64;
    let distinct = if record.train_samples > 0 { record.train_samples as f64 } else { epoch };
    Run {
        size: record.macs as f64,
        distinct,
        passes: (record.samples_seen as f64 / distinct).max(1.0),
        loss: record.validation_loss.unwrap_or(f64::NAN),
    }
}

impl Evidence {
    fn of(axis: Axis, records: &[&Record], per_epoch: usize) -> Result<Evidence> {
        let runs: Vec<Run> = records.iter().map(|record| run(record)).collect();
        let repetition = Repetition::of(&runs);
        let median = repetition.at(0.5);
        let column = |of: &dyn Fn(&Run) -> f64| runs.iter().map(of).collect::<Vec<f64>>();
        let (macs, losses) = (column(&|run| run.size), column(&|run| run.loss));
        let samples = column(&|run| run.distinct);
        let data = column(&|run| repetition.effective(run.distinct, run.passes, median));
        let varied = |values: &[f64]| values.iter().any(|value| *value != values[0]);
        let joint = varied(&data);
        let points = if joint {
            Points::joint(("MACs", &macs), ("samples", &data), ("loss", &losses))?
        } else {
            Points::single(("MACs", &macs), ("loss", &losses))?
        };
        let unidentified = |problem: String| Error::Config {
            what: "law".into(),
            problem: format!("the runs don't identify it: {problem}"),
        };
        let law = Average::new(&points, Direction::Falling)?;
        if let Some(problem) = (0..points.sizes().len()).find_map(|size| narrow(&points, size)) {
            return Err(unidentified(problem));
        }
        let (macs, data) = (range(&macs), range(&data));
        let surface = Surface::new(law);
        let corner = |macs: f64, data: f64| surface.at([macs, if joint { data } else { 1.0 }]).log();
        let fall = corner(macs.0, data.0) - corner(macs.1, data.1);
        if fall < FLAT {
            return Err(unidentified(format!(
                "from the smallest run to the largest the loss falls by {:.1} % only; train longer",
                100.0 * (1.0 - (-fall).exp())
            )));
        }
        let factors: Vec<f64> = records.iter().filter_map(|record| record.factor_on(axis)).collect();
        Ok(Evidence {
            axis,
            fixed_samples: (!varied(&samples)).then_some(per_epoch),
            factors: range(&factors),
            macs,
            samples: range(&samples),
            flops: records.iter().map(|record| record.training_flops).fold(0.0, f64::max),
            turns: turns(records, &runs, repetition.scatter()),
            surface,
            joint,
            most_data: data.1,
            repetition,
        })
    }

    /// The loss that is expected of a model of M MACs that sees so many different samples so often.
    pub fn loss(&self, macs: f64, distinct: f64, passes: f64) -> Expectation {
        self.expectation(macs, distinct, passes, |x| Expectation::of(self.surface.law(), x))
    }

    /// The same up to a thousandth, in less time.
    pub fn compared(&self, macs: f64, distinct: f64, passes: f64) -> Expectation {
        self.expectation(macs, distinct, passes, |x| self.surface.at(x))
    }

    fn expectation(
        &self,
        macs: f64,
        distinct: f64,
        passes: f64,
        law: impl Fn([f64; 2]) -> Expectation,
    ) -> Expectation {
        let amount = |p: f64| self.repetition.effective(distinct, passes, self.repetition.at(p));
        let [low, median, high] = [0.1, 0.5, 0.9].map(amount);
        if self.joint {
            let [little, much] = [low, high].map(|amount| self.surface.at([macs, amount]).log());
            return law([macs, median]).with(Expectation::deviation(little, much), 0.0);
        }
        // A law in M alone is for the data of the runs; a uniform distribution of exponents says what others are worth.
        let (least, most) = DATA_EXPONENT;
        let exponent = 0.5 * (least + most);
        let more = (median / self.most_data).ln();
        let of_exponent = (most - least) / 12f64.sqrt() * more;
        let of_repetition = exponent * Expectation::deviation(low.ln(), high.ln());
        law([macs, 1.0]).with(of_exponent.hypot(of_repetition), -exponent * more)
    }

    /// What the runs can't tell.
    pub fn warning(&self) -> Option<String> {
        let (low, high) = DATA_EXPONENT;
        let text = format!(
            "the sweep varied neither samples nor epochs: that the loss falls as the data to the power {low} to {high} is taken \
             from other fields of learning (Hestness et al. 2017); sweep --for-plan measures it"
        );
        (!self.joint).then_some(text)
    }

    /// How often a model of M MACs can see so many samples before the loss rises, as far as runs have shown it: a run of a
    /// model that is no larger turned on no more samples. With more samples the turn comes later; taken is, in proportion.
    pub fn most_passes(&self, macs: f64, distinct: f64) -> Option<f64> {
        let comparable = |turn: &&Turn| turn.macs <= ALIKE * macs;
        let passes = |turn: &Turn| turn.passes * (distinct / turn.distinct).max(1.0);
        self.turns.iter().filter(comparable).map(passes).reduce(f64::min)
    }
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, 0.0), |(low, high), &value| (value.min(low), value.max(high)))
}

/// The turns in the curves of runs, and between runs of one model on the same samples.
fn turns(records: &[&Record], runs: &[Run], scatter: f64) -> Vec<Turn> {
    let mut found = Vec::new();
    for (record, run) in records.iter().zip(runs) {
        let curve: Vec<(f64, f64)> = record
            .curve
            .iter()
            .map(|point| ((point.samples_seen as f64 / run.distinct).max(1.0), point.validation_loss))
            .collect();
        found.extend(turn(&curve, RISE).map(|passes| Turn {
            macs: run.size,
            distinct: run.distinct,
            passes,
        }));
    }
    // Runs end where chance has them: what is higher by less than two standard deviations of a difference is not.
    let rise = RISE.max(2.0 * std::f64::consts::SQRT_2 * scatter);
    for (place, first) in runs.iter().enumerate() {
        let same = |run: &&Run| run.size == first.size && near(run.distinct, first.distinct);
        // Each group once.
        if runs[..place].iter().any(|run| same(&run)) {
            continue;
        }
        let of_model: Vec<&Run> = runs.iter().filter(same).collect();
        let ends = means(&of_model);
        found.extend(turn(&ends, rise).map(|passes| Turn {
            macs: first.size,
            distinct: first.distinct,
            passes,
        }));
    }
    found
}

/// How often samples were seen, rising, and the mean loss over seeds.
fn means(runs: &[&Run]) -> Vec<(f64, f64)> {
    let mut passes: Vec<f64> = runs.iter().map(|run| run.passes).collect();
    passes.sort_by(f64::total_cmp);
    passes.dedup();
    let mean = |passes: f64| {
        let losses: Vec<f64> = runs.iter().filter(|run| run.passes == passes).map(|run| run.loss).collect();
        (passes, losses.iter().sum::<f64>() / losses.len() as f64)
    };
    passes.into_iter().map(mean).collect()
}

fn near(a: f64, b: f64) -> bool {
    (a / b).max(b / a) < ALIKE
}
