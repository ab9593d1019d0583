//! What a sweep knows: on each axis the law of the loss in size and data, fitted to the runs that were completed.
//!
//! The size is M, the MACs of a sample's forward pass, and not the number of parameters: with C = 6·M·D it gives
//! compute for convolutions as well as for dense layers. The amount of data D is one of two:
//!
//! - Samples seen, repeats counted, where every run took all samples before it repeated one, as a plan's trainings do. What
//!   repetition is worth is then in the runs.
//! - Otherwise different samples, times what repeating them is worth ([`repetition`](crate::laws::repetition)).
//!
//! [`Evidence::loss`] is all that the planner asks of a law: an [average over models of the curve](Average), whose
//! intervals grow with the distance from the runs, and what is uncertain of repetition.

pub use super::expectation::Expectation;
use super::expectation::Surface;
use super::turns::{ALIKE, Turns};
use crate::error::{Error, Result};
use crate::laws::average::{Average, Direction};
use crate::laws::repetition::{RepeatedRun, Repetition};
use crate::laws::{Points, narrow};
use crate::models::axis::Axis;
use crate::sweep::plan::Plan;
use crate::sweep::record::Record;
use serde::Serialize;

/// Level of the intervals of expected losses.
pub const LEVEL: f64 = 0.8;

/// The loss that a training is judged by: it ends below it with this probability.
pub const CAUTION: f64 = 0.8;

/// Where a sweep varied neither samples nor epochs, the loss falls as a power of the data between these: the exponents of
/// generalisation errors over four fields of learning in Hestness et al. 2017 (arXiv:1712.00409).
const DATA_EXPONENT: (f64, f64) = (0.07, 0.35);

/// A run took all samples if it took this part of them.
const ALL: f64 = 0.9;

/// Runs that saw their samples so often show what repetition is worth.
const REPEATED: f64 = 4.0;

/// Standard deviation of ln loss where samples are seen twice as often as by any model as large, and that over the square of
/// the number of doublings: over-fitting may begin there. From the trainings of benches/planning's development half.
const UNSEEN: f64 = 0.03;

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
    /// What the law has as its second size.
    data: Data,
    /// The largest D of a run, at the median worth of repetition.
    most_data: f64,
    /// The runs.
    runs: Vec<RepeatedRun>,
    /// Where training longer taught nothing or did harm.
    turns: Turns,
}

/// The amount of data that a law has beside the size of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    /// None: the runs do not differ in data.
    Fixed,
    /// Samples seen, repeats counted.
    Seen,
    /// Different samples, times what repeating them is worth.
    Worth,
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
/// reason. `samples` is how many training samples an epoch has where the sweep did not vary their number, `available` how
/// many there are if there is an end to them.
pub fn gather(
    plan: &Plan,
    records: &[Record],
    samples: usize,
    available: Option<usize>,
) -> (Vec<Evidence>, Vec<LeftOut>) {
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for &axis in &plan.axes {
        let runs: Vec<&Record> = records.iter().filter(|record| counts(record, axis)).collect();
        match Evidence::of(axis, &runs, samples, available) {
            Ok(evidence) => found.push(evidence),
            Err(error) => left_out.push(LeftOut { axis, reason: error.to_string() }),
        }
    }
    (found, left_out)
}

/// Whether a run stands on the axis and has a loss that a law can be fitted to.
pub fn counts(record: &Record, axis: Axis) -> bool {
    let loss = record.validation_loss().filter(|loss| *loss > 0.0 && loss.is_finite());
    record.completed() && loss.is_some() && record.factor_on(axis).is_some()
}

/// What is said of completed runs with a loss of exactly 0, which no law can take; none where there are none.
pub fn zeros(records: &[Record]) -> Option<String> {
    let zero = |record: &&Record| record.completed() && record.validation_loss() == Some(0.0);
    match records.iter().filter(zero).count() {
        0 => None,
        count => {
            Some(format!("{count} of the runs left out, with a loss of exactly 0, which has no logarithm"))
        }
    }
}

