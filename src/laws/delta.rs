//! δ: the residual of ln y from which on the Huber loss is a line.
//!
//! A δ far under the scatter of the rows makes of the Huber loss the sum of the residuals' sizes, which meets as many rows
//! exactly as the law has parameters, and of a dozen noisy rows that is luck. One far above makes of it least squares,
//! which a bad run pulls. With δ = 1.345·σ, where σ is the standard deviation of the rows around the law, an estimate from
//! normally distributed residuals is 95 % as efficient as least squares (Huber 1981, "Robust statistics").
//!
//! σ is estimated from the residuals of the law that fits best by the published δ, which bad runs change least: 1.4826 times
//! the median of their sizes, without as many of the smallest as the law has parameters, since it meets so many rows
//! ([`Estimate::scatter`]; Maronna, Martin & Yohai 2006, "Robust statistics", section 4.4, take the scale so). Taking σ again
//! from the law that follows changes no prediction of the recorded sweeps by much.

use super::estimate::Estimate;
use super::points::Points;
use crate::error::{Error, Result};
use serde::Serialize;

/// What Hoffmann et al. 2022 (arXiv:2203.15556) and Besiroglu et al. 2024 (arXiv:2404.10102) take, and the least that is
/// estimated: rows that lie on the law have no scatter.
pub const PUBLISHED: f64 = 1e-3;
/// δ over the standard deviation of normal residuals, for 95 % of the efficiency of least squares.
pub const EFFICIENT: f64 = 1.345;
/// Fewest rows for each parameter that δ is estimated from. With fewer, draws of rows that spread as the noise says
/// (`bootstrap.rs`) can't tell the parameters, and intervals by squares would be too narrow.
pub const ROWS: usize = 3;
/// Least and largest δ that can be asked for: under the one residuals are rounding, above the other y is off by a factor
/// of 20,000.
const ENDS: [f64; 2] = [1e-9, 10.0];

/// Where the Huber loss of a fit turns from a parabola into a line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Delta {
    /// In units of ln y.
    pub value: f64,
    /// Whether it follows from the rows; else it was asked for.
    pub estimated: bool,
}

impl Delta {
    /// The δ that was asked for.
    ///
    /// # Errors
    /// A number that is not between 1e-9 and 10.
    pub(super) fn asked(value: f64) -> Result<Delta> {
        let [least, most] = ENDS;
        if !(least..=most).contains(&value) {
            return Err(Error::argument("fit", "δ of the Huber loss", value, format!("{least:e} to {most}")));
        }
        Ok(Delta { value, estimated: false })
    }

    /// In words, to stand after the number: what it is from.
    pub fn origin(&self) -> &'static str {
        match self {
            Delta { estimated: false, .. } => "as asked for",
            Delta { value: PUBLISHED, .. } => {
                "the least: for rows on the law, and fewer than three for each parameter"
            }
            _ => "1.345 times the scatter",
        }
    }

    /// The least one that is estimated.
    pub(super) fn least() -> Delta {
        Delta { value: PUBLISHED, estimated: true }
    }

    /// By the residuals of this law of the least δ, where rows are enough.
    pub(super) fn of(estimate: &Estimate, points: &Points) -> Delta {
        if points.len() < ROWS * estimate.form.count() {
            return Delta::least();
        }
        Delta { value: (EFFICIENT * estimate.scatter(points)).max(PUBLISHED), estimated: true }
    }
}
