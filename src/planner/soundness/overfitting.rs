//! Runs whose validation loss rose before they ended.
//!
//! For each size, the epoch that is best on average is compared with the end of the same run. The noise of this
//! difference comes from the runs of equal sizes, or, if these are too few, from the distances of the curves' points
//! from their neighbours. All sizes and epochs share the level.

use super::check::{Check, CheckOutcome, Fault};
use super::hint;
use super::statistics::{mean, one_sided};
use super::subject::{Change, Subject};
use super::sweep::Run;
use crate::units::{digits, plural};

/// The check, for the list in `mod.rs`.
pub const CHECK: Check = Check { name: "over-fitting", judge };

/// Degrees of freedom from runs of equal sizes that suffice.
const ENOUGH: usize = 4;

fn judge(subject: &Subject) -> CheckOutcome {
    let groups = with_curves(subject, 2);
    if groups.is_empty() {
        return CheckOutcome::Unknown(NO_CURVES.to_string());
    }
    let comparisons: usize = groups.iter().map(|runs| length(subject, runs) - 1).sum();
    let level = subject.level / comparisons as f64;
    let mut turned: Vec<(usize, f64)> = Vec::new();
    let mut worst: Option<(f64, &Run, usize)> = None;
    let differences = |runs: &[usize], epoch: usize| -> Vec<f64> {
        runs.iter().map(|&place| risen(&subject.series.runs[place], epoch)).collect()
    };
    let bests: Vec<(usize, Vec<f64>)> = groups
        .iter()
        .map(|runs| {
            let rise = |epoch: &usize| mean(&differences(runs, *epoch));
            let epochs = 0..length(subject, runs);
            let best = epochs.max_by(|a, b| rise(a).total_cmp(&rise(b))).unwrap_or(0);
            (best, differences(runs, best))
        })
        .collect();
    let noise = Noise::of(subject, &groups, &bests.iter().map(|best| best.1.clone()).collect::<Vec<_>>());
    for (runs, (best, risen)) in groups.iter().zip(&bests) {
        let rise = mean(risen);
        if rise > noise.least(level, runs.len()) {
            turned.push((subject.groups[runs[0]], rise));
            if worst.is_none_or(|worst| rise > worst.0) {
                worst = Some((rise, &subject.series.runs[runs[0]], *best));
            }
        }
    }
    let Some((rise, run, best)) = worst else { return CheckOutcome::Fine };
    let change = subject.without(&turned);
    let length = run.curve.len();
    CheckOutcome::Found(Fault {
        fault: "over-fitted runs".to_string(),
        problem: format!(
            "the {} of {} of {} rose before the end, most at {}: by {:.1} % since {} samples of {}",
            subject.series.quantity,
            turned.len(),
            plural(groups.len(), "size"),
            of_sizes(subject, run),
            100.0 * rise.exp_m1(),
            digits(run.curve[best].0),
            digits(run.curve[length - 1].0),
        ),
        consequence: consequence(subject, change, "at their best points"),
        effect: change.map(|change| change.log.exp_m1()),
        hint: hint::shorter(subject, run.curve[best].0 / run.curve[length - 1].0),
        // A plan uses no more epochs than are best for the runs.
        matters: !subject.is_planned_from() && change.is_none_or(|change| change.matters),
    })
}

/// The reason if no run has a curve.
pub const NO_CURVES: &str = "no run records its losses along the training";

/// The effect on the answer, as a sentence.
pub fn consequence(subject: &Subject, change: Option<Change>, how: &str) -> String {
    let Some(Change { log: change, .. }) = change else {
        return "the law depends on these runs alone".to_string();
    };
    format!(
        "{how} they predict {:.1} % {} {} at {}",
        100.0 * change.exp_m1().abs(),
        if change < 0.0 { "less" } else { "more" },
        subject.series.quantity,
        hint::asked(subject)
    )
}

/// A run's sizes as text.
pub fn of_sizes(subject: &Subject, run: &Run) -> String {
    let sizes = subject.series.sizes.iter().zip(run.sizes);
    sizes.map(|(name, size)| format!("{} {name}", digits(size))).collect::<Vec<_>>().join(" and ")
}

/// The runs of each size that have a curve of at least `points` points.
pub fn with_curves(subject: &Subject, points: usize) -> Vec<Vec<usize>> {
    let runs = &subject.series.runs;
    let usable = |place: &usize| {
        let curve = &runs[*place].curve;
        curve.len() >= points && curve.iter().all(|(_, loss)| *loss > 0.0 && loss.is_finite())
    };
    let groups = subject.by_sizes().into_iter().map(|group| group.into_iter().filter(usable).collect());
    groups.filter(|group: &Vec<usize>| !group.is_empty()).collect()
}

/// Number of points that all curves of a group have.
fn length(subject: &Subject, runs: &[usize]) -> usize {
    runs.iter().map(|&place| subject.series.runs[place].curve.len()).min().unwrap_or(1)
}

/// ln loss at the end minus that at a point of the curve.
fn risen(run: &Run, epoch: usize) -> f64 {
    run.curve.last().map_or(0.0, |end| (end.1 / run.curve[epoch].1).ln())
}

/// The noise of a difference along a curve.
pub struct Noise {
    variance: f64,
    freedom: usize,
}

impl Noise {
    /// From differences of runs of equal sizes, group by group.
    pub fn of(subject: &Subject, groups: &[Vec<usize>], differences: &[Vec<f64>]) -> Noise {
        let freedom: usize = differences.iter().map(|group| group.len() - 1).sum();
        if freedom >= ENOUGH {
            let squares = |group: &Vec<f64>| {
                let mean = mean(group);
                group.iter().map(|difference| (difference - mean).powi(2)).sum::<f64>()
            };
            let variance = differences.iter().map(squares).sum::<f64>() / freedom as f64;
            return Noise { variance, freedom };
        }
        // Three points on a line with noise of variance v have a second difference of variance 6·v; curvature adds to
        // it.
        let second = |place: &usize| {
            let curve = &subject.series.runs[*place].curve;
            let [.., (_, a), (_, b), (_, c)] = curve[..] else { return None };
            Some((a.ln() - 2.0 * b.ln() + c.ln()).powi(2) / 6.0)
        };
        let seconds: Vec<f64> = groups.iter().flatten().filter_map(second).collect();
        let scatter = subject.surface.as_ref().map(|surface| (surface.scatter.powi(2), surface.freedom));
        let along = (!seconds.is_empty()).then(|| (mean(&seconds), seconds.len()));
        let smaller = [scatter, along].into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0));
        let (variance, freedom) = smaller.unwrap_or((0.0, 1));
        // A difference has the noise of two points.
        Noise { variance: 2.0 * variance, freedom: freedom.max(1) }
    }

    /// The smallest mean of `runs` differences that is not chance.
    pub fn least(&self, level: f64, runs: usize) -> f64 {
        one_sided(level, self.freedom) * (self.variance / runs as f64).sqrt()
    }
}