/// A record as the law of repetition takes it. Records of before different samples were counted have those of an epoch.
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
    fn of(axis: Axis, records: &[&Record], per_epoch: usize, available: Option<usize>) -> Result<Evidence> {
        let runs: Vec<RepeatedRun> = records.iter().map(|record| run(record)).collect();
        let repetition = Repetition::of(&runs);
        let turns = Turns::of(records, &runs, repetition.scatter());
        // A law falls: runs that went on beyond their least loss bound the number of epochs instead.
        let fit = |rows: &[RepeatedRun]| law(rows, &repetition, whole_sets(&runs, available));
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

    /// The loss that is expected of a model of M MACs that sees so many different samples so often; beyond its turn that at the
    /// turn, which it is at least.
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
        let passes = self.most_passes(macs, distinct).map_or(passes, |most| passes.min(most));
        let unseen = self.unseen(macs, passes);
        if self.data == Data::Seen {
            return law([macs, distinct * passes]).with(unseen, 0.0);
        }
        let amount = |p: f64| self.repetition.effective(distinct, passes, self.repetition.at(p));
        let [low, median, high] = [0.1, 0.5, 0.9].map(amount);
        if self.data == Data::Worth {
            let [little, much] = [low, high].map(|amount| self.surface.at([macs, amount]).log());
            return law([macs, median]).with(Expectation::deviation(little, much).hypot(unseen), 0.0);
        }
        // A law in M alone is for the data of the runs; a uniform distribution of exponents says what others are worth.
        let (least, most) = DATA_EXPONENT;
        let exponent = 0.5 * (least + most);
        let more = (median / self.most_data).ln();
        let of_exponent = (most - least) / 12f64.sqrt() * more;
        let of_repetition = exponent * Expectation::deviation(low.ln(), high.ln());
        law([macs, 1.0]).with(of_exponent.hypot(of_repetition).hypot(unseen), -exponent * more)
    }

    /// The deviation of ln loss for samples that are seen more often than by any model that is as large.
    fn unseen(&self, macs: f64, passes: f64) -> f64 {
        let as_large = self.runs.iter().filter(|run| run.size * ALIKE >= macs);
        let seen = as_large.map(|run| run.passes).fold(1.0, f64::max);
        UNSEEN * (passes / seen).log2().max(0.0).powi(2)
    }

    /// What the runs can't tell.
    pub fn warning(&self) -> Option<String> {
        let (low, high) = DATA_EXPONENT;
        let text = format!(
            "the sweep varied neither samples nor epochs: that the loss falls as the data to the power {low} to {high} is taken \
             from other fields of learning (Hestness et al. 2017); sweep --for-plan measures it"
        );
        (self.data == Data::Fixed).then_some(text)
    }

    /// How often the runs saw their samples at the most, where the law itself has what that is worth.
    pub fn passes_seen(&self) -> Option<f64> {
        (self.data == Data::Seen).then(|| self.runs.iter().map(|run| run.passes).fold(1.0, f64::max))
    }

    /// How often a model of M MACs can see so many samples before the loss rises, as far as runs have shown it.
    pub fn most_passes(&self, macs: f64, distinct: f64) -> Option<f64> {
        self.turns.most_passes(macs, distinct)
    }
}

/// The law of some runs, what it has as the amount of data, and the largest that they had. `seen` says whether it is samples
/// seen.
///
/// # Errors
/// Runs that do not identify it.
fn law(runs: &[RepeatedRun], repetition: &Repetition, seen: bool) -> Result<(Surface, Data, f64)> {
    let median = repetition.at(0.5);
    let column = |of: &dyn Fn(&RepeatedRun) -> f64| runs.iter().map(of).collect::<Vec<f64>>();
    let (macs, losses) = (column(&|run| run.size), column(&|run| run.loss));
    let amounts = match seen {
        true => column(&|run| run.distinct * run.passes),
        false => column(&|run| repetition.effective(run.distinct, run.passes, median)),
    };
    let varied = amounts.iter().any(|amount| *amount != amounts[0]);
    let (data, points) = if varied {
        let data = if seen { Data::Seen } else { Data::Worth };
        (data, Points::joint(("MACs", &macs), ("samples", &amounts), ("loss", &losses))?)
    } else {
        (Data::Fixed, Points::single(("MACs", &macs), ("loss", &losses))?)
    };
    let unidentified = |problem: String| Error::Config {
        what: "law".into(),
        problem: format!("the runs don't identify it: {problem}"),
    };
    let law = Average::new(&points, Direction::Falling)?;
    if let Some(problem) = (0..points.sizes().len()).find_map(|size| narrow(&points, size)) {
        return Err(unidentified(problem));
    }
    let (macs, amounts) = (range(&macs), range(&amounts));
    let surface = Surface::new(law);
    // Where a law has one size, the second is not looked at.
    let fall = surface.at([macs.0, amounts.0]).log() - surface.at([macs.1, amounts.1]).log();
    if fall < FLAT {
        return Err(unidentified(format!(
            "from the smallest run to the largest the loss falls by {:.1} % only; train longer",
            100.0 * (1.0 - (-fall).exp())
        )));
    }
    Ok((surface, data, amounts.1))
}

/// Whether every run took all samples that there are before it repeated one, and some repeated them often.
fn whole_sets(runs: &[RepeatedRun], available: Option<usize>) -> bool {
    let Some(all) = available else { return false };
    let took_all = |run: &RepeatedRun| run.passes * ALL <= 1.0 || run.distinct >= ALL * all as f64;
    runs.iter().all(took_all) && runs.iter().any(|run| run.passes >= REPEATED)
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, 0.0), |(low, high), &value| (value.min(low), value.max(high)))
}
