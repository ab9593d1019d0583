//! A law with everything that is known about it: the result of `allometry fit`.

use super::allocation::{Allocation, FLOPS, allocation};
use super::approaches::{Approach, Method, approaches};
use super::average::{Average, Direction};
use super::bootstrap::{Bootstrap, bootstrap_with};
use super::budgets::{BudgetRun, Budgets};
use super::choice::{FormScore, choose, score_form};
use super::delta::Delta;
use super::doubling::{Doubling, Spread, doubling, spread};
use super::estimate::{FittedForm, Search, estimate_with};
use super::isoflop::{IsoFlop, isoflop};
use super::progress::{ProgressFn, silent};
use super::warning::identifiability;
use super::{Form, LEVEL, Points, Uncertain};
use crate::error::{Error, Result};
use crate::rounding::constant;
use serde::{Serialize, Serializer};

/// Options of a fit.
#[derive(Debug, Clone)]
pub struct FitOptions {
    /// The form; `None` chooses among the [automatic](Form::automatic) forms that take the points' sizes.
    pub form: Option<Form>,
    /// Number of bootstrap resamples.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// How many of the largest rows to leave out of the fit and to predict from it.
    pub holdout: usize,
    /// Compute budgets in FLOPs for which to compute the joint law's best sizes.
    pub budgets: Vec<f64>,
    /// δ of the Huber loss, in units of ln y, between 1e-9 and 10. `None` estimates it from the scatter of the rows if
    /// there are at least three rows for each parameter.
    /// [`PUBLISHED`](super::delta::PUBLISHED) is the δ of the published estimator.
    pub delta: Option<f64>,
}

impl Default for FitOptions {
    fn default() -> FitOptions {
        FitOptions { form: None, resamples: 4000, seed: 0, holdout: 0, budgets: Vec::new(), delta: None }
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
    /// The Huber loss of the residuals of ln y, summed over the rows, at the optimum.
    pub objective: f64,
    /// The δ of that loss, and where it comes from.
    #[serde(rename = "huber_delta")]
    pub delta: Delta,
    /// Number of rows that the law was fitted to.
    pub n: usize,
    /// Whether the optimiser reached a point where the gradient vanishes.
    pub converged: bool,
    /// What the data cannot tell.
    pub warnings: Vec<String>,
    /// Standard deviation of the residuals of ln y, estimated from their median so that outliers do not count.
    pub scatter: f64,
    /// The spread of single runs, which a doubling's gain is compared with.
    pub spread: Spread,
    /// For a power law, the fraction of the variance of ln y that it explains. `None` if y is constant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
    /// Scores of all forms that were tried.
    pub comparison: Vec<FormScore>,
    /// What doubling each size gains.
    pub doubling: Vec<Doubling>,
    /// For the joint law, the best use of compute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation: Option<Allocation>,
    /// The isoFLOP profiles among the rows, with C = 6·x·x2, if the law has two sizes and two profiles have a minimum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isoflop: Option<IsoFlop>,
    /// The exponents of the compute-optimal size by each approach; empty without isoFLOP profiles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approaches: Vec<Approach>,
    /// How well the largest rows were predicted, if some were held out: by the form that was asked for, else by the
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
    /// The law of every resample.
    #[serde(skip)]
    pub bootstrap: Bootstrap,
}

/// The estimate of one parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Parameter {
    /// Value and interval.
    #[serde(flatten)]
    pub quantity: Uncertain,
    /// Whether the data determine it. If not, the digits of its value mean nothing, and a warning says why.
    pub identified: bool,
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

/// One row that was held out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Predicted {
    /// Its sizes.
    pub sizes: Vec<f64>,
    /// Its y.
    pub measured: f64,
    /// The prediction, with the interval of a single measurement.
    pub predicted: Uncertain,
    /// (predicted − measured) / measured
    pub relative_error: f64,
    /// Whether the measured value lies inside the interval.
    pub inside: bool,
}

