//! How often samples can be seen before that teaches a model nothing or does harm, as far as runs have shown it.
//!
//! Three signs count: the curve of a run ends well above its least ([`turn`](crate::laws::turn)); of two runs that differ
//! in epochs the longer ends higher; or a run has learned its samples by heart. Each bounds the passes of models that are as large
//! or larger, until one of them goes on for longer and settles.

use crate::laws::repetition::RepeatedRun;
use crate::laws::turn::{Least, RISE, SETTLED, least};
use crate::sweep::record::Record;

/// Samples of another run are as many, and its model is as large, up to this factor.
pub(super) const ALIKE: f64 = 1.25;

/// A model has learned its samples by heart if its training loss is so many times below its validation loss: seeing them
/// more often teaches it nothing.
const BY_HEART: f64 = 5.0;

/// A run whose loss turned.
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

    /// After how many passes over so many samples it would come: with more of them later; taken is, in proportion.
    fn passes_of(&self, distinct: f64) -> f64 {
        self.passes * (distinct / self.distinct).max(1.0)
    }
}

/// How the losses of runs went on.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    turns: Vec<Turn>,
    turned: Vec<bool>,
    /// Runs whose loss ended near its least.
    settled: Vec<RepeatedRun>,
}

impl Turns {
    /// Of runs and their records, where runs scatter by so much of their loss.
    pub fn of(records: &[&Record], runs: &[RepeatedRun], scatter: f64) -> Turns {
        let curves: Vec<Option<Least>> =
            records.iter().zip(runs).map(|(record, run)| of_curve(record, run)).collect();
        let rose = |curve: &Option<Least>| curve.is_some_and(|least| least.rise > RISE);
        let stayed = |curve: &Option<Least>| curve.is_some_and(|least| least.rise <= SETTLED);
        let mut turned: Vec<bool> = curves.iter().map(rose).collect();
        let mut turns = Vec::new();
        for ((record, run), curve) in records.iter().zip(runs).zip(&curves) {
            let found = curve.filter(|least| least.rise > RISE || by_heart(record));
            turns.extend(found.map(|least| Turn::of(run, least.passes)));
        }
        // Runs end where chance has them: what is higher by less than two standard deviations of a difference is not.
        let rise = RISE.max(2.0 * std::f64::consts::SQRT_2 * scatter);
        for (place, first) in runs.iter().enumerate() {
            let same = |run: &&RepeatedRun| run.size == first.size && near(run.distinct, first.distinct);
            // Each group once.
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

    /// For each run whether it went on beyond its least loss.
    pub fn turned(&self) -> &[bool] {
        &self.turned
    }

    /// How often a model of M MACs can see so many samples: a run of a model that is no larger turned on no more samples, and none
    /// of a model between the two went on for longer and settled.
    pub fn most_passes(&self, macs: f64, distinct: f64) -> Option<f64> {
        let taken_back = |turn: &Turn| {
            self.settled.iter().any(|run| {
                let between = run.size > ALIKE * turn.macs && run.size <= ALIKE * macs;
                let longer = run.passes > ALIKE * turn.passes_of(run.distinct);
                between && longer && run.distinct <= ALIKE * distinct
            })
        };
        let counts = |turn: &&Turn| turn.macs <= ALIKE * macs && !taken_back(turn);
        self.turns.iter().filter(counts).map(|turn| turn.passes_of(distinct)).reduce(f64::min)
    }
}

fn of_curve(record: &Record, run: &RepeatedRun) -> Option<Least> {
    let at = |seen: u64| (seen as f64 / run.distinct).max(1.0);
    let curve = record.curve().iter().map(|point| (at(point.samples_seen), point.validation_loss));
    least(&curve.collect::<Vec<_>>())
}

/// Whether a model has learned its samples by heart. One epoch's training loss is that of samples seen for the first time.
fn by_heart(record: &Record) -> bool {
    let losses = record.train_loss().zip(record.validation_loss()).filter(|_| record.curve().len() > 1);
    losses.is_some_and(|(train, validation)| validation > BY_HEART * train)
}

/// How often samples were seen, rising, and the mean loss over seeds.
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
