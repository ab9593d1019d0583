//! The box in which a fit searches θ.
//!
//! If the rows do not determine an exponent, a descent never ends: it goes to α = 10⁵ for sizes that differ by a
//! millionth, or to a break so sharp that A exceeds the range of floats. That law would still fit the rows, but its
//! printed parameters would be 0 and infinity. Inside this box every parameter of the formula is finite, and the
//! printed parameters reproduce the law.

use super::theta::MOST;

/// The largest logarithm of a factor in the formula, such as x^−α. A product of two such factors is still finite.
pub(super) const MOST_LOG: f64 = 300.0;
/// How far the logarithm of a floor or of another term may lie below that of the largest y. Rows do not show a smaller
/// term.
pub(super) const MOST_BELOW: f64 = 60.0;

/// The smallest and largest value of every element of θ, for logarithms of sizes relative to their mean.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    low: [f64; MOST],
    high: [f64; MOST],
}

impl Bounds {
    /// Bounds that exclude nothing.
    pub fn unbounded() -> Bounds {
        Bounds { low: [f64::NEG_INFINITY; MOST], high: [f64::INFINITY; MOST] }
    }

    /// Sets the bounds of one element.
    pub fn narrow(&mut self, place: usize, low: f64, high: f64) {
        (self.low[place], self.high[place]) = (low, high);
    }

    /// The nearest θ inside the bounds.
    pub fn nearest(&self, theta: &[f64]) -> Vec<f64> {
        let ends = self.low.iter().zip(&self.high);
        theta.iter().zip(ends).map(|(element, (low, high))| element.clamp(*low, *high)).collect()
    }

    /// Whether an element lies outside its bounds, where the objective does not depend on it.
    pub fn leaves(&self, place: usize, element: f64) -> bool {
        !(self.low[place]..=self.high[place]).contains(&element)
    }
}
