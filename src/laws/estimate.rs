//! From starts to the objective's minimum.
//!
//! The objective has several local minima, so it is descended from many starts (`starts.rs`, and the forms' own). The
//! descent is L-BFGS with the line search of Moré and Thuente, from the crate `argmin`, with analytic gradients; Newton's
//! method (`newton.rs`) takes its best point to the last digit.
//!
//! It is run to convergence. Besiroglu et al. 2024 (arXiv:2404.10102) found that a published fit had been
//! stopped too early, because the loss was averaged and not summed, at a point that was not the optimum. So
//! the objective that was reached, and whether it was converged, are part of the result.
//!
//! [`Search::Screened`] descends from every start for a few steps, goes on with the better ones, and only
//! takes the best of these to convergence. Of the joint law it has no need of the 4,500 published starts: a grid of its two
//! exponents, over which the rest of the law is linear, shows where the minima are (`profile.rs`). It costs a fraction of
//! [`Search::Full`], and `tests/law.rs` and `tests/laws` check that it finds the same optimum.

use super::delta::Delta;
use super::logs::Logs;
use super::newton::Newton;
use super::objective::{Evaluation, Objective};
use super::progress::{Counter, Progress, Stage, silent};
use super::{Form, Points};
use crate::error::{Error, Result};
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
/// Screening: after so many steps, so many of the starts go on. The first round looks at no more than some of the rows,
/// drawn at random, which tell a good start from a bad one as well as all.
const ROUNDS: [(u64, usize); 2] = [(8, 400), (25, 40)];
const FIRST_ROWS: usize = 80;
/// A search looks at no more rows than these, drawn at random; of the minima it finds, so many are taken to all rows.
const MOST_ROWS: usize = 2000;
const FINALISTS: usize = 4;

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
    /// The δ of that loss.
    pub delta: Delta,
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

    /// The standard deviation of the residuals, from the median of their sizes, so that outliers don't count. As many of
    /// the smallest as the form has parameters are left out: so many rows a law can go through, and goes through where sizes
    /// are minimised (DuMouchel & O'Brien 1989).
    pub fn scatter(&self, points: &Points) -> f64 {
        /// The median size of a normally distributed residual is that of its standard deviation divided by this.
        const NORMAL: f64 = 1.4826;
        let mut sizes: Vec<f64> = self.residuals(points).into_iter().map(f64::abs).collect();
        sizes.sort_by(f64::total_cmp);
        let met = self.form.count().min(sizes.len() - 1);
        NORMAL * super::percentile(&sizes[met..], 0.5)
    }
}

/// The parameters that fit best, by the Huber loss of this δ or of one that is estimated. The points have to pass
/// [`Points::check`].
///
/// # Errors
/// Points that don't; a δ that is not between 1e-9 and 10; rows for which no start gives finite numbers.
pub fn estimate(form: Form, points: &Points, search: Search, delta: Option<f64>) -> Result<Estimate> {
    estimate_with(form, points, search, delta, &silent)
}

/// The same, and how far it is.
pub(super) fn estimate_with(
    form: Form,
    points: &Points,
    search: Search,
    delta: Option<f64>,
    progress: Progress,
) -> Result<Estimate> {
    points.check(form)?;
    let logs = Logs::of(form, points);
    if let Some(asked) = delta {
        return searched(form, points, &logs, (search, Delta::asked(asked)?), progress);
    }
    let first = searched(form, points, &logs, (Search::Screened, Delta::least()), progress)?;
    let delta = Delta::of(&first, points);
    if search == Search::Screened && delta == first.delta {
        return Ok(first);
    }
    searched(form, points, &logs, (search, delta), progress)
}

/// The parameters that fit best by the Huber loss of this δ.
fn searched(
    form: Form,
    points: &Points,
    logs: &Logs,
    (search, delta): (Search, Delta),
    progress: Progress,
) -> Result<Estimate> {
    let few = if search == Search::Screened { form.law().few_starts(logs, delta.value) } else { None };
    if let Some(starts) = few {
        let counter = Counter::new(progress, Stage::Search, form, starts.len());
        return best((form, logs, delta), &starts, &counter, |objective, start| {
            Newton::exact(delta.value).minimise(objective, start)
        })
        .ok_or_else(|| nowhere(form));
    }
    let mut starts = form.law().starts(points);
    for theta in &mut starts {
        *theta = logs.centred(form, theta);
    }
    let large = logs.y.len() > MOST_ROWS;
    let counter = {
        let kept = ROUNDS.map(|(_, kept)| starts.len().min(kept));
        let last = if large { kept[1] + kept[1].min(FINALISTS) } else { kept[1] };
        let of = if search == Search::Screened { starts.len() + kept[0] + last } else { starts.len() };
        Counter::new(progress, Stage::Search, form, of)
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
    best((form, logs, delta), &starts, &counter, descent).ok_or_else(|| nowhere(form))
}

fn nowhere(form: Form) -> Error {
    Error::Config {
        what: "fit".to_string(),
        problem: format!("no start of the {form} law gives finite numbers for these rows; try another law"),
    }
}

/// Where the best of these starts lead to.
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
    // A stable sort: which of two equals goes on does not depend on threads.
    reached.sort_by(|a, b| a.value.total_cmp(&b.value));
    reached.truncate(kept);
    reached.into_iter().map(|evaluation| evaluation.theta).collect()
}

/// The best minimum that descents from these starts come to, to the last digit; none without a start. θ of the starts is
/// for logarithms from their mean.
fn best(
    (form, logs, delta): (Form, &Logs, Delta),
    starts: &[Vec<f64>],
    counter: &Counter,
    descend: impl Fn(&Objective, &[f64]) -> Evaluation + Sync,
) -> Option<Estimate> {
    let descents = starts.par_iter().map(|start| {
        let reached = descend(&Objective::new(form, logs, delta.value), start);
        counter.next();
        reached
    });
    let minima: Vec<Evaluation> = descents.collect();
    let minimum = minima.into_iter().min_by(|a, b| a.value.total_cmp(&b.value))?;
    Some(polished(form, logs, delta, &minimum.theta))
}

/// The minimum next to a point, to the last digit.
fn polished(form: Form, logs: &Logs, delta: Delta, theta: &[f64]) -> Estimate {
    let objective = Objective::new(form, logs, delta.value);
    let minimum = Newton::exact(delta.value).minimise(&objective, theta);
    Estimate {
        form,
        theta: logs.plain(form, &minimum.theta),
        objective: objective.sum(minimum.value),
        delta,
        converged: minimum.steepness() <= NEARLY_FLAT,
    }
}

/// Descends until the gradient has vanished or a descent gains no more than `enough`; and whether it has vanished.
pub(super) fn minimise(objective: &Objective, start: &[f64], enough: f64) -> (Evaluation, bool) {
    let mut reached = objective.evaluate(start);
    for _ in 0..DESCENTS {
        let next = descend(objective, &reached.theta, STEPS);
        let gain = reached.value - next.value;
        reached = next;
        if reached.steepness() <= FLAT {
            return (reached, true);
        }
        // At the least, a descent that begins along the gradient and finds nothing better is the last.
        if gain <= enough.max(1e-13 * reached.value) {
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
