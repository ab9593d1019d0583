//! Farseer's law of two sizes, in which what more data buys depends on the size of the model.
//!
//! `y = exp(a₃·N^γ + b₃) + exp(a₂·N^β + b₂)·D^(−exp(a₁·N^α + b₁))`: "Predictable Scale: Part II, Farseer: A Refined
//! Scaling Law in Large Language Models" (Li et al. 2025, arXiv:2506.10972, equation 3).
//!
//! For each N it is a law with a floor in D. The logarithms of its floor, its coefficient and its exponent each have
//! the form `a·N^g + b`. Different a, b and g give nearly the same values, so for each of the three θ holds the value p
//! and the slope q at the origin of ln N, and g: `[p₃, q₃, γ, p₂, q₂, β, p₁, q₁, α]`, with `a·N^g + b = p + q·(e^(g·ln
//! N) − 1)/g`. ln D stays uncentred, because shifting it would add a power of N to the second of the three.

use super::bnsl::logaddexp;
use super::law::Law;
use crate::laws::Points;
use crate::laws::bounds::{Bounds, MOST_BELOW};
use crate::laws::linear::least_squares;
use crate::laws::logs::Logs;
use crate::laws::starts::EXPONENTS;
use crate::laws::theta::MOST;

/// The largest logarithm of N^g. Within it, a and b do not lose their digits.
const MOST_POWER: f64 = 12.0;
/// The largest slope q.
const MOST_SLOPE: f64 = 50.0;
/// The largest logarithm of an exponent of D. With larger exponents every law equals its floor.
const MOST_EXPONENT: f64 = 5.0;
/// The smallest |g|: a and b diverge as g goes to 0.
const LEAST: f64 = 1e-8;

pub(super) struct Formula;

