//! Factors that make the average's intervals cover as often as their level says, from one half of the tasks.
//!
//! This is split conformal prediction (Lei et al. 2018, *Distribution-Free Predictive Inference for Regression*) with
//! the average's own interval as the measure of difficulty: for each run, how many half-widths it lies from the median,
//! and of these numbers the quantile of the level. The quantile is taken for the nearer and for the farther half of the
//! runs, and a line goes through the two; if it would fall with the distance, one quantile of all runs is used.

use super::estimator::LEVELS;
use super::task::{Measure, Task};
use crate::laws::average::{Average, Calibration};
use rayon::prelude::*;

/// The calibration for a measure on these tasks; `None` without a run.
pub fn calibrate(tasks: &[Task], measure: Measure) -> Option<Calibration> {
    let runs = |task: &Task| -> Vec<(f64, [f64; 3])> {
        let Some((kept, held_out)) = task.split(measure) else { return Vec::new() };
        let direction = measure.direction();
        let Ok(average) = Average::with(&kept, direction, Calibration::NONE) else { return Vec::new() };
        let off = |(x, y): (&[f64; 2], &f64)| {
            let expected = average.at(*x);
            let off = LEVELS.map(|level| {
                let interval = expected.interval(level);
                let end = if *y > interval.value { interval.high } else { interval.low };
                (y / interval.value).ln() / (end / interval.value).ln()
            });
            (average.distance(*x), off)
        };
        held_out.x().iter().zip(held_out.y()).map(off).collect()
    };
    let mut runs: Vec<(f64, [f64; 3])> = tasks.par_iter().flat_map_iter(runs).collect();
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (near, far) = runs.split_at(runs.len() / 2);
    if near.is_empty() {
        return None;
    }
    let distance = |runs: &[(f64, [f64; 3])]| runs.iter().map(|run| run.0).sum::<f64>() / runs.len() as f64;
    let quantile = |runs: &[(f64, [f64; 3])], level: usize| {
        let mut off: Vec<f64> = runs.iter().map(|run| run.1[level]).collect();
        off.sort_by(f64::total_cmp);
        // The conformal quantile: of n + 1 places, including that of the new run.
        let place = (LEVELS[level] * (off.len() + 1) as f64).ceil() as usize;
        off[place.clamp(1, off.len()) - 1]
    };
    let levels = [0, 1, 2].map(|level| {
        let (low, high) = (quantile(near, level), quantile(far, level));
        let each = (high - low) / (distance(far) - distance(near)).max(f64::MIN_POSITIVE);
        if each < 0.0 {
            return (LEVELS[level], quantile(&runs, level), 0.0);
        }
        (LEVELS[level], low - each * distance(near), each)
    });
    Some(Calibration { levels })
}
