//! The joint law of two sizes, `y = E + A·N^−α + B·D^−β` (Hoffmann et al. 2022, arXiv:2203.15556, approach 3). θ is
//! `[a, α, b, β, e]`, as [`powers`] explains.

use super::law::Law;
use super::powers;
use crate::laws::Points;
use crate::laws::logs::Logs;
use crate::laws::projection::projected_starts;
use crate::laws::starts::{EXPONENTS, floors, from_data, terms};
use crate::laws::theta::{Curvature, MOST};

pub(super) struct Formula;

impl Law for Formula {
    fn name(&self) -> &'static str {
        "joint"
    }

    fn formula(&self) -> &'static str {
        "y = E + A·N^−α + B·D^−β"
    }

    fn purpose(&self) -> &'static str {
        "a loss over two sizes, such as parameters and samples"
    }

    fn names(&self) -> &'static [&'static str] {
        &["E", "A", "alpha", "B", "beta"]
    }

    fn value(&self, parameters: &[f64], [n, d]: [f64; 2]) -> f64 {
        let &[e, a, alpha, b, beta] = parameters else { unreachable!("the joint law has five parameters") };
        e + a * n.powf(-alpha) + b * d.powf(-beta)
    }

    fn sizes(&self) -> usize {
        2
    }

    /// A power and a constant fit any two values of a size, whatever the exponent.
    fn values_needed(&self) -> usize {
        3
    }

    fn parameters(&self, theta: &[f64]) -> Vec<f64> {
        vec![theta[4].exp(), theta[0].exp(), theta[1], theta[2].exp(), theta[3]]
    }

    fn log_with_gradient(&self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64 {
        powers::log_with_gradient::<2>(theta, x, gradient)
    }

    fn add_second_derivatives(
        &self,
        gradient: &[f64; MOST],
        x: [f64; 2],
        by: f64,
        curvature: &mut Curvature,
    ) {
        powers::add_second_derivatives::<2>(gradient, x, by, curvature);
    }

    /// The published grid of 4,500 starts, and starts from the data.
    fn starts(&self, points: &Points) -> Vec<Vec<f64>> {
        let grid = terms().flat_map(|first| terms().map(move |second| (first, second)));
        let grid = grid.flat_map(|([a, alpha], [b, beta])| floors().map(move |e| vec![a, alpha, b, beta, e]));
        let exponents = EXPONENTS.into_iter().flat_map(|alpha| EXPONENTS.map(|beta| vec![alpha, beta]));
        grid.chain(from_data(points, exponents)).collect()
    }

    fn few_starts(&self, logs: &Logs, delta: f64) -> Option<Vec<Vec<f64>>> {
        Some(projected_starts(logs, delta))
    }

    fn heights(&self) -> &'static [usize] {
        &[0, 2]
    }

    /// The term of the other size is part of the floor.
    fn doubling_limit(&self, theta: &[f64], size: usize, from: [f64; 2], spread: f64) -> Option<f64> {
        let other = 1 - size;
        let rest = theta[2 * other] - theta[2 * other + 1] * from[other].ln();
        let floor = (theta[4].exp() + rest.exp()).ln();
        Some(powers::doubling_limit(theta[2 * size], theta[2 * size + 1], floor, spread))
    }

    fn size_parameters(&self, size: usize) -> (Option<&'static str>, &'static [&'static str]) {
        match size {
            0 => (Some("alpha"), &["alpha", "A", "E"]),
            _ => (Some("beta"), &["beta", "B", "E"]),
        }
    }

    #[cfg(test)]
    fn samples(&self) -> Vec<Vec<f64>> {
        vec![vec![0.3, 0.4, 0.1, 0.3, 0.6]]
    }
}
