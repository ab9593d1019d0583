//! Runs that were still improving when they ended.
//!
//! The fall of ln loss over the last half of a training, and over the half before, predict the gain of twice the
//! training: each half gains the same fraction of the one before. If the curve has no half before, the fraction is a
//! half. With two sizes the second is the amount of training, which the law includes.

use super::check::{Check, CheckOutcome, Fault};
use super::hint;
use super::overfitting::{NO_CURVES, Noise, consequence, of_sizes, with_curves};
use super::statistics::mean;
use super::subject::Subject;
use super::sweep::Run;
use crate::units::plural;

/// The check, for the list in `mod.rs`.
pub const CHECK: Check = Check { name: "convergence", judge };

/// The fewest points of a curve.
const POINTS: usize = 3;
/// The next doubling's gain as a fraction of the last, if the curve does not show it.
const NEXT: f64 = 0.5;

fn judge(subject: &Subject) -> CheckOutcome {
    if subject.dimensions() == 2 {
        return CheckOutcome::Fine;
    }
    let groups = with_curves(subject, POINTS);
    if groups.is_empty() {
        let short = subject.series.runs.iter().any(|run| !run.curve.is_empty());
        let reason =
            if short { "curves of fewer than three points do not show the end of a fall" } else { NO_CURVES };
        return CheckOutcome::Unknown(reason.to_string());
    }
    let falls: Vec<Vec<f64>> = groups
        .iter()
        .map(|runs| runs.iter().map(|&place| last_half(&subject.series.runs[place])).collect())
        .collect();
    let noise = Noise::of(subject, &groups, &falls);
    // If all sizes together fall by more than chance, each size's fall is its best estimate.
    let all: Vec<f64> = falls.iter().flatten().copied().collect();
    let together = mean(&all) > noise.least(0.5 * subject.level, all.len());
    let level = 0.5 * subject.level / groups.len() as f64;
    let mut falling: Vec<(usize, f64)> = Vec::new();
    let mut worst: Option<(f64, f64, &Run)> = None;
    for (runs, falls) in groups.iter().zip(&falls) {
        let fall = mean(falls);
        let next = mean(&runs.iter().map(|&place| next(&subject.series.runs[place])).collect::<Vec<_>>());
        let gain = fall * next;
        if (together || fall > noise.least(level, runs.len())) && gain > 0.0 {
            falling.push((subject.groups[runs[0]], gain));
            if worst.is_none_or(|worst| gain > worst.1) {
                worst = Some((fall, gain, &subject.series.runs[runs[0]]));
            }
        }
    }
    let Some((fall, gain, run)) = worst else { return CheckOutcome::Fine };
    let change = subject.without(&falling);
    let loss = |log: f64| -100.0 * (-log).exp_m1();
    CheckOutcome::Found(Fault {
        fault: "runs that had not converged".to_string(),
        problem: format!(
            "the {} of {} of {} was still falling at the end, most at {}: by {:.1} % over the last half, so twice the \
             training would lower it by about {:.1} %",
            subject.series.quantity,
            falling.len(),
            plural(groups.len(), "size"),
            of_sizes(subject, run),
            loss(fall),
            loss(gain),
        ),
        consequence: consequence(subject, change, "trained twice as long"),
        effect: change.map(|change| change.log.exp_m1()),
        hint: hint::longer(subject),
        matters: change.is_none_or(|change| change.matters),
    })
}

/// The fall of ln loss over the last half of the training.
fn last_half(run: &Run) -> f64 {
    let end = end(run);
    at(run, 0.5 * end.0) - end.1.ln()
}

/// The next doubling's gain as a fraction of the last half's fall.
fn next(run: &Run) -> f64 {
    let end = end(run);
    if run.curve[0].0 > 0.26 * end.0 {
        return NEXT;
    }
    let before = at(run, 0.25 * end.0) - at(run, 0.5 * end.0);
    if before > 0.0 { (last_half(run) / before).clamp(0.0, 1.0) } else { NEXT }
}

fn end(run: &Run) -> (f64, f64) {
    run.curve[run.curve.len() - 1]
}

/// ln loss after `samples` samples, interpolated linearly in the logarithm of samples; before the first point that of
/// the first point.
fn at(run: &Run, samples: f64) -> f64 {
    let after = run.curve.iter().position(|point| point.0 >= samples).unwrap_or(run.curve.len() - 1);
    let (x1, y1) = run.curve[after];
    let Some(&(x0, y0)) = after.checked_sub(1).and_then(|before| run.curve.get(before)) else {
        return y1.ln();
    };
    let part = if x1 > x0 { (samples / x0).ln() / (x1 / x0).ln() } else { 1.0 };
    y0.ln() + part * (y1.ln() - y0.ln())
}
