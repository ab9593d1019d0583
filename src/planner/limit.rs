//! What keeps a training from being better.

use serde::Serialize;
use std::fmt;

/// A limit that keeps a training from being better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// The budget's time.
    Time,
    /// The budget's FLOPs.
    Compute,
    /// The budget's bytes, or the device's.
    Memory,
    /// The samples: the set has no more, or the sweep did not vary their number.
    Data,
    /// More passes over the samples raise the loss, as runs have shown.
    Overfitting,
    /// The distance to which the law is trusted: [`FURTHEST`](super::FURTHEST).
    Extrapolation,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Limit; 6] =
        [Limit::Time, Limit::Compute, Limit::Memory, Limit::Data, Limit::Overfitting, Limit::Extrapolation];
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Time => "time",
            Limit::Compute => "compute",
            Limit::Memory => "memory",
            Limit::Data => "data",
            Limit::Overfitting => "over-fitting",
            Limit::Extrapolation => "extrapolation",
        })
    }
}
