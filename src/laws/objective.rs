//! The function that a fit minimises: the Huber loss of the residuals of ln y, summed over the rows.
//!
//! `Σᵢ huber_δ(ln yᵢ − ln f(xᵢ; θ))`, as in Hoffmann et al. 2022 (arXiv:2203.15556, appendix D.3). Residuals above δ
//! count linearly instead of quadratically, so that a few bad runs do not pull the law. `delta.rs` explains how δ is
//! chosen.
//!
//! Internally, logarithms of sizes are relative to their mean. That changes `a` into `a − α·mean(ln x)` and nothing
//! else, and makes the problem well conditioned: otherwise a and α, whose effects hardly differ where ln x is around
//! 20, would have to move together. The value is divided by δ and by the number of rows, so that gradients are of order
//! 1 for any data. `bounds.rs` limits θ.

use super::Form;
use super::bounds::Bounds;
use super::huber::huber;
use super::logs::Logs;
use super::theta::{Curvature, MOST};
use argmin::core::{CostFunction, Error as ArgminError, Gradient};
use std::cell::RefCell;

/// The objective as a function of θ, for an optimiser. It remembers the last point, because the optimiser asks for cost
/// and gradient one after the other, and the best point, because a failed line search loses it.
pub(super) struct Objective<'a> {
    form: Form,
    logs: &'a Logs,
    /// The δ of the Huber loss, in units of ln y.
    pub delta: f64,
    pub bounds: Bounds,
    held: Option<usize>,
    total: f64,
    seen: RefCell<Seen>,
}

/// A line search that finds nothing better in this many trials has failed: it stands where the next representable
/// number is no better.
const TRIALS: usize = 25;

#[derive(Default)]
struct Seen {
    last: Option<Evaluation>,
    best: Option<Evaluation>,
    /// Evaluations since the best.
    trials: usize,
}

/// A point, the objective there and its gradient, both per row and per δ.
#[derive(Clone)]
pub(super) struct Evaluation {
    pub theta: Vec<f64>,
    pub value: f64,
    pub gradient: Vec<f64>,
}

impl Evaluation {
    /// The largest element of the gradient.
    pub fn steepness(&self) -> f64 {
        self.gradient.iter().fold(0.0, |most, slope| slope.abs().max(most))
    }
}

impl<'a> Objective<'a> {
    /// The objective of a form for these rows, with δ of the Huber loss.
    pub fn new(form: Form, logs: &'a Logs, delta: f64) -> Objective<'a> {
        let bounds = form.bounds(logs);
        Objective {
            form,
            logs,
            delta,
            bounds,
            held: None,
            total: logs.weight.iter().sum(),
            seen: RefCell::default(),
        }
    }

    /// The sum of Huber losses over the rows, from an evaluation's value.
    pub fn sum(&self, value: f64) -> f64 {
        value * self.delta * self.total
    }

    /// The same objective with one element of θ fixed.
    pub fn holding(mut self, element: usize) -> Objective<'a> {
        self.held = Some(element);
        self
    }

    /// Evaluates a point without remembering it. Outside the bounds the objective has its value at the nearest bound.
    pub fn evaluate(&self, theta: &[f64]) -> Evaluation {
        self.curved(theta, self.delta, false).0
    }

