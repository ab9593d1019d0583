//! From starts to the objective's minimum.
//!
//! The objective has several local minima, so descents begin at many starts (`starts.rs`, and the forms' own). A
//! descent is L-BFGS with the line search of Moré and Thuente, from the crate `argmin`, with analytic gradients.
//! Newton's method (`newton.rs`) then finds the minimum to the last digit.
//!
//! Descents run to convergence. Besiroglu et al. 2024 (arXiv:2404.10102) found that a published fit had stopped too
//! early, at a point that was not the optimum, because its loss was averaged instead of summed. So the result includes
//! the objective that was reached, and whether the descent converged.
//!
//! [`Search::Screened`] descends from every start for a few steps, continues with the better points, and takes only the
//! best of these to convergence. For the joint law it does not need the 4,500 published starts: a grid of its two
//! exponents, for which the rest of the law is linear, shows where the minima are (`projection.rs`). It costs a
//! fraction of [`Search::Full`]; `tests/law.rs` and `tests/laws` check that it finds the same optimum.

use super::delta::Delta;
use super::logs::Logs;
use super::newton::Newton;
use super::objective::{Evaluation, Objective};
use super::progress::{Counter, FitStage, ProgressFn, silent};
use super::{Form, Points};
use crate::error::{Error, Result};
use crate::quantile::median;
use argmin::core::Executor;
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use rayon::prelude::*;

/// Number of steps that L-BFGS remembers: more than θ has elements, so that it captures all second derivatives.
const MEMORY: usize = 8;
/// The gradient, per row and per δ, at which a descent has converged.
const FLAT: f64 = 1e-8;
/// The gradient up to which a point counts as the minimum if no line search improves it: if few residuals are below δ,
/// rounding of the objective hides the rest of the gradient.
const NEARLY_FLAT: f64 = 1e-4;
/// Steps of one descent, and how many times it restarts without the memory of old steps.
const STEPS: u64 = 300;
const DESCENTS: usize = 8;
/// Rounds of the screening: (steps, starts that are kept). The first round uses only some rows, drawn at random, which
/// distinguish a good start from a bad one as well as all rows do.
const ROUNDS: [(u64, usize); 2] = [(8, 400), (25, 40)];
const FIRST_ROWS: usize = 80;
/// A search uses at most this many rows, drawn at random. This many of the minima that it finds are then refined on all
/// rows.
const MOST_ROWS: usize = 2000;
const FINALISTS: usize = 4;

/// From which starts descents run to convergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// From those that are best after a few steps.
    Screened,
    /// From all.
    Full,
}

/// A form with its best parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedForm {
    /// The formula.
    pub form: Form,
    /// The vector θ that the optimiser moves; [`FittedForm::parameters`] returns the formula's parameters.
    pub theta: Vec<f64>,
    /// The Huber loss of the residuals of ln y, summed over the rows.
    pub objective: f64,
    /// The δ of that loss.
    pub delta: Delta,
    /// Whether the gradient vanishes there.
    pub converged: bool,
}

impl FittedForm {
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

    /// The standard deviation of the residuals, estimated from the median of their absolute values, so that outliers do
    /// not count. It leaves out as many of the smallest as the form has parameters: a law can pass through that many
    /// rows, and does if absolute values are minimised (DuMouchel & O'Brien 1989).
    pub fn scatter(&self, points: &Points) -> f64 {
        /// The standard deviation of a normal distribution over its median absolute deviation.
        const NORMAL: f64 = 1.4826;
        let mut sizes: Vec<f64> = self.residuals(points).into_iter().map(f64::abs).collect();
        sizes.sort_by(f64::total_cmp);
        let met = self.form.count().min(sizes.len() - 1);
        NORMAL * median(sizes[met..].iter().copied())
    }
}

/// Fits a form to points, by the Huber loss of this δ or of an estimated one.
///
/// # Errors
/// Points that fail [`Form::check`]; a δ outside 1e-9 to 10; rows for which no start gives finite numbers.
pub fn estimate(form: Form, points: &Points, search: Search, delta: Option<f64>) -> Result<FittedForm> {
    estimate_with(form, points, search, delta, &silent)
}

/// The same as [`estimate`], and reports progress.
pub(super) fn estimate_with(
    form: Form,
    points: &Points,
    search: Search,
    delta: Option<f64>,
    progress: ProgressFn,
) -> Result<FittedForm> {
    form.check(points)?;
    let logs = form.logs(points);
    if let Some(asked) = delta {
        return minimum(form, points, &logs, (search, Delta::asked(asked)?), progress);
    }
    let first = minimum(form, points, &logs, (Search::Screened, Delta::least()), progress)?;
    let delta = Delta::of_scatter(first.scatter(points), points.len(), form.count());
    if search == Search::Screened && delta == first.delta {
        return Ok(first);
    }
    minimum(form, points, &logs, (search, delta), progress)
}

