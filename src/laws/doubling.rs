//! Diminishing returns: how much one more doubling of a size lowers y, and up to which size that exceeds chance.

use super::bootstrap::Bootstrap;
use super::{FittedForm, Form, Points, Uncertain};
use crate::rounding::ROUNDING;
use serde::{Deserialize, Serialize};

/// A spread of ln y that rounding alone produces.
const NO_SPREAD: f64 = 1e-9;
/// Repetitions that differ by less than this fraction of the scatter around the law are copies or share a seed.
const COPIES: f64 = 0.01;
/// A size this many times that of the largest row counts as infinite.
const NEVER: f64 = 1e30;

/// How far single runs of one size lie apart. A gain is visible only if it is larger.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// A standard deviation of ln y.
    pub value: f64,
    /// Which rows it comes from.
    pub of: SpreadOf,
}

impl Spread {
    /// Whether it exceeds rounding. Without a spread, no gain counts as small.
    pub fn shows(&self) -> bool {
        self.value > NO_SPREAD
    }
}

/// Which rows a spread comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpreadOf {
    /// Rows of nearly equal sizes around their mean: the same model with other seeds.
    Seeds,
    /// All rows around the law, if rows of nearly equal sizes are too few or do not differ.
    Rows,
}

/// What doubling one size gains while the other size stays the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Doubling {
    /// The size's column.
    pub size: String,
    /// The sizes before the doubling: those of the largest row.
    pub from: Vec<f64>,
    /// y there minus y at the doubled size.
    pub gain: Uncertain,
    /// The gain as a fraction of y.
    pub relative: Uncertain,
    /// The size from which on a doubling gains less than the spread; 0 if no doubling gains more. `None` for a power
    /// law, whose doublings all gain the same fraction, if y rises with the size, and if the rows lie on the law except
    /// for rounding.
    pub worthwhile_to: Option<Uncertain>,
    /// Whether the rows determine how y depends on the size. If not, the numbers mean nothing.
    pub known: bool,
}

/// Repeated runs, over all sizes, that a spread needs: a single pair may lie close together by chance.
const FREEDOM: usize = 2;

/// The standard deviation of ln y within groups, from rows of (group number, ln y). `None` if repeated runs are too
/// few. Equal rows of one group count once: a row that stands twice in a table is not a repetition.
pub fn within_groups(rows: impl IntoIterator<Item = (usize, f64)>) -> Option<f64> {
    let mut rows: Vec<(usize, f64)> = rows.into_iter().collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    rows.dedup_by(|a, b| a.0 == b.0 && (a.1 - b.1).abs() <= ROUNDING);
    let (mut squares, mut freedom) = (0.0, 0);
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        let mean = group.iter().map(|row| row.1).sum::<f64>() / group.len() as f64;
        squares += group.iter().map(|row| (row.1 - mean).powi(2)).sum::<f64>();
        freedom += group.len() - 1;
    }
    (freedom >= FREEDOM).then(|| (squares / freedom as f64).sqrt())
}

/// The spread of seeds if rows of nearly equal sizes show one, else the scatter of rows around the law. Differences
/// that the law predicts for slightly different sizes do not count, nor do rows that occur twice.
pub(super) fn spread(points: &Points, estimated: &FittedForm, scatter: f64) -> Spread {
    let groups = points.repetitions(estimated.form.sizes());
    let within = |values: Vec<f64>| within_groups(groups.iter().copied().zip(values));
    let plain = within(points.y().iter().map(|y| y.ln()).collect());
    let beside_law = within(estimated.residuals(points));
    match plain.zip(beside_law).map(|(plain, beside_law)| plain.min(beside_law)) {
        Some(value) if value >= COPIES * scatter => Spread { value, of: SpreadOf::Seeds },
        _ => Spread { value: scatter, of: SpreadOf::Rows },
    }
}

/// What doubling a size (0 or 1) gains, starting from the largest row.
pub(super) fn doubling(
    bootstrap: &Bootstrap,
    form: Form,
    points: &Points,
    size: usize,
    spread: Spread,
    known: bool,
) -> Doubling {
    let (_, largest) = points.without_largest(1);
    let from = largest.x()[0];
    let mut to = from;
    to[size] *= 2.0;
    let gain = |theta: &[f64]| form.predict(theta, from) - form.predict(theta, to);
    let limit = |theta: &[f64]| {
        let limit = form.law().doubling_limit(theta, size, from, spread.value)?;
        Some(if limit < NEVER * from[size] { limit } else { f64::INFINITY })
    };
    let relative = bootstrap.quantity(|theta| gain(theta) / form.predict(theta, from));
    let ends = relative.value > 0.0 && spread.shows() && limit(&bootstrap.estimate().theta).is_some();
    Doubling {
        size: points.sizes()[size].clone(),
        from: from[..form.sizes()].to_vec(),
        gain: bootstrap.quantity(gain),
        relative,
        worthwhile_to: ends.then(|| bootstrap.quantity(|theta| limit(theta).unwrap_or(f64::INFINITY))),
        known,
    }
}