impl Law for Formula {
    fn name(&self) -> &'static str {
        "farseer"
    }

    fn formula(&self) -> &'static str {
        "y = exp(a3·N^γ + b3) + exp(a2·N^β + b2)·D^(−exp(a1·N^α + b1))"
    }

    fn purpose(&self) -> &'static str {
        "a loss over two sizes, where larger models gain more from data"
    }

    fn names(&self) -> &'static [&'static str] {
        &["a3", "b3", "gamma", "a2", "b2", "beta", "a1", "b1", "alpha"]
    }

    fn value(&self, parameters: &[f64], [n, d]: [f64; 2]) -> f64 {
        let &[a3, b3, gamma, a2, b2, beta, a1, b1, alpha] = parameters else {
            unreachable!("Farseer's law has nine parameters")
        };
        let exponent = (a1 * n.powf(alpha) + b1).exp();
        (a3 * n.powf(gamma) + b3).exp() + (a2 * n.powf(beta) + b2).exp() * d.powf(-exponent)
    }

    fn sizes(&self) -> usize {
        2
    }

    /// Its many parameters fit the noise of short tables.
    fn automatic(&self) -> bool {
        false
    }

    /// Three parameters for each of three quantities, and one value more.
    fn values_needed(&self) -> usize {
        4
    }

    fn parameters(&self, theta: &[f64]) -> Vec<f64> {
        let of = |of: &[f64]| {
            let &[p, q, g] = of else { unreachable!("θ of Farseer's law has nine elements") };
            let g = if g.abs() < LEAST { LEAST } else { g };
            [q / g, p - q / g, g]
        };
        theta.chunks(3).flat_map(of).collect()
    }

    fn log_with_gradient(&self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64 {
        let [floor, coefficient, exponent] = [0, 3, 6].map(|place| Bent::at(&theta[place..place + 3], x[0]));
        let power = exponent.value.min(MOST_EXPONENT).exp();
        let (log_y, part) = logaddexp(floor.value, coefficient.value - power * x[1]);
        let fall = 1.0 - part;
        let by_exponent = if exponent.value < MOST_EXPONENT { -fall * power * x[1] } else { 0.0 };
        for (place, of, by) in [(0, floor, part), (3, coefficient, fall), (6, exponent, by_exponent)] {
            gradient[place..place + 3].copy_from_slice(&[by, by * of.by_slope, by * of.by_power]);
        }
        log_y
    }

    fn origin(&self, mean: [f64; 2]) -> [f64; 2] {
        [mean[0], 0.0]
    }

    fn shift(&self, theta: &mut [f64], by: [f64; 2]) {
        for of in theta.chunks_mut(3) {
            of[0] = Bent::at(of, -by[0]).value;
            of[1] *= (-of[2] * by[0]).exp();
        }
    }

    fn bound(&self, logs: &Logs, bounds: &mut Bounds) {
        let most = MOST_POWER / logs.mean[0].abs().max(1.0);
        bounds.narrow(0, logs.largest - MOST_BELOW, f64::INFINITY);
        for place in [0, 3, 6] {
            bounds.narrow(place + 1, -MOST_SLOPE, MOST_SLOPE);
            bounds.narrow(place + 2, -most, most);
        }
    }

    /// Joint laws, which are linear in E, A and B for given exponents: near the mean of ln N, `E + A·N^−α` equals the
    /// floor of this law to second order. Each also with an exponent of D that rises or falls with N.
    fn starts(&self, points: &Points) -> Vec<Vec<f64>> {
        let count = points.len() as f64;
        let mean = [0, 1].map(|size| points.x().iter().map(|x| x[size].ln()).sum::<f64>() / count);
        let smallest = points.y().iter().copied().fold(f64::INFINITY, f64::min);
        let most = MOST_POWER / mean[0].abs().max(1.0);
        let mut starts = Vec::new();
        for alpha in EXPONENTS {
            for beta in EXPONENTS {
                let rows = points.x().iter().zip(points.y()).map(|(x, y)| {
                    let [n, d] = [(0, alpha), (1, beta)]
                        .map(|(size, exponent)| (-exponent * (x[size].ln() - mean[size])).exp() / y);
                    ([1.0 / y, n, d], 1.0, 1.0)
                });
                // Sizes close together do not separate the three.
                let linear = least_squares(rows).unwrap_or([smallest / 3.0; 3]);
                let [e, a, b] = linear.map(|coefficient| coefficient.max(0.01 * smallest));
                let bend = (-alpha * e / (e + a)).clamp(-most, most);
                for turn in [-0.05, 0.0, 0.05] {
                    // The exponent's slope, and the coefficient's slope that keeps the value at the mean of ln D.
                    let mut theta = vec![(e + a).ln(), -alpha * a / (e + a), bend];
                    theta.extend([b.ln() + beta * mean[1], turn * beta * mean[1], 0.1 * most]);
                    theta.extend([beta.ln(), turn, 0.1 * most]);
                    self.shift(&mut theta, [mean[0], 0.0]);
                    starts.push(theta);
                }
            }
        }
        starts
    }

    fn floor(&self) -> Option<usize> {
        Some(0)
    }

    fn size_parameters(&self, _: usize) -> (Option<&'static str>, &'static [&'static str]) {
        (None, self.names())
    }

    #[cfg(test)]
    fn samples(&self) -> Vec<Vec<f64>> {
        vec![
            vec![0.6, -0.1, -0.3, 5.0, -0.2, 0.2, -1.2, -0.05, 0.1],
            vec![0.6, -0.1, 1e-6, 5.0, -0.2, -1e-6, -1.2, -0.05, 0.0],
        ]
    }
}

/// `p + q·(e^(g·x) − 1)/g`, and its derivatives by q and g.
struct Bent {
    value: f64,
    by_slope: f64,
    by_power: f64,
}

impl Bent {
    fn at(of: &[f64], x: f64) -> Bent {
        let &[p, q, g] = of else { unreachable!("three elements of θ say how a quantity depends on N") };
        let power = g * x;
        // For smaller powers the differences below are rounding errors, and the second order is exact enough.
        let (by_slope, by_power) = if power.abs() < 1e-4 {
            (x * (1.0 + power / 2.0 + power * power / 6.0), x * x * (0.5 + power / 3.0 + power * power / 8.0))
        } else {
            let bent = power.exp_m1() / g;
            (bent, (x * power.exp() - bent) / g)
        };
        Bent { value: p + q * by_slope, by_slope, by_power: q * by_power }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// a₃, b₃, γ, a₂, b₂, β, a₁, b₁, α of about the published size.
    const PUBLISHED: [f64; 9] = [-0.021, 0.9, 0.17, 88.0, -6.0, -0.1, -0.12, 0.4, 0.12];

    #[test]
    fn laws_of_the_published_size_follow_the_formula_also_when_shifted() {
        let theta: Vec<f64> =
            PUBLISHED.chunks(3).flat_map(|of| [of[1] + of[0], of[0] * of[2], of[2]]).collect();
        let found = Formula.parameters(&theta);
        assert!(found.iter().zip(PUBLISHED).all(|(a, b)| (a / b - 1.0).abs() < 1e-12), "{found:?}");
        for (n, d) in [(1e8f64, 1e9f64), (1e9, 2e10), (3e10, 1e12)] {
            let expected = Formula.value(&PUBLISHED, [n, d]);
            let at =
                |theta: &[f64], n: f64| Formula.log_with_gradient(theta, [n, d.ln()], &mut [0.0; MOST]).exp();
            let found = at(&theta, n.ln());
            assert!((found / expected - 1.0).abs() < 1e-12, "{found} for {expected} at {n}, {d}");
            // The same law for a shifted ln N.
            let mut shifted = theta.clone();
            Formula.shift(&mut shifted, [-20.0, 0.0]);
            let found = at(&shifted, n.ln() - 20.0);
            assert!((found / expected - 1.0).abs() < 1e-9, "{found} for {expected} at {n}, {d}, shifted");
        }
    }
}
