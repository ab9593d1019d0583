//! δ: the residual of ln y at which the Huber loss turns from a parabola into a line.
//!
//! With a δ far below the scatter of the rows, the Huber loss becomes the sum of absolute residuals. Its minimum passes
//! exactly through as many rows as the law has parameters; with a dozen noisy rows, which ones is luck. With a δ far
//! above the scatter it becomes least squares, which a bad run pulls. With δ = 1.345·σ, where σ is the standard
//! deviation of the rows around the law, an estimate from normally distributed residuals is 95 % as efficient as least
//! squares (Huber 1981, "Robust statistics").
//!
//! σ is estimated from the residuals of the law that fits best by the published δ, which bad runs affect least: 1.4826
//! times the median of their absolute values, without as many of the smallest as the law has parameters, because the
//! law passes through that many rows ([`FittedForm::scatter`](super::FittedForm::scatter); Maronna, Martin & Yohai 2006,
//! "Robust statistics", section 4.4, estimate the scale so). Estimating σ again from the resulting law hardly changes
//! the predictions of the recorded sweeps.

use crate::error::{Error, Result};
use serde::Serialize;

/// The δ of Hoffmann et al. 2022 (arXiv:2203.15556) and Besiroglu et al. 2024 (arXiv:2404.10102). Estimates of δ are
/// never smaller, because rows that lie on the law have no scatter.
pub const PUBLISHED: f64 = 1e-3;
/// δ over the standard deviation of normal residuals, for 95 % of the efficiency of least squares.
pub const EFFICIENT: f64 = 1.345;
/// The fewest rows for each parameter from which δ is estimated. With fewer, resamples small enough for the right
/// spread (`bootstrap.rs`) do not determine the parameters, and intervals by squares would be too narrow.
pub const ROWS: usize = 3;
/// The smallest and largest δ that an option may give: residuals below are rounding errors; residuals above mean that y
/// is off by a factor of 20,000.
const ENDS: [f64; 2] = [1e-9, 10.0];

/// The δ of a fit's Huber loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Delta {
    /// In units of ln y.
    pub value: f64,
    /// Whether it was estimated from the rows; otherwise an option gave it.
    pub estimated: bool,
}

impl Delta {
    /// The δ that an option gives.
    ///
    /// # Errors
    /// A number outside 1e-9 to 10.
    pub(super) fn asked(value: f64) -> Result<Delta> {
        let [least, most] = ENDS;
        if !(least..=most).contains(&value) {
            return Err(Error::argument("fit", "δ of the Huber loss", value, format!("{least:e} to {most}")));
        }
        Ok(Delta { value, estimated: false })
    }

    /// Where it comes from, as text to follow the number.
    pub fn origin(&self) -> &'static str {
        match self {
            Delta { estimated: false, .. } => "as asked for",
            Delta { value: PUBLISHED, .. } => {
                "the smallest: the rows lie on the law, or there are fewer than three for each parameter"
            }
            _ => "1.345 times the scatter",
        }
    }

    /// The smallest estimate.
    pub(super) fn least() -> Delta {
        Delta { value: PUBLISHED, estimated: true }
    }

    /// An estimate from the scatter of `rows` rows around the law of the smallest δ, which has `parameters` parameters.
    /// The smallest δ if the rows are too few.
    pub(super) fn of_scatter(scatter: f64, rows: usize, parameters: usize) -> Delta {
        if rows < ROWS * parameters {
            return Delta::least();
        }
        Delta { value: (EFFICIENT * scatter).max(PUBLISHED), estimated: true }
    }
}
