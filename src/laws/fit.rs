//! A law with all that is known about it: what `allometry fit` prints.

use super::allocation::{Allocation, FLOPS, allocation};
use super::approaches::{Approach, approaches};
use super::average::{Average, Direction};
use super::bootstrap::{Bootstrap, bootstrap_with};
use super::choice::{Candidate, choose, judge};
use super::delta::Delta;
use super::doubling::{Doubling, Spread, doubling, spread};
use super::estimate::{Estimate, Search, estimate_with};
use super::isoflop::{self, Budgets, IsoFlop, isoflop};
use super::progress::{Progress, silent};
use super::warning::doubts;
use super::{Form, LEVEL, Points, Quantity};
use crate::error::{Error, Result};
use crate::rounding::constant;
use serde::{Serialize, Serializer};

/// How to fit.
#[derive(Debug, Clone)]
pub struct FitOptions {
    /// The form, or none to choose among the [automatic](Form::automatic) ones that take the points' sizes.
    pub form: Option<Form>,
    /// Resamples of the bootstrap.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// How many of the largest rows are left out of the fit and predicted from it.
    pub holdout: usize,
    /// Compute budgets in FLOPs that the joint law is asked the best sizes for.
    pub budgets: Vec<f64>,
    /// δ of the Huber loss, in units of ln y, between 1e-9 and 10; or none to estimate it from the rows' scatter, where
    /// they are at least three for each parameter.
    /// [`PUBLISHED`](super::delta::PUBLISHED) is that of the published estimator.
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
    /// The δ of that loss, and where it is from.
    #[serde(rename = "huber_delta")]
    pub delta: Delta,
    /// Rows that it was fitted to.
    pub n: usize,
    /// Whether the optimiser came to a point where the gradient vanishes.
    pub converged: bool,
    /// What the data can't tell.
    pub warnings: Vec<String>,
    /// Standard deviation of the residuals of ln y, from their median, so that outliers don't count.
    pub scatter: f64,
    /// What the gain of a doubling is held against.
    pub spread: Spread,
    /// Of a power law: the part of the variance of ln y that it accounts for. None where y is constant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
    /// The form, beside the others where it was chosen.
    pub comparison: Vec<Candidate>,
    /// What twice of each size would buy.
    pub doubling: Vec<Doubling>,
    /// For the joint law, the best use of compute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation: Option<Allocation>,
    /// For a law of two sizes where rows make isoFLOP profiles with C = 6·x·x2 and two of them have a minimum: these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isoflop: Option<IsoFlop>,
    /// With these, the exponents of the compute-optimal size that the approaches lead to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approaches: Vec<Approach>,
    /// How well the largest rows were predicted, where some were left out: by the form that was asked for, else by the
    /// [average](Average) over models of the curve.
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
        Fit::with_progress(points, options, &silent)
    }

    /// The same; `progress` is called with what is done, many times a second and from several threads.
    pub fn with_progress(points: &Points, options: &FitOptions, progress: Progress) -> Result<Fit> {
        if options.holdout >= points.len() && options.holdout > 0 {
            return Err(Error::argument(
                "fit",
                "holdout",
                options.holdout,
                format!("less than the {} rows", points.len()),
            ));
        }
        // Here, since a form that can't be fitted is only no candidate.
        options.delta.map(Delta::asked).transpose()?;
        let (points, largest) = points.without_largest(options.holdout);
        let (estimated, comparison) = choose_form(&points, options, progress)?;
        let form = estimated.form;
        let bootstrap = bootstrap_with(&estimated, &points, (options.resamples, options.seed), progress);
        let quantities = bootstrap.parameters();
        let (identified, mut warnings) = doubts(form, &points, &quantities);
        if !estimated.converged {
            warnings.push("the optimiser did not converge; the parameters may not be the best".to_string());
        }
        if !options.budgets.is_empty() && form != Form::Joint {
            warnings.push(format!("the {form} law says no compute-optimal allocation; the joint law does"));
        }
        for (size, name) in points.sizes().iter().enumerate().skip(form.sizes()) {
            let (low, high) = points.range(size);
            if !constant([low, high]) {
                warnings.push(format!("{name} varies, and has no part in the {form} law"));
            }
        }
        let parameters = quantities.into_iter().zip(identified);
        let parameters = parameters.map(|(quantity, identified)| Parameter { quantity, identified });
        let parameters: Vec<_> = form.names().iter().copied().zip(parameters).collect();
        let unknown: Vec<&str> =
            (0..form.sizes()).filter(|&size| !told(form, &parameters, size)).map(exponent).collect();
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
                .map(|size| doubling(&bootstrap, form, &points, size, spread, told(form, &parameters, size)))
                .collect(),
            allocation,
            isoflop: if form.sizes() == 2 { profiles(&points, options)? } else { None },
            approaches: Vec::new(),
            holdout: if largest.is_empty() {
                None
            } else {
                Some(foretold(&bootstrap, &points, &largest, options)?)
            },
            parameters,
            bootstrap,
        };
        if let Some(isoflop) = &fit.isoflop {
            fit.approaches = approaches(None, Some(isoflop), Some(&fit));
        }
        Ok(fit)
    }

    /// Whether the rows tell how y depends on a size, by its number: without it, the law says nothing of sizes beyond
    /// the rows, nor which size is best.
    pub fn identifies(&self, size: usize) -> bool {
        told(self.law, &self.parameters, size)
    }
}

