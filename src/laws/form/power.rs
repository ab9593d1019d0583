//! The power law `y = k·x^α`. θ is `[ln k, −α]`.

use super::{Law, MOST};
use crate::laws::Points;

pub(super) struct Formula;

impl Law for Formula {
    fn name(&self) -> &'static str {
        "power"
    }

    fn formula(&self) -> &'static str {
        "y = k·x^α"
    }

    fn purpose(&self) -> &'static str {
        "throughput, memory, time; losses far from their floor"
    }

    fn names(&self) -> &'static [&'static str] {
        &["k", "alpha"]
    }

    fn parameters(&self, theta: &[f64]) -> Vec<f64> {
        vec![theta[0].exp(), -theta[1]]
    }

    fn log_with_gradient(&self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64 {
        gradient[..2].copy_from_slice(&[1.0, -x[0]]);
        theta[0] - theta[1] * x[0]
    }

    /// The objective is convex, so that every start leads to the same law.
    fn starts(&self, _: &Points) -> Vec<Vec<f64>> {
        vec![vec![0.0, 0.0]]
    }

    fn floor(&self) -> Option<usize> {
        None
    }

    fn limit(&self, _: &[f64], _: usize, _: [f64; 2], _: f64) -> Option<f64> {
        None
    }

    fn of_size(&self, _: usize) -> (Option<&'static str>, &'static [&'static str]) {
        (Some("alpha"), &["alpha", "k"])
    }
}