    /// Evaluates a point and the Gauss–Newton matrix of second derivatives, `Σ ψ′(r)·∇f·∇fᵀ`. ψ′ is 1 for residuals
    /// below δ and 0 otherwise: a sum over the few rows that happen to lie there. So residuals up to a larger `width`
    /// are summed instead, scaled so that they count as many as those below δ would. With `exact`, the matrix includes
    /// the law's own second derivatives, `−Σ ψ(r)·∇²f`, if the form provides them.
    pub fn curved(&self, theta: &[f64], width: f64, exact: bool) -> (Evaluation, Curvature) {
        let inside = self.bounds.nearest(theta);
        let count = self.form.count();
        let (mut value, mut gradient, mut curvature) = (0.0, [0.0; MOST], [[0.0; MOST]; MOST]);
        let mut by_theta = [0.0; MOST];
        let rest = -width / self.delta;
        for cell in &self.logs.cells {
            let expected = self.form.log_with_gradient(&inside, cell.x, &mut by_theta);
            let (mut slope, mut near) = (0.0, 0.0);
            for (y, weight) in self.logs.y[cell.rows.clone()].iter().zip(&self.logs.weight[cell.rows.clone()])
            {
                let residual = y - expected;
                let (loss, by_residual) = huber(residual, self.delta);
                value += weight * loss;
                slope += weight * by_residual;
                near += if residual.abs() <= width { *weight } else { 0.0 };
            }
            if exact {
                self.form.law().add_second_derivatives(&by_theta, cell.x, rest * slope, &mut curvature);
            }
            for i in 0..count {
                gradient[i] -= slope * by_theta[i];
                for j in 0..=i {
                    curvature[i][j] += near * by_theta[i] * by_theta[j];
                }
            }
        }
        for (place, element) in theta.iter().enumerate() {
            if self.bounds.leaves(place, *element) || self.held == Some(place) {
                gradient[place] = 0.0;
            }
        }
        let scale = 1.0 / (self.delta * self.total);
        for (i, row) in curvature.iter_mut().enumerate() {
            row[..=i].iter_mut().for_each(|element| *element *= scale * self.delta / width);
        }
        let evaluation = Evaluation {
            theta: theta.to_vec(),
            value: value * scale,
            gradient: gradient[..count].iter().map(|sum| sum * scale).collect(),
        };
        (evaluation, curvature)
    }

    /// The best point seen since the last call, moved inside the bounds.
    pub fn take_best(&self) -> Option<Evaluation> {
        let mut best = self.seen.take().best?;
        best.theta = self.bounds.nearest(&best.theta);
        Some(best)
    }

    fn remembered<T>(&self, theta: &[f64], read: impl FnOnce(&Evaluation) -> T) -> Result<T, ArgminError> {
        let mut seen = self.seen.borrow_mut();
        if let Some(last) = seen.last.as_ref().filter(|last| last.theta == theta) {
            return Ok(read(last));
        }
        if seen.trials >= TRIALS {
            return Err(ArgminError::msg("no better point was found"));
        }
        let evaluation = self.evaluate(theta);
        seen.trials += 1;
        if seen.best.as_ref().is_none_or(|best| evaluation.value < best.value) {
            seen.best = Some(evaluation.clone());
            seen.trials = 0;
        }
        Ok(read(seen.last.insert(evaluation)))
    }
}

impl CostFunction for &Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, theta: &Vec<f64>) -> Result<f64, ArgminError> {
        self.remembered(theta, |evaluation| evaluation.value)
    }
}

impl Gradient for &Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, theta: &Vec<f64>) -> Result<Vec<f64>, ArgminError> {
        self.remembered(theta, |evaluation| evaluation.gradient.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Points;
    use super::*;

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let (n, d) = ([1e6, 3e6, 1e7, 4e7, 2e8], [2e9, 1e8, 7e8, 3e8, 5e9]);
        let y = [5.1, 4.2, 3.9, 3.6, 2.4];
        let points = Points::joint(("N", &n), ("D", &d), ("loss", &y)).unwrap();
        let forms = Form::ALL.into_iter();
        for (form, theta) in
            forms.flat_map(|form| form.law().samples().into_iter().map(move |theta| (form, theta)))
        {
            let logs = form.logs(&points);
            for delta in [1e-3, 0.3] {
                let objective = Objective::new(form, &logs, delta);
                let gradient = objective.evaluate(&theta).gradient;
                for (place, found) in gradient.into_iter().enumerate() {
                    let at = |step: f64| {
                        let mut theta = theta.clone();
                        theta[place] += step;
                        objective.evaluate(&theta).value
                    };
                    let step = 1e-6;
                    let expected = (at(step) - at(-step)) / (2.0 * step);
                    let close = (found - expected).abs() < 1e-7;
                    assert!(close, "{form}, δ = {delta}, {place}: {found} for {expected}");
                }
            }
        }
    }
}
