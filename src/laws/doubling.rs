//! Diminishing returns: what one more doubling of a size buys, and up to which size that is more than chance.

use super::bootstrap::Bootstrap;
use super::{Estimate, Form, Points, Quantity};
use crate::rounding::ROUNDING;
use serde::{Deserialize, Serialize};

/// A spread of ln y that rounding makes by itself.
const NO_SPREAD: f64 = 1e-9;
/// Repetitions that differ by less than this part of the scatter around the law are no other runs: copies, or one seed.
const COPIES: f64 = 0.01;
/// A size so many times that of the largest row is never come to.
const NEVER: f64 = 1e30;

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
    /// Rows of nearly equal sizes around their mean: the same model with other seeds.
    Seeds,
    /// All rows around the law, as those of nearly equal sizes are too few or don't differ.
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

/// The spread of seeds where rows of nearly equal sizes show one, else the scatter of rows around a law. Where their sizes
/// differ a little, what the law says of that is no spread; nor is it where the same row was read twice.
pub(super) fn spread(points: &Points, estimated: &Estimate, scatter: f64) -> Spread {
    let groups = points.repetitions(estimated.form);
    let within = |values: Vec<f64>| within_groups(groups.iter().copied().zip(values));
    let plain = within(points.y().iter().map(|y| y.ln()).collect());
    let beside_law = within(estimated.residuals(points));
    match plain.zip(beside_law).map(|(plain, beside_law)| plain.min(beside_law)) {
        Some(value) if value >= COPIES * scatter => Spread { value, of: SpreadOf::Seeds },
        _ => Spread { value: scatter, of: SpreadOf::Rows },
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
    let limit = |theta: &[f64]| {
        let limit = form.law().limit(theta, size, from, spread.value)?;
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

/// The size from which on a doubling lowers y by less than the part `spread`, by a search from that of `from`: to the
/// right while doublings buy more, else to the left to where they do. Infinite where every doubling buys more, 0 where
/// none does. `law` is ln y at the logarithms of the sizes.
pub(super) fn searched(law: impl Fn([f64; 2]) -> f64, size: usize, from: [f64; 2], spread: f64) -> f64 {
    /// Of the logarithm of the size, and how far it is searched.
    const STEP: f64 = 0.25;
    const STEPS: usize = 240;
    let origin = from.map(f64::ln);
    let worth = |log: f64| {
        let at = |log: f64| {
            let mut sizes = origin;
            sizes[size] = log;
            law(sizes)
        };
        -(at(log + std::f64::consts::LN_2) - at(log)).exp_m1() >= spread
    };
    let start = origin[size];
    let direction = if worth(start) { STEP } else { -STEP };
    let place = |step: usize| start + direction * step as f64;
    let Some(step) = (1..=STEPS).find(|&step| worth(place(step)) != worth(start)) else {
        return if direction > 0.0 { f64::INFINITY } else { 0.0 };
    };
    let (mut one, mut other) = (place(step - 1), place(step));
    for _ in 0..50 {
        let middle = 0.5 * (one + other);
        if worth(middle) == worth(start) { one = middle } else { other = middle }
    }
    other.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_ends_where_the_formula_says() {
        let theta = [6.0, 0.4, 0.7];
        let law = |x: [f64; 2]| Form::Floor.predict(&theta, x.map(f64::exp)).ln();
        for spread in [1e-4, 1e-3, 0.05] {
            let expected = Form::Floor.law().limit(&theta, 0, [1e5, 1.0], spread).unwrap();
            for from in [1e3, 1e5, 1e9] {
                let found = searched(law, 0, [from, 1.0], spread);
                assert!(
                    (found / expected - 1.0).abs() < 1e-6,
                    "{spread} from {from}: {found} for {expected}"
                );
            }
        }
        assert_eq!(searched(law, 0, [1e5, 1.0], 0.9), 0.0);
        assert_eq!(searched(|x| -0.2 * x[0], 0, [1e5, 1.0], 0.01), f64::INFINITY);
    }
}
