//! The box that θ is searched in.
//!
//! Where the rows can't tell an exponent, a descent may go on for ever: to α = 10⁵ for sizes within a part of a million,
//! or to a break so sharp that A is beyond what floats hold. The law would still meet the rows, but its printed
//! parameters would be 0 and infinity. Inside of this box every parameter of the formula is a number, and they
//! reproduce the law.

use super::Form;
use super::form::MOST;
use super::logs::Logs;

/// The most that the logarithm of a factor in the formula, such as x^−α, may come to. A product of two such is a number
/// still.
pub(super) const MOST_LOG: f64 = 300.0;
/// The most that the logarithm of a floor or of another term may lie under that of the largest y: nothing shows a smaller
/// one.
pub(super) const MOST_BELOW: f64 = 60.0;

/// Least and largest value of every element of θ, for logarithms from their mean.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    low: [f64; MOST],
    high: [f64; MOST],
}

impl Bounds {
    /// Of a form for these rows.
    pub fn of(form: Form, logs: &Logs) -> Bounds {
        let mut bounds = Bounds { low: [f64::NEG_INFINITY; MOST], high: [f64::INFINITY; MOST] };
        form.law().bound(logs, &mut bounds);
        bounds
    }

    /// Sets the ends of one element.
    pub fn narrow(&mut self, place: usize, low: f64, high: f64) {
        (self.low[place], self.high[place]) = (low, high);
    }

    /// The nearest θ inside.
    pub fn nearest(&self, theta: &[f64]) -> Vec<f64> {
        let ends = self.low.iter().zip(&self.high);
        theta.iter().zip(ends).map(|(element, (low, high))| element.clamp(*low, *high)).collect()
    }

    /// Whether an element is outside, where it changes nothing.
    pub fn leaves(&self, place: usize, element: f64) -> bool {
        !(self.low[place]..=self.high[place]).contains(&element)
    }
}
