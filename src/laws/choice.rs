//! Which form fits: by the error on the largest rows, held out of the fit, and by AICc.
//!
//! The error on the largest rows tests what a law is for, extrapolation. AICc (Hurvich & Tsai 1989) weighs how well all
//! rows are fitted against the number of parameters. Its likelihood is that of residuals of one scale, `2n·ln(scale)`
//! except for a constant (for the normal distribution as well as Laplace's). The mean |residual of ln y| serves as the
//! scale, so that bad runs count linearly instead of quadratically.

use super::estimate::{FittedForm, Search, estimate_with};
use super::progress::ProgressFn;
use super::{Form, Points};
use serde::{Deserialize, Serialize};

/// The fraction of the rows to hold out, the largest ones, and at least one.
const LEFT_OUT: f64 = 0.2;
/// Forms are equally good if their error on the largest rows is at most this many times the least error, or the scatter
/// of single rows if that is larger. AICc decides among them.
const EQUAL: f64 = 1.5;
/// A form with more parameters than the simplest needs an AICc lower by this: a smaller difference is no evidence
/// (Burnham & Anderson 2002, section 2.6).
const EVIDENCE: f64 = 4.0;
/// Residuals of noiseless data are rounding errors; below this none counts as smaller than another.
const NO_RESIDUAL: f64 = 1e-9;

/// How well one form fits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FormScore {
    /// The form.
    pub law: Form,
    /// Root mean square of the relative error on the largest fifth of the rows, when fitted to the others. `None` if
    /// the others are too few.
    pub largest_out_error: Option<f64>,
    /// Standard deviation of the residuals of ln y when fitted to all rows.
    pub scatter: f64,
    /// Akaike's criterion, corrected for few rows; lower is better.
    pub aicc: f64,
}

/// Scores an estimate. The law of the rows without the largest has this δ, or estimates its own.
pub(super) fn score_form(
    estimated: &FittedForm,
    points: &Points,
    delta: Option<f64>,
    progress: ProgressFn,
) -> FormScore {
    FormScore {
        law: estimated.form,
        largest_out_error: largest_out_error(estimated.form, points, delta, progress),
        scatter: estimated.scatter(points),
        aicc: aicc(estimated, points),
    }
}

/// The form to use: of those whose error on the largest rows and whose AICc are about the least, the one with the
/// fewest parameters. `None` without a candidate of finite AICc.
pub fn choose(candidates: &[FormScore]) -> Option<Form> {
    let (error, aicc) = limits(candidates)?;
    let supported = candidates.iter().filter(|candidate| equal(candidate, error) && candidate.aicc <= aicc);
    supported.min_by_key(|candidate| candidate.law.count()).map(|candidate| candidate.law)
}

/// Why [`choose`] chose a form although another has a smaller error or a smaller AICc; `None` if none has.
pub fn reason(candidates: &[FormScore], chosen: Form) -> Option<String> {
    let of_chosen = candidates.iter().find(|candidate| candidate.law == chosen)?;
    let smaller = |other: &FormScore| {
        let errors = other.largest_out_error.zip(of_chosen.largest_out_error);
        errors.is_some_and(|(other, chosen)| other < chosen) || other.aicc < of_chosen.aicc
    };
    if !candidates.iter().any(smaller) {
        return None;
    }
    let (error, aicc) = limits(candidates)?;
    let error = error.map_or(String::new(), |error| {
        format!(
            "an error of at most {:.2} % ({EQUAL} times the least, or the scatter of rows) and ",
            100.0 * error
        )
    });
    Some(format!(
        "{chosen} has the fewest parameters of the laws with {error}an AICc of at most {aicc:.1} (the least of these + \
         {EVIDENCE})"
    ))
}

/// The largest error on the largest rows that counts as equal to the least, `None` if no form could be tested on them;
/// and the largest AICc, of forms with such an error, that counts as equal to the least. `None` without a candidate of
/// finite AICc.
fn limits(candidates: &[FormScore]) -> Option<(Option<f64>, f64)> {
    let least = candidates.iter().filter_map(error).reduce(f64::min);
    // The scatter around the best form is noise, and an error below the noise is luck.
    let noise = candidates.iter().map(|candidate| candidate.scatter).fold(f64::INFINITY, f64::min);
    let limit = least.map(|least| EQUAL * least.max(noise));
    let equal = candidates.iter().filter(|candidate| equal(candidate, limit));
    let least = equal.map(|candidate| candidate.aicc).reduce(f64::min)?;
    Some((limit, least + EVIDENCE))
}

/// Whether a form's error on the largest rows is within the limit. Without a limit, AICc alone decides.
fn equal(candidate: &FormScore, limit: Option<f64>) -> bool {
    let within = limit.is_none_or(|limit| error(candidate).is_some_and(|error| error <= limit));
    within && candidate.aicc.is_finite()
}

fn error(candidate: &FormScore) -> Option<f64> {
    candidate.largest_out_error.map(|error| error.max(NO_RESIDUAL))
}

fn largest_out_error(form: Form, points: &Points, delta: Option<f64>, progress: ProgressFn) -> Option<f64> {
    let count = ((points.len() as f64 * LEFT_OUT).round() as usize).max(1);
    let (kept, largest) = points.without_largest(count);
    let estimated = estimate_with(form, &kept, Search::Screened, delta, progress).ok()?;
    let errors = largest.x().iter().zip(largest.y()).map(|(&x, y)| estimated.predict(x) / y - 1.0);
    Some((errors.map(|error| error * error).sum::<f64>() / largest.len() as f64).sqrt())
}

fn aicc(estimated: &FittedForm, points: &Points) -> f64 {
    let count = points.len() as f64;
    let residuals = estimated.residuals(points);
    let mean = residuals.iter().map(|residual| residual.abs()).sum::<f64>() / count;
    // The width of the scatter counts as a parameter.
    let parameters = estimated.form.count() as f64 + 1.0;
    let correction = parameters * (parameters + 1.0) / (count - parameters - 1.0).max(0.5);
    2.0 * count * mean.max(NO_RESIDUAL).ln() + 2.0 * parameters + 2.0 * correction
}
