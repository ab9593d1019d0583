//! A law with all that is known about it: what `allometry fit` prints.

use super::allocation::{Allocation, allocation};
use super::bootstrap::{Bootstrap, bootstrap};
use super::choice::{Candidate, choose, judge};
use super::estimate::{Estimate, Search, estimate};
use super::warning::doubts;
use super::{Form, LEVEL, Points, Quantity};
use crate::error::{Error, Result};
use serde::{Serialize, Serializer};

/// How to fit.
#[derive(Debug, Clone)]
pub struct FitOptions {
    /// The form, or none to choose among all that take the points' sizes.
    pub form: Option<Form>,
    /// Resamples of the bootstrap.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// How many of the largest rows are left out of the fit and predicted from it.
    pub holdout: usize,
    /// Compute budgets in FLOPs that the joint law is asked the best sizes for.
    pub budgets: Vec<f64>,
}

impl Default for FitOptions {
    fn default() -> FitOptions {
        FitOptions { form: None, resamples: 4000, seed: 0, holdout: 0, budgets: Vec::new() }
    }
}

/// A fitted law.
#[derive(Debug, Clone, Serialize)]
pub struct Fit {
    /// The form.
    pub law: Form,
    /// The formula's parameters, by name.
    #[serde(serialize_with = "as_map")]
    pub parameters: Vec<(&'static str, Parameter)>,
    /// The Huber loss (δ = 1e-3) of the residuals of ln y, summed over the rows, at the optimum.
    pub objective: f64,
    /// Rows that it was fitted to.
    pub n: usize,
    /// Whether the optimiser came to a point where the gradient vanishes.
    pub converged: bool,
    /// What the data can't tell.
    pub warnings: Vec<String>,
    /// Standard deviation of the residuals of ln y, from their median, so that outliers don't count.
    pub scatter: f64,
    /// The form, beside the others where it was chosen.
    pub comparison: Vec<Candidate>,
    /// What twice of each size would buy.
    pub doubling: Vec<Doubling>,
    /// For the joint law, the best use of compute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation: Option<Allocation>,
    /// How well the largest rows were predicted, where some were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
    /// The law of every resample.
    #[serde(skip)]
    pub bootstrap: Bootstrap,
}

/// A parameter's estimate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Parameter {
    /// Value and interval.
    #[serde(flatten)]
    pub quantity: Quantity,
    /// Whether the data can tell it. If not, the digits of its value mean nothing; a warning says why.
    pub identified: bool,
}

/// What doubling one size buys, the other held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Doubling {
    /// The size's column.
    pub size: String,
    /// The sizes that are doubled from, those of the largest row.
    pub from: Vec<f64>,
    /// y there minus y at the doubled size.
    pub gain: Quantity,
    /// The same as a part of y.
    pub relative: Quantity,
    /// The size from which on a doubling buys less than the scatter of single rows. None without a floor, as a power
    /// law buys the same part for ever, and with two sizes.
    pub worthwhile_to: Option<Quantity>,
}

/// The largest rows, predicted from the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Holdout {
    /// The rows, the largest last.
    pub rows: Vec<Predicted>,
    /// Root mean square of the relative errors.
    pub relative_error: f64,
    /// Rows whose value was inside the interval.
    pub inside: usize,
}

/// One row that was left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Predicted {
    /// Its sizes.
    pub sizes: Vec<f64>,
    /// Its y.
    pub measured: f64,
    /// What the law says, with the interval of a single measurement.
    pub predicted: Quantity,
    /// (predicted − measured) / measured
    pub relative_error: f64,
    /// Whether the interval held.
    pub inside: bool,
}