impl Fit {
    /// Fits a law to points: the form asked for, or the form with the best score.
    ///
    /// # Errors
    /// Points that fail [`Form::check`]; a holdout that leaves no row; a δ outside 1e-9 to 10; rows for which no form
    /// gives finite numbers.
    pub fn new(points: &Points, options: &FitOptions) -> Result<Fit> {
        Fit::with_progress(points, options, &silent)
    }

    /// The same as [`Fit::new`]. Calls `progress` many times a second, from several threads.
    ///
    /// # Errors
    /// As [`Fit::new`].
    pub fn with_progress(points: &Points, options: &FitOptions, progress: ProgressFn) -> Result<Fit> {
        if options.holdout >= points.len() && options.holdout > 0 {
            return Err(Error::argument(
                "fit",
                "holdout",
                options.holdout,
                format!("less than the {} rows", points.len()),
            ));
        }
        // Checked here because `choose_form` drops a form that cannot be fitted instead of failing.
        options.delta.map(Delta::asked).transpose()?;
        let (points, largest) = points.without_largest(options.holdout);
        let (estimated, comparison) = choose_form(&points, options, progress)?;
        let form = estimated.form;
        let bootstrap = bootstrap_with(&estimated, &points, (options.resamples, options.seed), progress);
        let quantities = bootstrap.parameters();
        let (identified, mut warnings) = identifiability(form, &points, &quantities);
        if !estimated.converged {
            warnings.push("the optimiser did not converge; the parameters may not be the best".to_string());
        }
        if !options.budgets.is_empty() && form != Form::Joint {
            warnings.push(format!("the {form} law gives no compute-optimal allocation; the joint law does"));
        }
        for (size, name) in points.sizes().iter().enumerate().skip(form.sizes()) {
            let (low, high) = points.range(size);
            if !constant([low, high]) {
                warnings.push(format!("{name} varies, but the {form} law ignores it"));
            }
        }
        let parameters = quantities.into_iter().zip(identified);
        let parameters = parameters.map(|(quantity, identified)| Parameter { quantity, identified });
        let parameters: Vec<_> = form.names().iter().copied().zip(parameters).collect();
        let unknown: Vec<&str> =
            (0..form.sizes()).filter(|&size| !is_identified(form, &parameters, size)).map(exponent).collect();
        let allocation = if unknown.is_empty() {
            allocation(&bootstrap, form, &estimated.theta, &options.budgets)
        } else {
            None
        };
        if form == Form::Joint && allocation.is_none() {
            let why = match unknown[..] {
                [] => "an exponent is not above zero".to_string(),
                [one] => format!("{one} is not identified"),
                _ => format!("{} are not identified", unknown.join(" and ")),
            };
            warnings.push(format!("{why}: there is no compute-optimal allocation"));
        }
        let scatter = estimated.scatter(&points);
        let spread = spread(&points, &estimated, scatter);
        let mut fit = Fit {
            law: form,
            objective: estimated.objective,
            delta: estimated.delta,
            n: points.len(),
            converged: estimated.converged,
            warnings,
            scatter,
            spread,
            r2: if form == Form::Power { r2(&estimated, &points) } else { None },
            comparison,
            doubling: (0..form.sizes())
                .map(|size| {
                    let known = is_identified(form, &parameters, size);
                    doubling(&bootstrap, form, &points, size, spread, known)
                })
                .collect(),
            allocation,
            isoflop: if form.sizes() == 2 { profiles(&points, options)? } else { None },
            approaches: Vec::new(),
            holdout: if largest.is_empty() {
                None
            } else {
                Some(predict_largest(&bootstrap, &points, &largest, options)?)
            },
            parameters,
            bootstrap,
        };
        if let Some(isoflop) = &fit.isoflop {
            fit.approaches = approaches(None, Some(isoflop), fit.joint_approach());
        }
        Ok(fit)
    }

    /// The compute-optimal exponent by the joint law; `None` without an allocation.
    pub fn joint_approach(&self) -> Option<Approach> {
        let allocation = self.allocation.as_ref()?;
        Some(Approach { approach: Method::JointLaw, a: allocation.a, points: self.n })
    }

    /// Whether the rows determine how y depends on a size (0 or 1). If not, the law says nothing about sizes beyond the
    /// rows, nor which size is best.
    pub fn identifies(&self, size: usize) -> bool {
        is_identified(self.law, &self.parameters, size)
    }
}

