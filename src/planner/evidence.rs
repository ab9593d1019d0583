//! The evidence of a sweep: on each axis the law of the loss in size and data, fitted to the completed runs.
//!
//! The size is M, the MACs of a sample's forward pass, and not the number of parameters: C = 6·M·D is the compute of
//! convolutions as well as of dense layers. The amount of data D is one of two:
//!
//! - Samples seen, with repetitions, if every run used all samples before it repeated one, as planned trainings do.
//!   Then the runs show the value of repetition.
//! - Otherwise distinct samples, times the value of repeating them ([`repetition`](crate::laws::repetition)).
//!
//! [`Evidence::loss`] is all that the planner asks of a law: an [average over models of the curve](Average), whose
//! intervals grow with the distance from the runs, combined with the uncertainty of repetition.

use super::expectation::{Expectation, InterpolatedLaw};
use super::turns::{ALIKE, Turns};
use crate::error::{Error, Result};
use crate::laws::average::{Average, Direction};
use crate::laws::repetition::{RepeatedRun, Repetition};
use crate::laws::{Points, narrow};
use crate::models::axis::Axis;
use crate::sweep::plan::Plan;
use crate::sweep::record::Record;
use serde::Serialize;

/// The range of exponents with which the loss falls with the data, if a sweep varied neither samples nor epochs: the
/// exponents of generalisation errors over four domains in Hestness et al. 2017 (arXiv:1712.00409).
const DATA_EXPONENT: (f64, f64) = (0.07, 0.35);

/// A run used all samples if it used this fraction of them.
const ALL: f64 = 0.9;

/// Runs that saw their samples this many times show the value of repetition.
const REPEATED: f64 = 4.0;

/// Standard deviation of ln loss if samples are seen twice as many times as by any model as large, where over-fitting
/// may begin. It grows with the square of the number of doublings. From the development half of benches/planning.
const UNSEEN: f64 = 0.03;

/// Losses of the smallest and the largest run that differ by less than this fraction tell nothing about sizes.
const FLAT: f64 = 0.05;

/// The law on one axis, and the runs behind it.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The axis.
    pub axis: Axis,
    /// The number of training samples in an epoch that the law applies to, if the sweep did not vary it.
    pub fixed_samples: Option<usize>,
    /// Smallest and largest trained factor.
    pub factors: (f64, f64),
    /// Smallest and largest trained M.
    pub macs: (f64, f64),
    /// Smallest and largest number of distinct samples.
    pub samples: (f64, f64),
    /// Training FLOPs of the largest run.
    pub flops: f64,
    /// The value of repeated samples.
    pub repetition: Repetition,
    /// The law of the validation loss in M and D, or in M alone if D was not varied.
    surface: InterpolatedLaw,
    /// The second size of the law.
    data: DataSize,
    /// The largest D of a run, at the median value of repetition.
    most_data: f64,
    /// The runs.
    runs: Vec<RepeatedRun>,
    /// When training longer taught nothing or did harm.
    turns: Turns,
}

/// The amount of data that a law takes beside the size of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DataSize {
    /// None: the runs do not vary it.
    Fixed,
    /// Samples seen, with repetitions.
    Seen,
    /// Distinct samples, times the value of repeating them.
    Worth,
}

/// An axis without a law, because it could not be fitted or the runs do not identify it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AxisWithoutLaw {
    /// The axis.
    pub axis: Axis,
    /// Why.
    pub reason: String,
}

/// Fits a law on each axis of a sweep. Axes without a law come with the reason. `samples` is the number of training
/// samples in an epoch if the sweep did not vary it; `available` is the number of training samples, `None` if the data
/// set draws new ones without end.
pub fn gather(
    plan: &Plan,
    records: &[Record],
    samples: usize,
    available: Option<usize>,
) -> (Vec<Evidence>, Vec<AxisWithoutLaw>) {
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for &axis in &plan.axes {
        let runs: Vec<&Record> = records.iter().filter(|record| counts(record, axis)).collect();
        match Evidence::of(axis, &runs, samples, available, plan.loss_of_guessing()) {
            Ok(evidence) => found.push(evidence),
            Err(error) => left_out.push(AxisWithoutLaw { axis, reason: error.to_string() }),
        }
    }
    (found, left_out)
}

/// Whether a run is on the axis and has a loss that a law can be fitted to.
pub fn counts(record: &Record, axis: Axis) -> bool {
    let loss = record.validation_loss().filter(|loss| *loss > 0.0 && loss.is_finite());
    record.completed() && loss.is_some() && record.factor_on(axis).is_some()
}