/// Finds the minimum for this δ of the Huber loss.
fn minimum(
    form: Form,
    points: &Points,
    logs: &Logs,
    (search, delta): (Search, Delta),
    progress: ProgressFn,
) -> Result<FittedForm> {
    let few = if search == Search::Screened { form.law().few_starts(logs, delta.value) } else { None };
    if let Some(starts) = few {
        let counter = Counter::new(progress, FitStage::Search, form, starts.len());
        return best((form, logs, delta), &starts, &counter, |objective, start| {
            Newton::exact(delta.value).minimise(objective, start)
        })
        .ok_or_else(|| no_minimum(form));
    }
    let mut starts = form.law().starts(points);
    for theta in &mut starts {
        *theta = form.centred(logs, theta);
    }
    let large = logs.y.len() > MOST_ROWS;
    let counter = {
        let kept = ROUNDS.map(|(_, kept)| starts.len().min(kept));
        let last = if large { kept[1] + kept[1].min(FINALISTS) } else { kept[1] };
        let of = if search == Search::Screened { starts.len() + kept[0] + last } else { starts.len() };
        Counter::new(progress, FitStage::Search, form, of)
    };
    if search == Search::Screened {
        let first = logs.some(FIRST_ROWS);
        let some = if large { &logs.some(MOST_ROWS) } else { logs };
        let objective = |rows| Objective::new(form, rows, delta.value);
        for ((steps, kept), rows) in ROUNDS.into_iter().zip([&first, some]) {
            starts = screened(&starts, kept, &counter, |start| descend(&objective(rows), start, steps));
        }
        if large {
            starts = screened(&starts, FINALISTS, &counter, |start| minimise(&objective(some), start, 0.0).0);
        }
    }
    let descent = |objective: &Objective, start: &[f64]| minimise(objective, start, 0.0).0;
    best((form, logs, delta), &starts, &counter, descent).ok_or_else(|| no_minimum(form))
}

fn no_minimum(form: Form) -> Error {
    Error::Config {
        what: "fit".to_string(),
        problem: format!("no start of the {form} law gives finite numbers for these rows; try another law"),
    }
}

/// The best `kept` points that descents from these starts reach.
fn screened(
    starts: &[Vec<f64>],
    kept: usize,
    counter: &Counter,
    descend: impl Fn(&[f64]) -> Evaluation + Sync,
) -> Vec<Vec<f64>> {
    let descents = starts.par_iter().map(|start| {
        let reached = descend(start);
        counter.next();
        reached
    });
    let mut reached: Vec<Evaluation> = descents.collect();
    // The sort is stable, so which of two equal points is kept does not depend on threads.
    reached.sort_by(|a, b| a.value.total_cmp(&b.value));
    reached.truncate(kept);
    reached.into_iter().map(|evaluation| evaluation.theta).collect()
}

/// The best minimum that descents from these starts reach, to the last digit; `None` without a start. θ of the starts
/// is for centred logarithms.
fn best(
    (form, logs, delta): (Form, &Logs, Delta),
    starts: &[Vec<f64>],
    counter: &Counter,
    descend: impl Fn(&Objective, &[f64]) -> Evaluation + Sync,
) -> Option<FittedForm> {
    let descents = starts.par_iter().map(|start| {
        let reached = descend(&Objective::new(form, logs, delta.value), start);
        counter.next();
        reached
    });
    let minima: Vec<Evaluation> = descents.collect();
    let minimum = minima.into_iter().min_by(|a, b| a.value.total_cmp(&b.value))?;
    Some(polished(form, logs, delta, &minimum.theta))
}

/// The minimum near a point, to the last digit.
fn polished(form: Form, logs: &Logs, delta: Delta, theta: &[f64]) -> FittedForm {
    let objective = Objective::new(form, logs, delta.value);
    let minimum = Newton::exact(delta.value).minimise(&objective, theta);
    FittedForm {
        form,
        theta: form.plain(logs, &minimum.theta),
        objective: objective.sum(minimum.value),
        delta,
        converged: minimum.steepness() <= NEARLY_FLAT,
    }
}

/// Descends until the gradient vanishes or a descent gains no more than `enough`. Also returns whether the gradient
/// vanishes.
pub(super) fn minimise(objective: &Objective, start: &[f64], enough: f64) -> (Evaluation, bool) {
    let mut reached = objective.evaluate(start);
    for _ in 0..DESCENTS {
        let next = descend(objective, &reached.theta, STEPS);
        let gain = reached.value - next.value;
        reached = next;
        if reached.steepness() <= FLAT {
            return (reached, true);
        }
        // A restarted descent begins along the gradient. If it gains nothing, it is the last.
        if gain <= enough.max(1e-13 * reached.value) {
            break;
        }
    }
    let converged = reached.steepness() <= NEARLY_FLAT;
    (reached, converged)
}

/// The best point of one descent. It ends when a line search fails, which happens near a minimum.
fn descend(objective: &Objective, start: &[f64], steps: u64) -> Evaluation {
    let line_search = MoreThuenteLineSearch::new();
    let solver = LBFGS::new(line_search, MEMORY).with_tolerance_grad(FLAT);
    // The objective of noiseless data may be as small as 1e-20, so no change counts as small.
    let solver = solver.and_then(|solver| solver.with_tolerance_cost(0.0));
    let solver = solver.expect("tolerances are not below zero");
    // The result is ignored: the objective itself keeps the best point, even if a line search fails.
    let _ = Executor::new(objective, solver)
        .configure(|state| state.param(start.to_vec()).max_iters(steps))
        .timer(false)
        .run();
    objective.take_best().unwrap_or_else(|| objective.evaluate(start))
}
