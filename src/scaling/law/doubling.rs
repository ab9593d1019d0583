//! Diminishing returns: what one more doubling of a size buys, and up to which size that is more than chance.

use super::bootstrap::Bootstrap;
use super::{Form, Points, Quantity, broken};
use crate::rounding::ROUNDING;
use serde::{Deserialize, Serialize};

/// A spread of ln y that rounding makes by itself.
const NO_SPREAD: f64 = 1e-9;

/// How far apart single runs of one size lie: what a gain has to be larger than to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// A standard deviation of ln y.
    pub value: f64,
    /// What it was taken from.
    pub of: SpreadOf,
}

impl Spread {
    /// Whether it is more than rounding: beside none, nothing is small.
    pub fn shows(&self) -> bool {
        self.value > NO_SPREAD
    }
}

/// What a spread was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpreadOf {
    /// Rows of equal sizes around their mean: the same model with other seeds.
    Seeds,
    /// All rows around the law, as there are none of equal sizes.
    Rows,
}

/// What doubling one size buys, the other held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Doubling {
    /// The size's column.
    pub size: String,
    /// The sizes that are doubled from, those of the largest row.
    pub from: Vec<f64>,
    /// y there minus y at the doubled size.
    pub gain: Quantity,
    /// The same as a part of y.
    pub relative: Quantity,
    /// The size from which on a doubling buys less than the spread; 0 where none buys more. None for a power law, which
    /// buys the same part for ever, where y rises with the size, and where rows lie on the law but for rounding.
    pub worthwhile_to: Option<Quantity>,
    /// Whether the rows tell how y depends on the size. If not, the numbers mean nothing.
    pub known: bool,
}

/// Repeats, over all sizes, that a spread needs: one pair may lie close together by chance.
const FREEDOM: usize = 2;

/// The standard deviation of ln y within groups, from rows of the number of their group and ln y; none with too few
/// repeats. Equal rows of a group are one: a row that stands twice in a table is no repeat.
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

/// The spread of seeds where rows have them, else the scatter of rows around a law.
pub(super) fn spread(points: &Points, form: Form, scatter: f64) -> Spread {
    let logs = points.y().iter().map(|y| y.ln());
    match within_groups(points.groups(form).into_iter().zip(logs)) {
        Some(value) => Spread { value, of: SpreadOf::Seeds },
        None => Spread { value: scatter, of: SpreadOf::Rows },
    }
}

/// What doubling a size, by its number, buys from the largest row on.
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
    let limit = |theta: &[f64]| match form {
        Form::Power => f64::INFINITY,
        Form::Floor => limit(theta[0], theta[1], theta[2], spread.value),
        Form::Broken => limit_with_break(theta, spread.value),
        Form::Joint => {
            // The other size's term is part of the floor.
            let other = 1 - size;
            let rest = theta[2 * other] - theta[2 * other + 1] * from[other].ln();
            let floor = (theta[4].exp() + rest.exp()).ln();
            limit(theta[2 * size], theta[2 * size + 1], floor, spread.value)
        }
    };
    let relative = bootstrap.quantity(|theta| gain(theta) / form.predict(theta, from));
    let ends = form.has_floor() && relative.value > 0.0 && spread.shows();
    Doubling {
        size: points.sizes()[size].clone(),
        from: from[..form.sizes()].to_vec(),
        gain: bootstrap.quantity(gain),
        relative,
        worthwhile_to: ends.then(|| bootstrap.quantity(limit)),
        known,
    }
}

/// The size at which a doubling lowers `exp(e) + exp(a)·x^−α` by the part s: `A·x^−α·(1 − 2^−α) = s·(E + A·x^−α)`. 0
/// where no doubling does.
fn limit(a: f64, alpha: f64, e: f64, spread: f64) -> f64 {
    let part = 1.0 - (-alpha).exp2() - spread;
    if part > 0.0 { ((a + part.ln() - e - spread.ln()) / alpha).exp() } else { 0.0 }
}

/// The same for the law with a break: the largest such size, searched for from the right, since left of the break a
/// doubling buys little again.
fn limit_with_break(theta: &[f64], spread: f64) -> f64 {
    /// Of t, which changes by α·ln 2 with a doubling.
    const STEP: f64 = 0.25;
    let (alpha, e, w) = (theta[1], theta[2], theta[3]);
    let gain = |t: f64| {
        let log_x = broken::log_size(theta, t);
        let y = |log_x: f64| Form::Broken.predict(theta, [log_x.exp(), 1.0]);
        1.0 - y(log_x + std::f64::consts::LN_2) / y(log_x)
    };
    if alpha <= 0.0 {
        return 0.0;
    }
    // A gain is at most the height's part of y, which is at most exp(w + t − e).
    let mut below = spread.ln() + e - w;
    let last = broken::drive(1.0 - 1e-6, theta[4].exp());
    while below < last && gain(below + STEP) < spread {
        below += STEP;
    }
    if below >= last {
        return 0.0;
    }
    let mut above = below + STEP;
    for _ in 0..50 {
        let middle = 0.5 * (below + above);
        if gain(middle) < spread { below = middle } else { above = middle }
    }
    broken::log_size(theta, above).exp()
}
