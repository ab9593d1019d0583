//! Which form fits: by the error on the largest, left out of the fit, and by AICc.
//!
//! The error on the largest tests what a law is for, extrapolation. AICc (Hurvich & Tsai 1989) weighs how well
//! all rows are met against the number of parameters. Its likelihood is that of residuals of one scale, `2n·ln(scale)`
//! but for a constant (the normal one's as well as Laplace's), and the mean |residual of ln y| stands for the scale, so
//! that bad runs count by their size and not by its square.

use super::estimate::{Estimate, Search, estimate_with};
use super::progress::Progress;
use super::{Form, Points};
use serde::{Deserialize, Serialize};

/// Part of the rows that are left out, the largest ones, and at least one.
const LEFT_OUT: f64 = 0.2;
/// Forms whose error on the largest is at most this many times the least, or the scatter of single rows where that is
/// more, are equals; AICc decides among them.
const EQUAL: f64 = 1.5;
/// A form of more parameters has to have less than the simplest one's AICc by so much: less is no evidence (Burnham &
/// Anderson 2002, section 2.6).
const EVIDENCE: f64 = 4.0;
/// Residuals of noiseless data are rounding; below this none is smaller than another.
const NO_RESIDUAL: f64 = 1e-9;

/// How well one form does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The form.
    pub law: Form,
    /// Root mean square of the relative error on the largest fifth of the rows, when fitted to the others. None
    /// where these are too few.
    pub largest_out_error: Option<f64>,
    /// Standard deviation of the residuals of ln y when fitted to all rows.
    pub scatter: f64,
    /// Akaike's criterion, corrected for few rows; less is better.
    pub aicc: f64,
}

/// Judges an estimate. The law of the rows without the largest has this δ, or one of its own.
pub fn judge(estimated: &Estimate, points: &Points, delta: Option<f64>, progress: Progress) -> Candidate {
    Candidate {
        law: estimated.form,
        largest_out_error: largest_out_error(estimated.form, points, delta, progress),
        scatter: estimated.scatter(points),
        aicc: aicc(estimated, points),
    }
}

/// Which candidate to take: of those whose error on the largest is about the least, and whose AICc is too, the one with
/// the fewest parameters.
pub fn choose(candidates: &[Candidate]) -> Option<Form> {
    let error = |candidate: &Candidate| candidate.largest_out_error.map(|error| error.max(NO_RESIDUAL));
    let least = candidates.iter().filter_map(error).reduce(f64::min);
    // What the form that meets the rows best leaves is noise, and an error no larger than noise is luck.
    let noise = candidates.iter().map(|candidate| candidate.scatter).fold(f64::INFINITY, f64::min);
    // Where no form could be tried on the largest, AICc alone is left.
    let equal = candidates.iter().filter(|candidate| match (error(candidate), least) {
        (Some(error), Some(least)) => error <= EQUAL * least.max(noise),
        (None, Some(_)) => false,
        (_, None) => true,
    });
    let equal: Vec<&Candidate> = equal.filter(|candidate| candidate.aicc.is_finite()).collect();
    let least = equal.iter().map(|candidate| candidate.aicc).reduce(f64::min)?;
    let supported = equal.into_iter().filter(|candidate| candidate.aicc <= least + EVIDENCE);
    supported.min_by_key(|candidate| candidate.law.count()).map(|candidate| candidate.law)
}

fn largest_out_error(form: Form, points: &Points, delta: Option<f64>, progress: Progress) -> Option<f64> {
    let count = ((points.len() as f64 * LEFT_OUT).round() as usize).max(1);
    let (kept, largest) = points.without_largest(count);
    let estimated = estimate_with(form, &kept, Search::Screened, delta, progress).ok()?;
    let errors = largest.x().iter().zip(largest.y()).map(|(&x, y)| estimated.predict(x) / y - 1.0);
    Some((errors.map(|error| error * error).sum::<f64>() / largest.len() as f64).sqrt())
}

fn aicc(estimated: &Estimate, points: &Points) -> f64 {
    let count = points.len() as f64;
    let residuals = estimated.residuals(points);
    let mean = residuals.iter().map(|residual| residual.abs()).sum::<f64>() / count;
    // The width of the scatter is a parameter too.
    let parameters = estimated.form.count() as f64 + 1.0;
    let correction = parameters * (parameters + 1.0) / (count - parameters - 1.0).max(0.5);
    2.0 * count * mean.max(NO_RESIDUAL).ln() + 2.0 * parameters + 2.0 * correction
}
