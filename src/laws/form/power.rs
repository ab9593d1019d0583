//! The power law `y = k·x^α`. θ is `[ln k, −α]`.

use super::law::Law;
use crate::laws::Points;
use crate::laws::theta::MOST;

pub(super) struct Formula;

impl Law for Formula {
    fn name(&self) -> &'static str {
        "power"
    }

    fn formula(&self) -> &'static str {
        "y = k·x^α"
    }

    fn purpose(&self) -> &'static str {
        "throughput, memory, time; losses far above their floor"
    }

    fn names(&self) -> &'static [&'static str] {
        &["k", "alpha"]
    }

    fn value(&self, parameters: &[f64], x: [f64; 2]) -> f64 {
        let &[k, alpha] = parameters else { unreachable!("a power law has two parameters") };
        k * x[0].powf(alpha)
    }

    fn parameters(&self, theta: &[f64]) -> Vec<f64> {
        vec![theta[0].exp(), -theta[1]]
    }

    fn log_with_gradient(&self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64 {
        gradient[..2].copy_from_slice(&[1.0, -x[0]]);
        theta[0] - theta[1] * x[0]
    }

    /// The objective is convex, so every start leads to the same law.
    fn starts(&self, _: &Points) -> Vec<Vec<f64>> {
        vec![vec![0.0, 0.0]]
    }

    fn floor(&self) -> Option<usize> {
        None
    }

    fn doubling_limit(&self, _: &[f64], _: usize, _: [f64; 2], _: f64) -> Option<f64> {
        None
    }

    fn size_parameters(&self, _: usize) -> (Option<&'static str>, &'static [&'static str]) {
        (Some("alpha"), &["alpha", "k"])
    }

    #[cfg(test)]
    fn samples(&self) -> Vec<Vec<f64>> {
        vec![vec![1.2, 0.1]]
    }
}
