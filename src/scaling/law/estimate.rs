//! From a grid of starts to the objective's minimum.
//!
//! The objective has several local minima, so it is descended from many starts. For the joint law they are
//! the published 4,500 (α, β ∈ {0, 0.5, …, 2}, e ∈ {−1, −0.5, …, 1}, a, b ∈ {0, 5, …, 25}; Hoffmann et al. 2022,
//! arXiv:2203.15556, appendix D.3), for the law with a floor the same without β and b, 150. Beside them stand a few that
//! follow the data's own size, so that a law of values around 0.001 is found as well as one of losses around 2.
//! The descent is L-BFGS with the line search of Moré and Thuente, from the crate `argmin`, with analytic
//! gradients.
//!
//! It is run to convergence. Besiroglu et al. 2024 (arXiv:2404.10102) found that a published fit had been
//! stopped too early, because the loss was averaged and not summed, at a point that was not the optimum. So
//! the objective that was reached, and whether it was converged, are part of the result.
//!
//! [`Search::Screened`] descends from every start for a few steps, goes on with the better ones, and only
//! takes the best of these to convergence; it costs a fraction of [`Search::Full`], and `tests/law.rs` checks
//! that it finds the same optimum.

use super::objective::{Evaluation, Logs, Objective};
use super::{Form, Points};
use crate::error::Result;
use argmin::core::Executor;
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use rayon::prelude::*;

/// Steps that L-BFGS remembers: more than θ has elements, so that it knows the whole curvature.
const MEMORY: usize = 8;
/// The gradient, per row and per δ, at which a descent is over.
const FLAT: f64 = 1e-8;
/// The gradient up to which a point that no line search can better any more counts as the minimum: where few
/// residuals are under δ, the objective's rounding hides what is left.
const NEARLY_FLAT: f64 = 1e-4;
/// Steps of one descent, and how often it begins anew without the memory of old steps.
const STEPS: u64 = 300;
const DESCENTS: usize = 8;
/// Screening: after so many steps, so many of the starts go on.
const ROUNDS: [(u64, usize); 2] = [(8, 400), (25, 40)];

/// How many of the starts are descended from to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// Those that are best after a few steps.
    Screened,
    /// All.
    Full,
}

/// A form with the parameters that fit best.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The formula.
    pub form: Form,
    /// Its parameters as optimisers see them; [`Estimate::parameters`] has the formula's.
    pub theta: Vec<f64>,
    /// The Huber loss of the residuals of ln y, summed over the rows.
    pub objective: f64,
    /// Whether the gradient has vanished there.
    pub converged: bool,
}

impl Estimate {
    /// The formula's parameters, in the order of [`Form::names`].
    pub fn parameters(&self) -> Vec<f64> {
        self.form.parameters(&self.theta)
    }

    /// y at these sizes.
    pub fn predict(&self, x: [f64; 2]) -> f64 {
        self.form.predict(&self.theta, x)
    }

    /// ln y minus ln of the prediction, row by row.
    pub fn residuals(&self, points: &Points) -> Vec<f64> {
        points.x().iter().zip(points.y()).map(|(&x, y)| (y / self.predict(x)).ln()).collect()
    }
}

/// The parameters that fit best. The points have to pass [`Points::check`].
pub fn estimate(form: Form, points: &Points, search: Search) -> Result<Estimate> {
    points.check(form)?;
    let logs = Logs::of(points);
    let mut starts = starts(form, points);
    for theta in &mut starts {
        *theta = logs.centred(form, theta);
    }
    if search == Search::Screened {
        for (steps, kept) in ROUNDS {
            let mut reached: Vec<Evaluation> =
                starts.par_iter().map(|start| descend(&Objective::new(form, &logs), start, steps)).collect();
            // A stable sort: which of two equals goes on does not depend on threads.
            reached.sort_by(|a, b| a.value.total_cmp(&b.value));
            reached.truncate(kept);
            starts = reached.into_iter().map(|evaluation| evaluation.theta).collect();
        }
    }
    Ok(best(form, &logs, &starts))
}