/// A note about completed runs with a loss of exactly 0, which no law can use; `None` if there are none.
pub fn zeros(records: &[Record]) -> Option<String> {
    let zero = |record: &&Record| record.completed() && record.validation_loss() == Some(0.0);
    match records.iter().filter(zero).count() {
        0 => None,
        count => Some(format!("{count} of the runs left out, because a loss of exactly 0 has no logarithm")),
    }
}

/// A record as a run of the law of repetition. Old records do not count distinct samples; they have those of an epoch.
fn run(record: &Record) -> RepeatedRun {
    let epoch = record.cost.samples_seen as f64 / record.config.epochs.max(1) as f64;
    let distinct = if record.cost.train_samples > 0 { record.cost.train_samples as f64 } else { epoch };
    RepeatedRun {
        size: record.cost.macs as f64,
        distinct,
        passes: (record.cost.samples_seen as f64 / distinct).max(1.0),
        loss: record.validation_loss().unwrap_or(f64::NAN),
    }
}

impl Evidence {
    /// `ceiling` is the loss of guessing.
    fn of(
        axis: Axis,
        records: &[&Record],
        per_epoch: usize,
        available: Option<usize>,
        ceiling: Option<f64>,
    ) -> Result<Evidence> {
        let runs: Vec<RepeatedRun> = records.iter().map(|record| run(record)).collect();
        let repetition = Repetition::of(&runs);
        let turns = Turns::of(records, &runs, repetition.scatter());
        // A law falls. Runs that continued beyond their least loss limit the number of epochs instead.
        let fit = |rows: &[RepeatedRun]| law(rows, &repetition, whole_sets(&runs, available), ceiling);
        let falling: Vec<RepeatedRun> =
            runs.iter().zip(turns.turned()).filter(|(_, turned)| !**turned).map(|(run, _)| *run).collect();
        let (law, data, most_data) = match fit(&falling) {
            Ok(found) if falling.len() < runs.len() => found,
            _ => fit(&runs)?,
        };
        let column = |of: &dyn Fn(&RepeatedRun) -> f64| runs.iter().map(of).collect::<Vec<f64>>();
        let (macs, samples) = (column(&|run| run.size), column(&|run| run.distinct));
        let varied = |values: &[f64]| values.iter().any(|value| *value != values[0]);
        let factors: Vec<f64> = records.iter().filter_map(|record| record.factor_on(axis)).collect();
        Ok(Evidence {
            axis,
            fixed_samples: (!varied(&samples)).then_some(per_epoch),
            factors: range(&factors),
            macs: range(&macs),
            samples: range(&samples),
            flops: records.iter().map(|record| record.cost.training_flops).fold(0.0, f64::max),
            surface: law,
            data,
            most_data,
            turns,
            repetition,
            runs,
        })
    }

    /// The expected loss of a model of M MACs that sees `distinct` samples `passes` times. Beyond the number of passes
    /// at which the loss begins to rise, it is the loss at that number.
    pub fn loss(&self, macs: f64, distinct: f64, passes: f64) -> Expectation {
        self.expectation(macs, distinct, passes, |x| Expectation::of(self.surface.law(), x))
    }

