//! The smoothly broken law with one break, for curves that change from one power to another.
//!
//! `y = E + A·x^−c₀·(1 + (x/d₁)^(1/f₁))^(−c₁·f₁)`: "Broken Neural Scaling Laws" (Caballero, Gupta, Rish and Krueger
//! 2022, arXiv:2210.14891, equation 1 with n = 1; they write a for E and b for A). Far below d₁, y − E falls as
//! `x^−c₀`; far above it, as `x^−(c₀+c₁)`. f₁ is the width of the transition in e-foldings of x. With a negative c₀ the
//! loss first rises.
//!
//! In logarithms, `ln y = logaddexp(e, a − c₀·ln x − c₁·f₁·softplus((ln x − δ)/f₁))`. θ is `[a, c₀, e, c₁, δ, φ]` with
//! `A = exp(a)`, `E = exp(e)`, `d₁ = exp(δ)`, `f₁ = exp(φ)`.

use super::law::Law;
use crate::laws::Points;
use crate::laws::bounds::{Bounds, MOST_BELOW, MOST_LOG};
use crate::laws::identifiability::Identifiability;
use crate::laws::linear::least_squares;
use crate::laws::logs::Logs;
use crate::laws::starts::{EXPONENTS, from_data};
use crate::laws::theta::MOST;

/// Bounds of the logarithm of f₁: from a kink to a bend as wide as any data.
const SHARPNESS: [f64; 2] = [-4.0, 3.0];
/// Logarithms of f₁ of starts, also for the searches of resamples.
const SHARP: [f64; 3] = [-2.0, -0.7, 0.7];

pub(super) struct Formula;

impl Law for Formula {
    fn name(&self) -> &'static str {
        "bnsl"
    }

    fn formula(&self) -> &'static str {
        "y = E + A·x^−c0·(1 + (x/d1)^(1/f1))^(−c1·f1)"
    }

    fn purpose(&self) -> &'static str {
        "a curve that changes smoothly from one power to another"
    }

    fn names(&self) -> &'static [&'static str] {
        &["E", "A", "c0", "c1", "d1", "f1"]
    }

    fn value(&self, parameters: &[f64], x: [f64; 2]) -> f64 {
        let &[e, a, c0, c1, d1, f1] = parameters else {
            unreachable!("a smoothly broken law has six parameters")
        };
        e + a * x[0].powf(-c0) * (1.0 + (x[0] / d1).powf(1.0 / f1)).powf(-c1 * f1)
    }

    /// Its many parameters fit the noise of short tables.
    fn automatic(&self) -> bool {
        false
    }

    fn parameters(&self, theta: &[f64]) -> Vec<f64> {
        let &[a, c0, e, c1, d, f] = theta else {
            unreachable!("θ of a smoothly broken law has six elements")
        };
        vec![e.exp(), a.exp(), c0, c1, d.exp(), f.exp()]
    }

    fn log_with_gradient(&self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64 {
        let &[a, c0, e, c1, d, log_f] = theta else {
            unreachable!("θ of a smoothly broken law has six elements")
        };
        let f = log_f.exp();
        let z = (x[0] - d) / f;
        let (bent, height) = softplus(z);
        let fall = a - c0 * x[0] - c1 * f * bent;
        let (log_y, floor) = logaddexp(e, fall);
        let share = 1.0 - floor;
        gradient[..6].copy_from_slice(&[
            share,
            -share * x[0],
            floor,
            -share * f * bent,
            share * c1 * height,
            -share * c1 * f * (bent - z * height),
        ]);
        log_y
    }

    fn shift(&self, theta: &mut [f64], by: [f64; 2]) {
        theta[0] += theta[1] * by[0];
        theta[4] += by[0];
    }

    fn bound(&self, logs: &Logs, bounds: &mut Bounds) {
        let most = MOST_LOG / logs.mean[0].abs().max(1.0);
        bounds.narrow(1, -most, most);
        bounds.narrow(3, -most, most);
        bounds.narrow(2, logs.largest - MOST_BELOW, f64::INFINITY);
        // A break beyond the rows has no effect.
        let (low, high) = logs.range(0);
        bounds.narrow(4, low, high);
        bounds.narrow(5, SHARPNESS[0], SHARPNESS[1]);
    }

    /// Combines floors below the smallest y, breaks among the sizes and a few f₁: for given values of these, ln(y − E)
    /// is linear in the other parameters. Starts without a break are added, which exist even for sizes close together.
    fn starts(&self, points: &Points) -> Vec<Vec<f64>> {
        let smallest = points.y().iter().copied().fold(f64::INFINITY, f64::min);
        let (low, high) = points.range(0);
        let without = |theta: Vec<f64>| vec![theta[0], theta[1], theta[2], 0.0, 0.5 * (low * high).ln(), 0.0];
        let mut starts: Vec<Vec<f64>> =
            from_data(points, EXPONENTS.map(|c0| vec![c0])).into_iter().map(without).collect();
        for share in [0.02, 0.3, 0.6, 0.85, 0.97] {
            for place in [0.15, 0.3, 0.45, 0.6, 0.75, 0.9] {
                for log_f in SHARP {
                    let (floor, d, f) = (share * smallest, low.ln() + place * (high / low).ln(), log_f.exp());
                    let rows = points.x().iter().zip(points.y()).map(|(x, y)| {
                        let log_x = x[0].ln();
                        ([1.0, -(log_x - d), -f * softplus((log_x - d) / f).0], (y - floor).ln(), 1.0)
                    });
                    if let Some([a, c0, c1]) = least_squares(rows) {
                        starts.push(vec![a + c0 * d, c0, floor.ln(), c1, d, log_f]);
                    }
                }
            }
        }
        starts
    }

    fn heights(&self) -> &'static [usize] {
        &[0]
    }

    fn trade_off(&self) -> Option<(usize, &'static [f64])> {
        Some((5, &SHARP))
    }

    fn size_parameters(&self, _: usize) -> (Option<&'static str>, &'static [&'static str]) {
        (None, self.names())
    }

    fn check_identifiability(&self, found: &mut Identifiability) {
        let change = found.parameter("c1");
        if !(change.low > 0.0 || change.high < 0.0) {
            let warning = "the interval of c1 contains 0: these rows show no break, the floor law describes them as well";
            found.warn(&["c1", "d1", "f1"], warning.to_string());
        }
    }

    #[cfg(test)]
    fn samples(&self) -> Vec<Vec<f64>> {
        vec![vec![0.3, 0.2, 0.5, 0.6, 0.4, -0.3], vec![0.3, 0.2, 0.5, -0.3, -0.4, 0.6]]
    }
}

/// `ln(1 + eᶻ)` and its derivative.
fn softplus(z: f64) -> (f64, f64) {
    let small = (-z.abs()).exp();
    let height = if z > 0.0 { 1.0 } else { small } / (1.0 + small);
    (z.max(0.0) + small.ln_1p(), height)
}

/// `ln(eᵃ + eᵇ)` and the first term's fraction of the sum.
pub(super) fn logaddexp(a: f64, b: f64) -> (f64, f64) {
    let (bent, part) = softplus(a - b);
    (b + bent, part)
}
