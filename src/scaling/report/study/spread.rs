//! What a doubling buys, beside what another seed would have made.

use crate::scaling::law::{Fit, Quantity};
use crate::scaling::record::Record;
use crate::scaling::report::quantity::Quantity as Shown;
use crate::scaling::report::series::configurations;

/// How far beyond the largest size a law is asked for anything.
pub const REACH: f64 = 1000.0;
/// Sizes that a law is asked at, from the largest size down to 1/[`REACH`] of it and up to [`REACH`] times it.
const STEPS: usize = 60;

/// Standard deviation of ln loss over the seeds of one model on the same data, over all models that have several
/// seeds; none where no model has.
pub fn of_seeds(records: &[Record]) -> Option<f64> {
    let (mut squares, mut freedom) = (0.0, 0);
    for configuration in configurations(records) {
        let logs: Vec<f64> = configuration.values(Shown::ValidationLoss).map(f64::ln).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        squares += logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>();
        freedom += logs.len().saturating_sub(1);
    }
    (freedom > 0).then(|| (squares / freedom as f64).sqrt())
}

/// The value of a size from which on a doubling of it, the other size held at the largest row's, lowers y by less
/// than this part of it. Infinite where it still lowers it by more at [`REACH`] times the largest, and zero where it
/// does nowhere.
pub fn worthwhile_to(fit: &Fit, size: usize, part: f64) -> Quantity {
    let from = &fit.doubling[size].from;
    let at = |value: f64| {
        let mut x = [from[0], from.get(1).copied().unwrap_or(1.0)];
        x[size] = value;
        x
    };
    fit.bootstrap.quantity(|theta| {
        let buys_enough = |value: f64| {
            let gain = 1.0 - fit.law.predict(theta, at(2.0 * value)) / fit.law.predict(theta, at(value));
            gain >= part
        };
        let value = |step: f64| from[size] * REACH.powf(2.0 * step / STEPS as f64 - 1.0);
        let Some(last) = (0..=STEPS).rev().find(|&step| buys_enough(value(step as f64))) else { return 0.0 };
        if last == STEPS {
            return f64::INFINITY;
        }
        let (mut low, mut high) = (last as f64, last as f64 + 1.0);
        for _ in 0..30 {
            let middle = 0.5 * (low + high);
            if buys_enough(value(middle)) { low = middle } else { high = middle }
        }
        value(low)
    })
}