/// What the joint law's exponent of a size, by its number, is called.
fn exponent(size: usize) -> &'static str {
    ["alpha", "beta"][size]
}

/// Whether the data tell how y depends on a size: its exponent, or of a form without such a one anything at all.
fn told(form: Form, parameters: &[(&'static str, Parameter)], size: usize) -> bool {
    let (exponent, of_size) = form.law().of_size(size);
    let known =
        |wanted: &str| parameters.iter().any(|(name, parameter)| *name == wanted && parameter.identified);
    exponent.map_or_else(|| of_size.iter().any(|name| known(name)), known)
}

/// The estimate of the form asked for; or of the form that does best, with all that were tried.
fn choose_form(
    points: &Points,
    options: &FitOptions,
    progress: Progress,
) -> Result<(Estimate, Vec<Candidate>)> {
    let FitOptions { form, delta, .. } = *options;
    let forms = match form {
        Some(form) => vec![form],
        None => {
            // A form that the rows are too few for is not a candidate, but the simplest has to fit.
            points.check(Form::Power)?;
            Form::automatic().filter(|&form| points.check(form).is_ok()).collect()
        }
    };
    let mut estimates = Vec::with_capacity(forms.len());
    for candidate in forms {
        match estimate_with(candidate, points, Search::Screened, delta, progress) {
            Ok(estimated) => estimates.push(estimated),
            // Where the form is to be chosen, one that can't be fitted is no candidate.
            Err(problem) if form.is_some() => return Err(problem),
            Err(_) => {}
        }
    }
    let candidates: Vec<Candidate> =
        estimates.iter().map(|estimated| judge(estimated, points, delta, progress)).collect();
    let chosen = choose(&candidates);
    let best = estimates.into_iter().find(|estimated| Some(estimated.form) == chosen);
    let best = best.ok_or_else(|| Error::Config {
        what: "fit".to_string(),
        problem: "no form gives finite numbers for these rows".to_string(),
    })?;
    Ok((best, candidates))
}

/// The isoFLOP profiles among the rows, where they lead to a law.
fn profiles(points: &Points, options: &FitOptions) -> Result<Option<IsoFlop>> {
    let rows = points.x().iter().zip(points.y());
    let runs: Vec<isoflop::Run> =
        rows.map(|(&[n, d], &loss)| isoflop::Run { parameters: n, compute: FLOPS * n * d, loss }).collect();
    let found = isoflop(&runs, Budgets::Found, options.resamples, options.seed)?;
    Ok(Some(found).filter(|found| found.frontier.is_some()))
}

/// The part of the variance of ln y that a law accounts for, 0 where it does no better than their mean. A constant y has
/// none to account for.
fn r2(estimated: &Estimate, points: &Points) -> Option<f64> {
    if constant(points.y().iter().copied()) {
        return None;
    }
    let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let mean = points.y().iter().map(|y| y.ln()).sum::<f64>() / points.len() as f64;
    let total = squares(&mut points.y().iter().map(|y| y.ln() - mean));
    let left = squares(&mut estimated.residuals(points).into_iter());
    Some((1.0 - left / total).max(0.0))
}

/// The largest rows, by the form that was asked for or by the average.
fn foretold(
    bootstrap: &Bootstrap,
    points: &Points,
    largest: &Points,
    options: &FitOptions,
) -> Result<Holdout> {
    if options.form.is_some() {
        return Ok(score(|x| bootstrap.prediction(x, LEVEL), largest));
    }
    let average = Average::new(points, Direction::of(points))?;
    Ok(score(|x| average.at(x).interval(LEVEL), largest))
}

fn score(predict: impl Fn([f64; 2]) -> Quantity, largest: &Points) -> Holdout {
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