/// The best minimum that these starts lead to, of which there has to be one. θ of the starts is for logarithms from
/// their mean.
pub(super) fn best(form: Form, logs: &Logs, starts: &[Vec<f64>]) -> Estimate {
    let minima: Vec<(Evaluation, bool)> =
        starts.par_iter().map(|start| minimise(&Objective::new(form, logs), start)).collect();
    let (minimum, converged) =
        minima.into_iter().min_by(|a, b| a.0.value.total_cmp(&b.0.value)).expect("there is a start");
    Estimate {
        form,
        theta: logs.plain(form, &minimum.theta),
        objective: Objective::new(form, logs).sum(minimum.value),
        converged,
    }
}

/// Descends until the gradient has vanished or nothing gets better; and whether it has vanished.
pub(super) fn minimise(objective: &Objective, start: &[f64]) -> (Evaluation, bool) {
    let mut reached = objective.evaluate(start);
    for _ in 0..DESCENTS {
        let next = descend(objective, &reached.theta, STEPS);
        let gain = reached.value - next.value;
        reached = next;
        if reached.steepness() <= FLAT {
            return (reached, true);
        }
        // A descent that begins along the gradient, and finds nothing better.
        if gain <= 1e-13 * reached.value {
            break;
        }
    }
    let converged = reached.steepness() <= NEARLY_FLAT;
    (reached, converged)
}

/// The best point of one descent. A line search that fails, as it does next to a minimum, is its end.
fn descend(objective: &Objective, start: &[f64], steps: u64) -> Evaluation {
    let line_search = MoreThuenteLineSearch::new();
    let solver = LBFGS::new(line_search, MEMORY).with_tolerance_grad(FLAT);
    // An objective of noiseless data may go down to 1e-20: no change of it is small.
    let solver = solver.and_then(|solver| solver.with_tolerance_cost(0.0));
    let solver = solver.expect("tolerances are not below zero");
    // What it returns is left: the objective itself keeps the best point, also where a line search failed.
    let _ = Executor::new(objective, solver)
        .configure(|state| state.param(start.to_vec()).max_iters(steps))
        .timer(false)
        .run();
    objective.take_best().unwrap_or_else(|| objective.evaluate(start))
}

/// θ for plain logarithms: the published grid, and a few starts of the data's own size.
fn starts(form: Form, points: &Points) -> Vec<Vec<f64>> {
    let exponents = || (0..5).map(|i| 0.5 * f64::from(i));
    let coefficients = || (0..6).map(|i| 5.0 * f64::from(i));
    let floors = || (-2..=2).map(|i| 0.5 * f64::from(i));
    let terms: Vec<[f64; 2]> =
        coefficients().flat_map(|a| exponents().map(move |alpha| [a, alpha])).collect();
    let mut starts: Vec<Vec<f64>> = match form {
        // Its objective is convex, so that every start leads to the same law.
        Form::Power => vec![vec![0.0, 0.0]],
        Form::Floor => {
            terms.iter().flat_map(|&[a, alpha]| floors().map(move |e| vec![a, alpha, e])).collect()
        }
        Form::Joint => terms
            .iter()
            .flat_map(|first| terms.iter().map(move |second| (first, second)))
            .flat_map(|(&[a, alpha], &[b, beta])| floors().map(move |e| vec![a, alpha, b, beta, e]))
            .collect(),
    };
    if form.has_floor() {
        starts.extend(from_data(form, points));
    }
    starts
}

/// For floors somewhat under the smallest y and a few exponents, the coefficients that share what is over the
/// floor equally.
fn from_data(form: Form, points: &Points) -> Vec<Vec<f64>> {
    let sizes = form.sizes();
    let smallest = points.y().iter().copied().fold(f64::INFINITY, f64::min);
    let count = points.len() as f64;
    let exponents = [0.1, 0.3, 0.6, 1.0];
    let mut starts = Vec::new();
    for share in [0.1f64, 0.5, 0.8, 0.95] {
        let floor = share * smallest;
        for &alpha in &exponents {
            for &beta in if sizes == 2 { &exponents[..] } else { &exponents[..1] } {
                let coefficient = |size: usize, exponent: f64| {
                    let rows = points.x().iter().zip(points.y());
                    let over = |(x, y): (&[f64; 2], &f64)| {
                        ((y - floor) / sizes as f64).ln() + exponent * x[size].ln()
                    };
                    rows.map(over).sum::<f64>() / count
                };
                let mut theta = vec![coefficient(0, alpha), alpha];
                if sizes == 2 {
                    theta.extend([coefficient(1, beta), beta]);
                }
                theta.push(floor.ln());
                starts.push(theta);
            }
        }
    }
    starts
}
