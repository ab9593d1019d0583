//! The law with a floor, `y = E + A·x^−α`. θ is `[a, α, e]`, as [`powers`] has it.

use super::{Curvature, Law, MOST, powers};
use crate::laws::Points;
use crate::laws::starts::{EXPONENTS, floors, from_data, terms};

pub(super) struct Formula;

impl Law for Formula {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn formula(&self) -> &'static str {
        "y = E + A·x^−α"
    }

    fn purpose(&self) -> &'static str {
        "a loss that nears its irreducible part E"
    }

    fn names(&self) -> &'static [&'static str] {
        &["E", "A", "alpha"]
    }

    fn parameters(&self, theta: &[f64]) -> Vec<f64> {
        vec![theta[2].exp(), theta[0].exp(), theta[1]]
    }

    fn log_with_gradient(&self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64 {
        powers::log_with_gradient::<1>(theta, x, gradient)
    }

    fn bend(&self, gradient: &[f64; MOST], x: [f64; 2], by: f64, curvature: &mut Curvature) {
        powers::bend::<1>(gradient, x, by, curvature);
    }

    /// The grid of the joint law without its second size, and what follows the data.
    fn starts(&self, points: &Points) -> Vec<Vec<f64>> {
        let grid = terms().flat_map(|[a, alpha]| floors().map(move |e| vec![a, alpha, e]));
        grid.chain(from_data(points, EXPONENTS.map(|alpha| vec![alpha]))).collect()
    }

    fn heights(&self) -> &'static [usize] {
        &[0]
    }

    fn limit(&self, theta: &[f64], _: usize, _: [f64; 2], spread: f64) -> Option<f64> {
        Some(powers::limit(theta[0], theta[1], theta[2], spread))
    }

    /// An exponent that is not known leaves the others free: a slower fall to a lower floor meets the same rows.
    fn of_size(&self, _: usize) -> (Option<&'static str>, &'static [&'static str]) {
        (Some("alpha"), &["alpha", "A", "E"])
    }
}