/// The name of the joint law's exponent of a size (0 or 1).
fn exponent(size: usize) -> &'static str {
    ["alpha", "beta"][size]
}

/// Whether the data determine how y depends on a size: its exponent or, for a form without a single exponent, any
/// parameter at all.
fn is_identified(form: Form, parameters: &[(&'static str, Parameter)], size: usize) -> bool {
    let (exponent, of_size) = form.law().size_parameters(size);
    let known =
        |wanted: &str| parameters.iter().any(|(name, parameter)| *name == wanted && parameter.identified);
    exponent.map_or_else(|| of_size.iter().any(|name| known(name)), known)
}

/// The estimate of the form asked for, or of the form with the best score, and the scores of all forms tried.
fn choose_form(
    points: &Points,
    options: &FitOptions,
    progress: ProgressFn,
) -> Result<(FittedForm, Vec<FormScore>)> {
    let FitOptions { form, delta, .. } = *options;
    let forms = match form {
        Some(form) => vec![form],
        None => {
            // A form that needs more rows than there are is no candidate, but the simplest form has to fit.
            Form::Power.check(points)?;
            Form::automatic().filter(|form| form.check(points).is_ok()).collect()
        }
    };
    let mut estimates = Vec::with_capacity(forms.len());
    for candidate in forms {
        match estimate_with(candidate, points, Search::Screened, delta, progress) {
            Ok(estimated) => estimates.push(estimated),
            // If the form is to be chosen, one that cannot be fitted is no candidate.
            Err(problem) if form.is_some() => return Err(problem),
            Err(_) => {}
        }
    }
    let candidates: Vec<FormScore> =
        estimates.iter().map(|estimated| score_form(estimated, points, delta, progress)).collect();
    let chosen = choose(&candidates);
    let best = estimates.into_iter().find(|estimated| Some(estimated.form) == chosen);
    let best = best.ok_or_else(|| Error::Config {
        what: "fit".to_string(),
        problem: "no form gives finite numbers for these rows".to_string(),
    })?;
    Ok((best, candidates))
}

/// The isoFLOP profiles among the rows, if at least two of them have a minimum.
fn profiles(points: &Points, options: &FitOptions) -> Result<Option<IsoFlop>> {
    let rows = points.x().iter().zip(points.y());
    let runs: Vec<BudgetRun> =
        rows.map(|(&[n, d], &loss)| BudgetRun { parameters: n, compute: FLOPS * n * d, loss }).collect();
    let found = isoflop(&runs, Budgets::Found, options.resamples, options.seed)?;
    Ok(Some(found).filter(|found| found.frontier.is_some()))
}

/// The fraction of the variance of ln y that a law explains; 0 if it fits no better than the mean. `None` for a
/// constant y, which has no variance.
fn r2(estimated: &FittedForm, points: &Points) -> Option<f64> {
    if constant(points.y().iter().copied()) {
        return None;
    }
    let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let mean = points.y().iter().map(|y| y.ln()).sum::<f64>() / points.len() as f64;
    let total = squares(&mut points.y().iter().map(|y| y.ln() - mean));
    let left = squares(&mut estimated.residuals(points).into_iter());
    Some((1.0 - left / total).max(0.0))
}

/// Predicts the largest rows, by the form that was asked for or else by the average.
fn predict_largest(
    bootstrap: &Bootstrap,
    points: &Points,
    largest: &Points,
    options: &FitOptions,
) -> Result<Holdout> {
    if options.form.is_some() {
        return Ok(holdout(|x| bootstrap.prediction(x, LEVEL), largest));
    }
    let average = Average::new(points, Direction::of(points))?;
    Ok(holdout(|x| average.at(x).interval(LEVEL), largest))
}

fn holdout(predict: impl Fn([f64; 2]) -> Uncertain, largest: &Points) -> Holdout {
    let rows: Vec<Predicted> = largest
        .x()
        .iter()
        .zip(largest.y())
        .map(|(&x, &measured)| {
            let predicted = predict(x);
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
