//! The law with a floor, `y = E + A·x^−α`. θ is `[a, α, e]`, as [`powers`] explains.

use super::law::Law;
use super::powers;
use crate::laws::Points;
use crate::laws::starts::{EXPONENTS, floors, from_data, terms};
use crate::laws::theta::{Curvature, MOST};

pub(super) struct Formula;

impl Law for Formula {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn formula(&self) -> &'static str {
        "y = E + A·x^−α"
    }

    fn purpose(&self) -> &'static str {
        "a loss that approaches its irreducible part E"
    }

    fn names(&self) -> &'static [&'static str] {
        &["E", "A", "alpha"]
    }

    fn value(&self, parameters: &[f64], x: [f64; 2]) -> f64 {
        let &[e, a, alpha] = parameters else { unreachable!("a law with a floor has three parameters") };
        e + a * x[0].powf(-alpha)
    }

    fn parameters(&self, theta: &[f64]) -> Vec<f64> {
        vec![theta[2].exp(), theta[0].exp(), theta[1]]
    }

    fn log_with_gradient(&self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64 {
        powers::log_with_gradient::<1>(theta, x, gradient)
    }

    fn add_second_derivatives(
        &self,
        gradient: &[f64; MOST],
        x: [f64; 2],
        by: f64,
        curvature: &mut Curvature,
    ) {
        powers::add_second_derivatives::<1>(gradient, x, by, curvature);
    }

    /// The grid of the joint law without its second size, and starts from the data.
    fn starts(&self, points: &Points) -> Vec<Vec<f64>> {
        let grid = terms().flat_map(|[a, alpha]| floors().map(move |e| vec![a, alpha, e]));
        grid.chain(from_data(points, EXPONENTS.map(|alpha| vec![alpha]))).collect()
    }

    fn heights(&self) -> &'static [usize] {
        &[0]
    }

    fn doubling_limit(&self, theta: &[f64], _: usize, _: [f64; 2], spread: f64) -> Option<f64> {
        Some(powers::doubling_limit(theta[0], theta[1], theta[2], spread))
    }

    /// An unknown exponent leaves the others free: a slower fall to a lower floor fits the same rows.
    fn size_parameters(&self, _: usize) -> (Option<&'static str>, &'static [&'static str]) {
        (Some("alpha"), &["alpha", "A", "E"])
    }

    #[cfg(test)]
    fn samples(&self) -> Vec<Vec<f64>> {
        vec![vec![0.3, 0.4, 0.7]]
    }
}