    /// The same to within a thousandth, in less time.
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
        let passes = self.most_passes(macs, distinct).map_or(passes, |most| passes.min(most));
        let unseen = self.unseen(macs, passes);
        if self.data == DataSize::Seen {
            return law([macs, distinct * passes]).with(unseen, 0.0);
        }
        let amount = |p: f64| self.repetition.effective(distinct, passes, self.repetition.at(p));
        let [low, median, high] = [0.1, 0.5, 0.9].map(amount);
        if self.data == DataSize::Worth {
            let [little, much] = [low, high].map(|amount| self.surface.at([macs, amount]).log());
            return law([macs, median]).with(Expectation::deviation(little, much).hypot(unseen), 0.0);
        }
        // A law in M alone applies to the data of the runs; a uniform distribution of exponents gives the effect of
        // other amounts.
        let (least, most) = DATA_EXPONENT;
        let exponent = 0.5 * (least + most);
        let more = (median / self.most_data).ln();
        let of_exponent = (most - least) / 12f64.sqrt() * more;
        let of_repetition = exponent * Expectation::deviation(low.ln(), high.ln());
        law([macs, 1.0]).with(of_exponent.hypot(of_repetition).hypot(unseen), -exponent * more)
    }

    /// The number of distinct samples that are worth as much as `distinct` samples seen `passes` times, by the median
    /// value of repetition.
    pub fn worth(&self, distinct: f64, passes: f64) -> f64 {
        self.repetition.effective(distinct, passes, self.repetition.at(0.5))
    }

    /// The deviation of ln loss if samples are seen more times than by any model as large.
    fn unseen(&self, macs: f64, passes: f64) -> f64 {
        UNSEEN * (passes / self.passes_seen(macs)).log2().max(0.0).powi(2)
    }

    /// A warning about what the runs cannot tell.
    pub fn warning(&self) -> Option<String> {
        let (low, high) = DATA_EXPONENT;
        let text = format!(
            "the sweep varied neither samples nor epochs: the exponent of the data, {low} to {high}, comes from other domains \
             (Hestness et al. 2017); sweep --for-plan measures it"
        );
        (self.data == DataSize::Fixed).then_some(text)
    }

    /// The most times that runs of models as large saw their samples. Larger models over-fit sooner, so runs of smaller
    /// ones do not count. 1 if no run was as large.
    pub fn passes_seen(&self, macs: f64) -> f64 {
        let as_large = self.runs.iter().filter(|run| run.size * ALIKE >= macs);
        as_large.map(|run| run.passes).fold(1.0, f64::max)
    }

    /// Whether the law counts samples seen, and so includes the value of repetition.
    pub fn includes_repetition(&self) -> bool {
        self.data == DataSize::Seen
    }

    /// How many times a model of M MACs can see `distinct` samples before the loss rises; `None` if runs do not show
    /// it.
    pub fn most_passes(&self, macs: f64, distinct: f64) -> Option<f64> {
        self.turns.most_passes(macs, distinct)
    }
}

/// The law of some runs, its amount of data, and the largest amount of the runs. `seen`: whether the amount counts
/// repetitions. No loss is expected above `ceiling`.
///
/// # Errors
/// Runs that do not identify the law.
fn law(
    runs: &[RepeatedRun],
    repetition: &Repetition,
    seen: bool,
    ceiling: Option<f64>,
) -> Result<(InterpolatedLaw, DataSize, f64)> {
    let median = repetition.at(0.5);
    let column = |of: &dyn Fn(&RepeatedRun) -> f64| runs.iter().map(of).collect::<Vec<f64>>();
    let (macs, losses) = (column(&|run| run.size), column(&|run| run.loss));
    let amounts = match seen {
        true => column(&|run| run.distinct * run.passes),
        false => column(&|run| repetition.effective(run.distinct, run.passes, median)),
    };
    let varied = amounts.iter().any(|amount| *amount != amounts[0]);
    let (data, points) = if varied {
        let data = if seen { DataSize::Seen } else { DataSize::Worth };
        (data, Points::joint(("MACs", &macs), ("samples", &amounts), ("loss", &losses))?)
    } else {
        (DataSize::Fixed, Points::single(("MACs", &macs), ("loss", &losses))?)
    };
    let unidentified = |problem: String| Error::Config {
        what: "law".into(),
        problem: format!("the runs do not identify it: {problem}"),
    };
    let law = Average::new(&points, Direction::Falling)?.below(ceiling);
    if let Some(problem) = (0..points.sizes().len()).find_map(|size| narrow(&points, size)) {
        return Err(unidentified(problem));
    }
    let (macs, amounts) = (range(&macs), range(&amounts));
    let surface = InterpolatedLaw::new(law);
    // A law of one size ignores the second.
    let fall = surface.at([macs.0, amounts.0]).log() - surface.at([macs.1, amounts.1]).log();
    if fall < FLAT {
        return Err(unidentified(format!(
            "from the smallest run to the largest the loss falls by only {:.1} %; train longer",
            100.0 * (1.0 - (-fall).exp())
        )));
    }
    Ok((surface, data, amounts.1))
}

/// Whether every run used all available samples before it repeated one, and some repeated them many times.
fn whole_sets(runs: &[RepeatedRun], available: Option<usize>) -> bool {
    let Some(all) = available else { return false };
    let took_all = |run: &RepeatedRun| run.passes * ALL <= 1.0 || run.distinct >= ALL * all as f64;
    runs.iter().all(took_all) && runs.iter().any(|run| run.passes >= REPEATED)
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, 0.0), |(low, high), &value| (value.min(low), value.max(high)))
}
