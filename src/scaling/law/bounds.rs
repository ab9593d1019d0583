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
const MOST_LOG: f64 = 300.0;
/// Of the law with a break: L₀ − E as a part of the largest y, and γ, from which on nothing changes any more.
const HEIGHT: [f64; 2] = [1e-6, 1e4];
const LEAST_LOG_GAMMA: f64 = -25.0;

/// Least and largest value of every element of θ, for logarithms from their mean.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    low: [f64; MOST],
    high: [f64; MOST],
}

impl Bounds {
    /// Of a form for rows with these means and this largest y.
    pub fn of(form: Form, logs: &Logs) -> Bounds {
        let (mut low, mut high) = ([f64::NEG_INFINITY; MOST], [f64::INFINITY; MOST]);
        for size in 0..form.sizes() {
            let most = MOST_LOG / logs.mean[size].abs().max(1.0);
            (low[2 * size + 1], high[2 * size + 1]) = (-most, most);
        }
        if form == Form::Broken {
            let ends = HEIGHT.map(|part| logs.largest + part.ln());
            [low[3], high[3]] = ends;
            let most = ends.iter().fold(1.0f64, |most, end| most.max(end.abs()));
            (low[4], high[4]) = (LEAST_LOG_GAMMA, (MOST_LOG / most).ln_1p());
        }
        Bounds { low, high }
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
