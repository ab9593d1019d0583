//! A law for each group of rows, and whether their exponents differ.
//!
//! Groups share no rows, so the difference of two exponents has the spread of one group's resamples minus the other's;
//! its interval comes from percentiles, like those of the exponents. Whether all groups may share one exponent is
//! tested by Cochran's Q (Cochran 1954, "The combination of estimates from different experiments"): the squared
//! distances from the common exponent, each divided by its variance, sum to χ² with one degree of freedom less than
//! there are groups. An exponent's variance is taken from the width of its interval, which a few extreme resamples do
//! not change.

use super::distributions::{chi_square_above, normal_quantile};
use super::fit::{Fit, FitOptions};
use super::progress::ProgressFn;
use super::{Form, LEVEL, Points, Uncertain};
use crate::error::{Error, Result};
use serde::Serialize;

/// The laws of all groups.
#[derive(Debug, Clone, Serialize)]
pub struct Groups {
    /// The form of all laws.
    pub law: Form,
    /// The groups, in the order given.
    pub groups: Vec<Group>,
    /// For each exponent of the form whether it differs between groups, if at least two groups identify it.
    pub differences: Vec<Difference>,
    /// Groups to which the law could not be fitted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without_law: Vec<GroupWithoutLaw>,
}

/// One group.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// Its name.
    pub group: String,
    /// Its law.
    #[serde(flatten)]
    pub fit: Fit,
}

/// A group to which the law could not be fitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupWithoutLaw {
    /// Its name.
    pub group: String,
    /// Why.
    pub problem: String,
}

/// Whether an exponent differs between the groups that identify it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The exponent's name.
    pub parameter: &'static str,
    /// Cochran's Q.
    pub q: f64,
    /// Its degrees of freedom: one less than the number of groups.
    pub freedom: usize,
    /// The probability of this Q or a larger one if all groups have the same exponent.
    pub p: f64,
    /// The difference of every pair of groups.
    pub pairs: Vec<Pair>,
}

/// The difference of an exponent between two groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// The first group.
    pub group: String,
    /// The group whose exponent is subtracted.
    pub minus: String,
    /// The difference with its bootstrap interval.
    #[serde(flatten)]
    pub difference: Uncertain,
}

impl Groups {
    /// Fits one form to every group: that of the options, or the form that the group with the most rows chooses. A
    /// group whose points are an error is reported in [`Groups::without_law`].
    ///
    /// # Errors
    /// Those of [`Fit::new`] if no group has a law.
    pub fn fit(
        groups: Vec<(String, Result<Points>)>,
        options: &FitOptions,
        progress: ProgressFn,
    ) -> Result<Groups> {
        let known = groups.iter().rev().filter_map(|(_, points)| points.as_ref().ok());
        let chosen = match (options.form, known.max_by_key(|points| points.len())) {
            (None, Some(largest)) => Some(Fit::with_progress(largest, options, progress)?.law),
            (form, _) => form,
        };
        // Without a chosen form no group has points, so the form is not used.
        let law = chosen.unwrap_or(Form::Power);
        let mut found = Groups { law, groups: vec![], differences: vec![], without_law: vec![] };
        let mut first = None;
        for (place, (group, points)) in groups.into_iter().enumerate() {
            // Each group has its own stream of random numbers, so that resamples of two groups are independent.
            let seed = options.seed.wrapping_add(place as u64);
            let options = FitOptions { form: Some(law), seed, ..options.clone() };
            match points.and_then(|points| Fit::with_progress(&points, &options, progress)) {
                Ok(fit) => found.groups.push(Group { group, fit }),
                Err(error) => {
                    found.without_law.push(GroupWithoutLaw { group, problem: error.to_string() });
                    first.get_or_insert(error);
                }
            }
        }
        if found.groups.is_empty() {
            let none = || Error::argument("fit", "number of groups", 0, "at least one");
            return Err(first.unwrap_or_else(none));
        }
        let exponents = (0..law.sizes()).filter_map(|size| law.law().size_parameters(size).0);
        found.differences = exponents.filter_map(|exponent| difference(exponent, &found.groups)).collect();
        Ok(found)
    }
}

/// A group that identifies an exponent.
struct Known<'a> {
    group: &'a str,
    quantity: Uncertain,
    replicates: Vec<f64>,
}

fn difference(parameter: &'static str, groups: &[Group]) -> Option<Difference> {
    let known = groups.iter().filter_map(|Group { group, fit }| {
        let place = fit.parameters.iter().position(|(name, _)| *name == parameter)?;
        let found = fit.parameters[place].1;
        let replicates = fit.bootstrap.replicates(place);
        found.identified.then_some(Known { group, quantity: found.quantity, replicates })
    });
    let known: Vec<Known> = known.collect();
    if known.len() < 2 {
        return None;
    }
    // The width of an interval of [`LEVEL`], in standard deviations of a normal distribution.
    let width = 2.0 * normal_quantile(0.5 + 0.5 * LEVEL);
    let weight = |known: &Known| (width / (known.quantity.high - known.quantity.low)).powi(2);
    let total: f64 = known.iter().map(weight).sum();
    let common = known.iter().map(|known| weight(known) / total * known.quantity.value).sum::<f64>();
    let q: f64 = known.iter().map(|known| weight(known) * (known.quantity.value - common).powi(2)).sum();
    let pair = |one: &Known, other: &Known| {
        let differences = one.replicates.iter().zip(&other.replicates).map(|(one, other)| one - other);
        let value = one.quantity.value - other.quantity.value;
        Pair {
            group: one.group.to_string(),
            minus: other.group.to_string(),
            difference: Uncertain::new(value, differences.collect(), LEVEL),
        }
    };
    let pairs = known.iter().enumerate();
    let pairs = pairs.flat_map(|(place, one)| known[place + 1..].iter().map(move |other| pair(one, other)));
    let freedom = known.len() - 1;
    // Exponents without a spread, such as those of noiseless rows, have no Q.
    let p = if q.is_finite() { chi_square_above(q, freedom) } else { f64::NAN };
    Some(Difference { parameter, q, freedom, p, pairs: pairs.collect() })
}
