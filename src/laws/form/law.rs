//! The trait that a law implements.

use crate::laws::Points;
use crate::laws::bounds::{Bounds, MOST_BELOW, MOST_LOG};
use crate::laws::identifiability::Identifiability;
use crate::laws::limit::search_limit;
use crate::laws::logs::Logs;
use crate::laws::theta::{Curvature, MOST};

/// A law: its formula, and everything that a fit needs to know about it.
///
/// A fit works with ln y as a function of the logarithms of the sizes and of a vector θ, which an optimiser moves. θ
/// stands for the formula's parameters such that every θ is valid; [`Law::parameters`] converts.
pub(in crate::laws) trait Law: Sync {
    /// The name on the command line and in JSON.
    fn name(&self) -> &'static str;

    /// The formula as text.
    fn formula(&self) -> &'static str;

    /// What the law is for, in a few words.
    fn purpose(&self) -> &'static str;

    /// Names of the formula's parameters, as many as θ has elements.
    fn names(&self) -> &'static [&'static str];

    /// y by the formula, from its parameters in the order of [`Law::names`]. The tests compare
    /// [`Law::log_with_gradient`] with it.
    fn value(&self, parameters: &[f64], x: [f64; 2]) -> f64;

    /// The number of sizes: 1 or 2.
    fn sizes(&self) -> usize {
        1
    }

    /// Whether a fit considers the law if none is asked for.
    fn automatic(&self) -> bool {
        true
    }

    /// How many different values of each size determine the parameters.
    fn values_needed(&self) -> usize {
        self.names().len()
    }

    /// The formula's parameters, from θ.
    fn parameters(&self, theta: &[f64]) -> Vec<f64>;

    /// ln y at the logarithms of the sizes. Writes the derivatives by θ to the first elements of `gradient`.
    fn log_with_gradient(&self, theta: &[f64], x: [f64; 2], gradient: &mut [f64; MOST]) -> f64;

    /// Adds `by` times the second derivatives of ln y to the lower triangle of `curvature`, given the first
    /// derivatives. A law without second derivatives needs a few more steps of the search.
    fn add_second_derivatives(
        &self,
        _gradient: &[f64; MOST],
        _x: [f64; 2],
        _by: f64,
        _curvature: &mut Curvature,
    ) {
    }

    /// The origin of the logarithms of sizes inside a fit, given their means. A law may have a size whose logarithm
    /// cannot be shifted.
    fn origin(&self, mean: [f64; 2]) -> [f64; 2] {
        mean
    }

    /// Converts θ for logarithms of sizes into θ for logarithms that are larger by `by`. By default, θ begins with a
    /// coefficient and an exponent for each size.
    fn shift(&self, theta: &mut [f64], by: [f64; 2]) {
        for (size, by) in by.into_iter().enumerate().take(self.sizes()) {
            theta[2 * size] += theta[2 * size + 1] * by;
        }
    }

    /// Narrows the bounds of θ for rows with these logarithms.
    fn bound(&self, logs: &Logs, bounds: &mut Bounds) {
        for size in 0..self.sizes() {
            let most = MOST_LOG / logs.mean[size].abs().max(1.0);
            bounds.narrow(2 * size + 1, -most, most);
        }
        for place in self.heights().iter().copied().chain(self.floor()) {
            bounds.narrow(place, logs.largest - MOST_BELOW, f64::INFINITY);
        }
    }

    /// Starts of the descents to the minimum: θ for plain logarithms.
    fn starts(&self, points: &Points) -> Vec<Vec<f64>>;

    /// A few starts from which a search finds the same minimum, for centred logarithms and this δ of the Huber loss.
    /// `None` if the search needs all starts.
    fn few_starts(&self, _logs: &Logs, _delta: f64) -> Option<Vec<Vec<f64>>> {
        None
    }

    /// The index in θ of the logarithm of the floor, which trades off against a slower fall. `None` without a floor.
    fn floor(&self) -> Option<usize> {
        Some(2 * self.sizes())
    }

    /// Indices in θ of the logarithms of the terms above the floor, at the origin of the sizes.
    fn heights(&self) -> &'static [usize] {
        &[]
    }

    /// Another index in θ whose element trades off against the others, with values to try.
    fn trade_off(&self) -> Option<(usize, &'static [f64])> {
        None
    }

    /// The value of a size (0 or 1) from which on a doubling lowers y by less than the fraction `spread`, the other
    /// size being that of `from`; 0 if no doubling lowers it by more. `None` if every doubling lowers y by the same
    /// fraction.
    fn doubling_limit(&self, theta: &[f64], size: usize, from: [f64; 2], spread: f64) -> Option<f64> {
        Some(search_limit(|x| self.log_with_gradient(theta, x, &mut [0.0; MOST]), size, from, spread))
    }

    /// The exponent of a size (0 or 1), if a single parameter is the exponent; and the parameters that mean nothing if
    /// that exponent is unknown or if the rows vary the size too little.
    fn size_parameters(&self, size: usize) -> (Option<&'static str>, &'static [&'static str]);

    /// Adds warnings that only this law has.
    fn check_identifiability(&self, _: &mut Identifiability) {}

    /// Values of θ, for centred logarithms, with which the tests check the formula and its gradient.
    #[cfg(test)]
    fn samples(&self) -> Vec<Vec<f64>>;
}
