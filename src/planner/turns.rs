//! How many times samples can be seen before more passes teach a model nothing or do harm, as far as runs show it.
//!
//! There are three signs: the curve of a run ends well above its least ([`turn`](crate::laws::turn)); of two runs that
//! differ in epochs the longer ends higher; or a run has memorised its samples. Each limits the passes of models as
//! large or larger. Smaller models may see the samples more often, in inverse proportion to their size. A model that
//! trains for longer than that and settles takes the limit back.

use crate::laws::repetition::RepeatedRun;
use crate::laws::turn::{Least, RISE, SETTLED, least};
use crate::sweep::record::Record;

/// Numbers of samples and sizes of models count as equal up to this factor.
pub(super) const ALIKE: f64 = 1.25;

/// A model has memorised its samples if its training loss is this many times below its validation loss: more passes
/// teach it nothing.
const MEMORISED: f64 = 5.0;

/// The point at which a run's loss began to rise.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Turn {
    macs: f64,
    distinct: f64,
    passes: f64,
}

impl Turn {
    fn of(run: &RepeatedRun, passes: f64) -> Turn {
        Turn { macs: run.size, distinct: run.distinct, passes }
    }

    /// The number of passes at which it comes with `distinct` samples; assumed to grow in proportion to them.
    fn passes_of(&self, distinct: f64) -> f64 {
        self.passes * (distinct / self.distinct).max(1.0)
    }

    /// The same for a model of M MACs. Smaller models over-fit later. The passes are assumed to be inversely
    /// proportional to the MACs, so that a model slightly smaller than all runs has about the limit of the smallest.
    fn passes_of_model(&self, macs: f64, distinct: f64) -> f64 {
        let smaller = if self.macs <= ALIKE * macs { 1.0 } else { self.macs / macs };
        smaller * self.passes_of(distinct)
    }
}

/// When the losses of runs began to rise.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    turns: Vec<Turn>,
    turned: Vec<bool>,
    /// Runs whose loss ended near its least value.
    settled: Vec<RepeatedRun>,
}

impl Turns {
    /// From runs and their records; `scatter` is the relative scatter of their losses.
    pub fn of(records: &[&Record], runs: &[RepeatedRun], scatter: f64) -> Turns {
        let curves: Vec<Option<Least>> =
            records.iter().zip(runs).map(|(record, run)| of_curve(record, run)).collect();
        let rose = |curve: &Option<Least>| curve.is_some_and(|least| least.rise > RISE);
        let stayed = |curve: &Option<Least>| curve.is_some_and(|least| least.rise <= SETTLED);
        let mut turned: Vec<bool> = curves.iter().map(rose).collect();
        let mut turns = Vec::new();
        for ((record, run), curve) in records.iter().zip(runs).zip(&curves) {
            let found = curve.filter(|least| least.rise > RISE || has_memorised(record));
            turns.extend(found.map(|least| Turn::of(run, least.passes)));
        }
        // A difference below two of its standard deviations is chance.
        let rise = RISE.max(2.0 * std::f64::consts::SQRT_2 * scatter);
        for (place, first) in runs.iter().enumerate() {
            let same = |run: &&RepeatedRun| run.size == first.size && near(run.distinct, first.distinct);
            // Each group counts once.
            if runs[..place].iter().any(|run| same(&run)) {
                continue;
            }
            let of_model: Vec<&RepeatedRun> = runs.iter().filter(same).collect();
            let Some(least) = least(&means(&of_model)).filter(|least| least.rise > rise) else { continue };
            turns.push(Turn::of(first, least.passes));
            for (turned, run) in turned.iter_mut().zip(runs) {
                *turned |= same(&run) && run.passes > least.passes;
            }
        }
        let settled =
            runs.iter().zip(&curves).filter(|(_, curve)| stayed(curve)).map(|(run, _)| *run).collect();
        Turns { turns, turned, settled }
    }

    /// For each run whether it continued beyond its least loss.
    pub fn turned(&self) -> &[bool] {
        &self.turned
    }

    /// How many times a model of M MACs can see `distinct` samples before its loss rises, by the runs of other sizes
    /// and numbers of samples. A turn counts unless a model between the two in size, on no more samples, trained for longer
    /// than it allows and settled.
    pub fn most_passes(&self, macs: f64, distinct: f64) -> Option<f64> {
        let taken_back = |turn: &Turn| {
            self.settled.iter().any(|run| {
                let between = match turn.macs <= ALIKE * macs {
                    true => run.size > ALIKE * turn.macs && run.size <= ALIKE * macs,
                    false => ALIKE * run.size >= macs && ALIKE * run.size < turn.macs,
                };
                let longer = run.passes > ALIKE * turn.passes_of_model(run.size, run.distinct);
                between && longer && run.distinct <= ALIKE * distinct
            })
        };
        let turns = self.turns.iter().filter(|turn| !taken_back(turn));
        turns.map(|turn| turn.passes_of_model(macs, distinct)).reduce(f64::min)
    }
}

fn of_curve(record: &Record, run: &RepeatedRun) -> Option<Least> {
    let at = |seen: u64| (seen as f64 / run.distinct).max(1.0);
    let curve = record.curve().iter().map(|point| (at(point.samples_seen), point.validation_loss));
    least(&curve.collect::<Vec<_>>())
}

/// Whether a model has memorised its samples. One epoch's training loss is that of samples seen for the first time.
fn has_memorised(record: &Record) -> bool {
    let losses = record.train_loss().zip(record.validation_loss()).filter(|_| record.curve().len() > 1);
    losses.is_some_and(|(train, validation)| validation > MEMORISED * train)
}

/// (Times that samples were seen, mean loss over seeds), in ascending order.
fn means(runs: &[&RepeatedRun]) -> Vec<(f64, f64)> {
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