impl Fit {
    /// Fits a law to points, of the form asked for or of the best one.
    pub fn new(points: &Points, options: &FitOptions) -> Result<Fit> {
        if options.holdout >= points.len() && options.holdout > 0 {
            return Err(Error::argument(
                "fit",
                "holdout",
                options.holdout,
                format!("less than the {} rows", points.len()),
            ));
        }
        let (points, largest) = points.without_largest(options.holdout);
        let (estimated, comparison) = choose_form(&points, options.form)?;
        let form = estimated.form;
        let bootstrap = bootstrap(&estimated, &points, options.resamples, options.seed);
        let quantities = bootstrap.parameters();
        let (identified, mut warnings) = doubts(form, &points, &quantities);
        if !estimated.converged {
            warnings.push("the optimiser did not converge; the parameters may not be the best".to_string());
        }
        if !options.budgets.is_empty() && form != Form::Joint {
            warnings.push(format!("a {form} law has no compute-optimal allocation; the joint law has"));
        }
        let allocation = allocation(&bootstrap, form, &estimated.theta, &options.budgets);
        if form == Form::Joint && allocation.is_none() {
            warnings
                .push("an exponent is not above zero: there is no compute-optimal allocation".to_string());
        }
        let scatter = scatter(estimated.residuals(&points));
        let parameters = quantities.into_iter().zip(identified);
        let parameters = parameters.map(|(quantity, identified)| Parameter { quantity, identified });
        Ok(Fit {
            law: form,
            parameters: form.names().iter().copied().zip(parameters).collect(),
            objective: estimated.objective,
            n: points.len(),
            converged: estimated.converged,
            warnings,
            scatter,
            comparison,
            doubling: (0..form.sizes())
                .map(|size| doubling(&bootstrap, form, &points, size, scatter))
                .collect(),
            allocation,
            holdout: (!largest.is_empty()).then(|| score(&bootstrap, &largest)),
            bootstrap,
        })
    }
}

/// The estimate of the form asked for; or of the form that does best, with all that were tried.
fn choose_form(points: &Points, form: Option<Form>) -> Result<(Estimate, Vec<Candidate>)> {
    let forms = match form {
        Some(form) => vec![form],
        None => {
            // A form that the rows are too few for is not a candidate, but the simplest has to fit.
            points.check(Form::Power)?;
            Form::ALL.into_iter().filter(|&form| points.check(form).is_ok()).collect()
        }
    };
    let mut estimates = Vec::with_capacity(forms.len());
    for form in forms {
        estimates.push(estimate(form, points, Search::Screened)?);
    }
    let candidates: Vec<Candidate> = estimates.iter().map(|estimated| judge(estimated, points)).collect();
    let chosen = choose(&candidates);
    let best = estimates.into_iter().find(|estimated| Some(estimated.form) == chosen);
    let best = best.ok_or_else(|| Error::Config {
        what: "fit".to_string(),
        problem: "no form gives finite numbers for these rows".to_string(),
    })?;
    Ok((best, candidates))
}

/// The median of the residuals' sizes, scaled to be the standard deviation of a normal distribution.
fn scatter(residuals: Vec<f64>) -> f64 {
    let mut sizes: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    1.4826 * super::percentile(&sizes, 0.5)
}

fn doubling(bootstrap: &Bootstrap, form: Form, points: &Points, size: usize, scatter: f64) -> Doubling {
    let (_, largest) = points.without_largest(1);
    let from = largest.x()[0];
    let mut to = from;
    to[size] *= 2.0;
    let gain = |theta: &[f64]| form.predict(theta, from) - form.predict(theta, to);
    let relative = |theta: &[f64]| gain(theta) / form.predict(theta, from);
    // A·x^−α·(1 − 2^−α) = s·(E + A·x^−α), solved for x.
    let limit = |theta: &[f64]| {
        let (a, alpha, e) = (theta[0], theta[1], theta[2]);
        let part = 1.0 - (-alpha).exp2() - scatter;
        if part > 0.0 { ((a + part.ln() - e - scatter.ln()) / alpha).exp() } else { 0.0 }
    };
    Doubling {
        size: points.sizes()[size].clone(),
        from: from[..form.sizes()].to_vec(),
        gain: bootstrap.quantity(gain),
        relative: bootstrap.quantity(relative),
        worthwhile_to: (form == Form::Floor).then(|| bootstrap.quantity(limit)),
    }
}

fn score(bootstrap: &Bootstrap, largest: &Points) -> Holdout {
    let rows: Vec<Predicted> = largest
        .x()
        .iter()
        .zip(largest.y())
        .map(|(&x, &measured)| {
            let predicted = bootstrap.prediction(x, LEVEL);
            Predicted {
                sizes: x[..largest.sizes().len()].to_vec(),
                measured,
                predicted,
                relative_error: predicted.value / measured - 1.0,
                inside: predicted.interval().contains(measured),
            }
        })
        .collect();
    let squares: f64 = rows.iter().map(|row| row.relative_error.powi(2)).sum();
    Holdout {
        relative_error: (squares / rows.len() as f64).sqrt(),
        inside: rows.iter().filter(|row| row.inside).count(),
        rows,
    }
}

fn as_map<S: Serializer>(entries: &[(&'static str, Parameter)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().map(|(name, parameter)| (name, parameter)))
}
