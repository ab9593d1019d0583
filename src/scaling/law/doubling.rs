//! Diminishing returns: what one more doubling of a size buys, and up to which size that is more than chance.

use super::bootstrap::Bootstrap;
use super::{Form, Points, Quantity, broken};
use serde::{Deserialize, Serialize};

/// How far apart single runs of one size lie: what a gain has to be larger than to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// A standard deviation of ln y.
    pub value: f64,
    /// What it was taken from.
    pub of: SpreadOf,
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
    /// The size from which on a doubling buys less than the spread. None for a power law, which buys the same part
    /// for ever.
    pub worthwhile_to: Option<Quantity>,
}

/// The spread of seeds where rows have them, else the scatter of rows around a law.
pub(super) fn spread(points: &Points, form: Form, scatter: f64) -> Spread {
    let groups = points.groups(form);
    let count = groups.iter().max().map_or(0, |last| last + 1);
    let mut rows = vec![0.0; count];
    let mut means = vec![0.0; count];
    for (&group, y) in groups.iter().zip(points.y()) {
        rows[group] += 1.0;
        means[group] += (y.ln() - means[group]) / rows[group];
    }
    let freedom = points.len() - count;
    if freedom == 0 {
        return Spread { value: scatter, of: SpreadOf::Rows };
    }
    let deviations = groups.iter().zip(points.y()).map(|(&group, y)| (y.ln() - means[group]).powi(2));
    Spread { value: (deviations.sum::<f64>() / freedom as f64).sqrt(), of: SpreadOf::Seeds }
}

/// What doubling a size, by its number, buys from the largest row on.
pub(super) fn doubling(
    bootstrap: &Bootstrap,
    form: Form,
    points: &Points,
    size: usize,
    spread: Spread,
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
    Doubling {
        size: points.sizes()[size].clone(),
        from: from[..form.sizes()].to_vec(),
        gain: bootstrap.quantity(gain),
        relative: bootstrap.quantity(|theta| gain(theta) / form.predict(theta, from)),
        worthwhile_to: form.has_floor().then(|| bootstrap.quantity(limit)),
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
