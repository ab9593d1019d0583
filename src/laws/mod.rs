//! Scaling laws: what they are, how they are fitted, and how sure the fit is.
//!
//! A law ([`Form`]) says how a quantity y above zero (a loss, an error rate, a time) follows from one size or
//! two:
//!
//! | form | formula | parameters |
//! |---|---|---|
//! | power | y = k·x^α | k, α |
//! | floor | y = E + A·x^−α | E, A, α |
//! | broken | y = E + A·x^−α·(L₀ − y)^γ | E, A, α, L₀, γ |
//! | bnsl | y = E + A·x^−c₀·(1 + (x/d₁)^(1/f₁))^(−c₁·f₁) | E, A, c₀, c₁, d₁, f₁ |
//! | joint | y = E + A·N^−α + B·D^−β | E, A, α, B, β |
//! | farseer | y = exp(a₃·N^γ + b₃) + exp(a₂·N^β + b₂)·D^(−exp(a₁·N^α + b₁)) | a₃, b₃, γ, a₂, b₂, β, a₁, b₁, α |
//!
//! N is the number of parameters and D that of training samples or tokens; E is the irreducible loss, L₀ that of
//! guessing. The law with a break is the estimator M4 of Alabdulmohsin et al. 2022 (arXiv:2209.06640), the smoothly broken
//! one that of Caballero et al. 2022 (arXiv:2210.14891), the joint law the one of Hoffmann et al. 2022 (arXiv:2203.15556,
//! approach 3), and Farseer's that of Li et al. 2025 (arXiv:2506.10972).
//!
//! In reading order:
//!
//! - [`form`](Form): the formulas, one file each: their gradients, what their parameters are called, where a search for them
//!   begins, and what rows may not tell of them.
//! - [`points`](Points): what a law is fitted to.
//! - [`objective`]: the Huber loss of the logarithms' residuals (`logs.rs`); [`delta`]: where it turns; `bounds.rs` keeps the
//!   parameters numbers.
//! - [`estimate`](mod@estimate): from starts (`starts.rs`, `profile.rs`, `linear.rs`) to the objective's minimum.
//! - [`bootstrap`](mod@bootstrap): how far the parameters move when the data is drawn again, from starts along the valley
//!   that the minimum lies in (`valley.rs`), by few steps (`newton.rs`).
//! - [`choice`]: which form, by leaving the largest out and by AICc.
//! - [`doubling`]: what twice the size buys, and up to where that is more than chance.
//! - [`allocation`]: the best N and D for a budget of compute, from the joint law.
//! - [`isoflop`](mod@isoflop) (`budgets.rs`: which runs have equal compute) and [`envelope`](mod@envelope): the best N from runs of equal compute, and from training
//!   curves; [`approaches`](mod@approaches) sets the three side by side.
//! - [`repetition`]: what samples are worth that were seen before; [`mod@turn`]: where seeing them again does harm.
//! - [`progress`]: how far a fit is.
//! - [`fit`]: all of it together, with warnings where the data can't tell.
//! - [`groups`](mod@groups): a law for each group of rows, and whether exponents differ.
//! - [`table`](read): columns of a table as points.
//! - [`benchmark`]: how well predictions hold on recorded sweeps.
//! - [`band`](mod@band) and [`plot`]: a law as a curve with its interval, and as a picture.
//! - [`PowerLaw`]: the quick way for plots, a line through logarithms by least squares.

pub mod allocation;
pub mod approaches;
pub mod average;
pub mod band;
pub mod benchmark;
pub mod bootstrap;
mod bounds;
mod budgets;
pub mod choice;
pub mod delta;
pub mod doubling;
pub mod envelope;
pub mod estimate;
pub mod fit;
mod form;
pub mod groups;
pub mod isoflop;
mod least_squares;
mod linear;
mod logs;
mod newton;
pub(super) mod normal;
pub mod objective;
pub mod plot;
mod points;
mod profile;
pub mod progress;
pub mod repetition;
mod starts;
mod table;
pub mod turn;
mod valley;
mod warning;

pub use estimate::{Estimate, Search};
pub use fit::{Fit, FitOptions};
pub use form::Form;
pub use least_squares::{PowerLaw, student_t};
pub use points::Points;
pub use table::{Columns, LeftOut, Selection, read, read_groups};
pub(crate) use warning::narrow;

use serde::{Deserialize, Serialize};

/// The level of intervals where none is asked for: 95 %.
pub const LEVEL: f64 = 0.95;

/// A number with what is known of its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// The estimate from all of the data.
    pub value: f64,
    /// Its standard error: the standard deviation over bootstrap resamples.
    pub se: f64,
    /// Lower end of the interval, of [`LEVEL`] where no other was asked for.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Quantity {
    /// The value, with the standard deviation of its `replicates` and their central interval of this level: 0.95
    /// leaves a fortieth of them on either side.
    pub fn new(value: f64, mut replicates: Vec<f64>, level: f64) -> Quantity {
        let count = replicates.len() as f64;
        // Squares of large numbers are beyond what floats hold; those of their parts of the largest are not.
        let largest = replicates.iter().fold(f64::MIN_POSITIVE, |most, replicate| replicate.abs().max(most));
        let parts = || replicates.iter().map(|replicate| replicate / largest);
        let mean = parts().sum::<f64>() / count;
        let squares: f64 = parts().map(|part| (part - mean).powi(2)).sum();
        let se = (squares / (count - 1.0).max(1.0)).sqrt() * largest;
        replicates.sort_by(f64::total_cmp);
        let outside = 0.5 * (1.0 - level);
        Quantity {
            value,
            se,
            low: percentile(&replicates, outside),
            high: percentile(&replicates, 1.0 - outside),
        }
    }

    /// Its interval.
    pub fn interval(&self) -> Interval {
        Interval { low: self.low, high: self.high }
    }
}

/// The value that a fraction `p` of `sorted` lies under, between neighbours by their distance. Not a number
/// where there are none.
pub(super) fn percentile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = p * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    // Between infinite neighbours there is no difference to take a part of.
    if (above - below).is_finite() { below + (above - below) * place.fract() } else { below }
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
    /// Whether `value` lies in it.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Whether the two share a value.
    pub fn overlaps(&self, other: &Interval) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// The fraction of answers that are wrong. Accuracy saturates at 1 and follows no power law; the error rate
/// does, until it meets its floor.
pub fn error_rate(accuracy: f64) -> f64 {
    1.0 - accuracy
}
