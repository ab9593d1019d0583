//! The joint law of two sizes, `y = E + A·N^−α + B·D^−β` (Hoffmann et al. 2022, arXiv:2203.15556, approach 3). θ is
//! `[a, α, b, β, e]`, as [`powers`] has it.

use super::{Curvature, Law, Logs, MOST, powers};
use crate::laws::Points;
use crate::laws::profile::profile;
use crate::laws::starts::{EXPONENTS, floors, from_data, terms};

pub(super) struct Formula;

impl Law for Formula {
    fn name(&self) -> &'static str {
        "joint"
    }

    fn formula(&self) -> &'static str {
        "y = E + A·N^−α + B·D^−β"
    }

    fn purpose(&self) -> &'static str {
        "a loss over two sizes, as parameters and samples"
    }

    fn names(&self) -> &'static [&'static str] {
        &["E", "A", "alpha", "B", "beta"]
    }

    fn sizes(&self) -> usize {
        2
    }

    /// A power and a constant go through any two values of a size, whatever the exponent.
    fn steps(&self) -> usize {
        3
    }

    fn parameters(&self, theta: &[f64]) -> Vec<f64> {
        vec![theta[4].exp(), theta[0].exp(), theta[1], theta[2].exp(), theta[3]]
    }

    fn log_with_gradient(&self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64 {
        powers::log_with_gradient::<2>(theta, x, gradient)
    }

    fn bend(&self, gradient: &[f64; MOST], x: [f64; 2], by: f64, curvature: &mut Curvature) {
        powers::bend::<2>(gradient, x, by, curvature);
    }

    /// The published grid of 4,500, and what follows the data.
    fn starts(&self, points: &Points) -> Vec<Vec<f64>> {
        let grid = terms().flat_map(|first| terms().map(move |second| (first, second)));
        let grid = grid.flat_map(|([a, alpha], [b, beta])| floors().map(move |e| vec![a, alpha, b, beta, e]));
        let exponents = EXPONENTS.into_iter().flat_map(|alpha| EXPONENTS.map(|beta| vec![alpha, beta]));
        grid.chain(from_data(points, exponents)).collect()
    }

    fn few_starts(&self, logs: &Logs, delta: f64) -> Option<Vec<Vec<f64>>> {
        Some(profile(logs, delta))
    }

    fn heights(&self) -> &'static [usize] {
        &[0, 2]
    }

    /// The other size's term is part of the floor.
    fn limit(&self, theta: &[f64], size: usize, from: [f64; 2], spread: f64) -> Option<f64> {
        let other = 1 - size;
        let rest = theta[2 * other] - theta[2 * other + 1] * from[other].ln();
        let floor = (theta[4].exp() + rest.exp()).ln();
        Some(powers::limit(theta[2 * size], theta[2 * size + 1], floor, spread))
    }

    fn of_size(&self, size: usize) -> (Option<&'static str>, &'static [&'static str]) {
        match size {
            0 => (Some("alpha"), &["alpha", "A", "E"]),
            _ => (Some("beta"), &["beta", "B", "E"]),
        }
    }
}
