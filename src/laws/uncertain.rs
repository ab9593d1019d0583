//! Numbers with their uncertainty, and intervals.

use crate::quantile::quantile;
use serde::{Deserialize, Serialize};

/// The level of intervals unless another is given: 95 %.
pub const LEVEL: f64 = 0.95;

/// A number with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Uncertain {
    /// The estimate from all of the data.
    pub value: f64,
    /// Its standard error: the standard deviation over bootstrap resamples.
    pub se: f64,
    /// Lower end of the interval, of level [`LEVEL`] unless another is given.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Uncertain {
    /// A value with the standard deviation of its `replicates` and their central interval of a level. A level of 0.95
    /// leaves 2.5 % of the replicates on either side.
    pub fn new(value: f64, mut replicates: Vec<f64>, level: f64) -> Uncertain {
        let count = replicates.len() as f64;
        // Squares of large numbers overflow; squares of their ratios to the largest do not.
        let largest = replicates.iter().fold(f64::MIN_POSITIVE, |most, replicate| replicate.abs().max(most));
        let parts = || replicates.iter().map(|replicate| replicate / largest);
        let mean = parts().sum::<f64>() / count;
        let squares: f64 = parts().map(|part| (part - mean).powi(2)).sum();
        let se = (squares / (count - 1.0).max(1.0)).sqrt() * largest;
        replicates.sort_by(f64::total_cmp);
        let outside = 0.5 * (1.0 - level);
        Uncertain {
            value,
            se,
            low: quantile(&replicates, outside),
            high: quantile(&replicates, 1.0 - outside),
        }
    }

    /// Its interval.
    pub fn interval(&self) -> Interval {
        Interval { low: self.low, high: self.high }
    }
}

/// A closed interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether the interval contains `value`.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Whether two intervals share a value.
    pub fn overlaps(&self, other: &Interval) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}
