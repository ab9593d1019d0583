//! A law for each group of rows, and whether their exponents differ.
//!
//! The groups have nothing in common, so that a difference of two exponents has the spread of resamples of the one minus
//! resamples of the other; its interval is by percentiles, as those of the exponents. Whether all groups may share one
//! exponent says Cochran's Q (Cochran 1954, "The combination of estimates from different experiments"): the squares of
//! their distances from the common exponent, each divided by its variance, add up to χ² with one degree of freedom less
//! than there are groups. An exponent's variance is taken from the width of its interval, which a few wild resamples do not
//! change.

use super::fit::{Fit, FitOptions};
use super::normal::Q975;
use super::progress::Progress;
use super::{Form, LEVEL, Points, Quantity};
use crate::error::{Error, Result};
use serde::Serialize;

/// An interval of [`LEVEL`] is so many standard deviations of a normal distribution wide.
const WIDTH: f64 = 2.0 * Q975;

/// The laws of all groups.
#[derive(Debug, Clone, Serialize)]
pub struct Groups {
    /// The form that all have.
    pub law: Form,
    /// In the order given.
    pub groups: Vec<Group>,
    /// For each exponent of the form whether it differs between groups, where two groups or more tell it.
    pub differences: Vec<Difference>,
    /// Groups that the law can't be fitted to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without_law: Vec<WithoutLaw>,
}

/// One group.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// What it is called.
    pub group: String,
    /// Its law.
    #[serde(flatten)]
    pub fit: Fit,
}

/// A group that the law can't be fitted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WithoutLaw {
    /// What it is called.
    pub group: String,
    /// Why.
    pub problem: String,
}

/// Whether an exponent differs between groups that tell it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The exponent's name.
    pub parameter: &'static str,
    /// Cochran's Q.
    pub q: f64,
    /// Its degrees of freedom: one less than there are groups.
    pub freedom: usize,
    /// The probability of such a Q or a larger one if all groups had the same exponent.
    pub p: f64,
    /// The difference of every two groups.
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
    pub difference: Quantity,
}

impl Groups {
    /// Fits one form to every group: that of the options, or what the group with the most rows chooses. A group without
    /// points has the error that says why.
    ///
    /// # Errors
    /// Those of [`Fit::new`] where no group has a law.
    pub fn fit(
        groups: Vec<(String, Result<Points>)>,
        options: &FitOptions,
        progress: Progress,
    ) -> Result<Groups> {
        let known = groups.iter().rev().filter_map(|(_, points)| points.as_ref().ok());
        let chosen = match (options.form, known.max_by_key(|points| points.len())) {
            (None, Some(largest)) => Some(Fit::with_progress(largest, options, progress)?.law),
            (form, _) => form,
        };
        // Without a form there are no points either, and no group gets as far as to ask for it.
        let law = chosen.unwrap_or(Form::Power);
        let mut found = Groups { law, groups: vec![], differences: vec![], without_law: vec![] };
        let mut first = None;
        for (place, (group, points)) in groups.into_iter().enumerate() {
            // Each has its own stream of random numbers: resamples of two groups are independent.
            let seed = options.seed.wrapping_add(place as u64);
            let options = FitOptions { form: Some(law), seed, ..options.clone() };
            match points.and_then(|points| Fit::with_progress(&points, &options, progress)) {
                Ok(fit) => found.groups.push(Group { group, fit }),
                Err(error) => {
                    found.without_law.push(WithoutLaw { group, problem: error.to_string() });
                    first.get_or_insert(error);
                }
            }
        }
        if found.groups.is_empty() {
            let none = || Error::argument("fit", "number of groups", 0, "at least one");
            return Err(first.unwrap_or_else(none));
        }
        let exponents = (0..law.sizes()).filter_map(|size| law.law().of_size(size).0);
        found.differences = exponents.filter_map(|exponent| difference(exponent, &found.groups)).collect();
        Ok(found)
    }
}

/// A group that tells an exponent.
struct Known<'a> {
    group: &'a str,
    quantity: Quantity,
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
    let weight = |known: &Known| (WIDTH / (known.quantity.high - known.quantity.low)).powi(2);
    let total: f64 = known.iter().map(weight).sum();
    let common = known.iter().map(|known| weight(known) / total * known.quantity.value).sum::<f64>();
    let q: f64 = known.iter().map(|known| weight(known) * (known.quantity.value - common).powi(2)).sum();
    let pair = |one: &Known, other: &Known| {
        let differences = one.replicates.iter().zip(&other.replicates).map(|(one, other)| one - other);
        let value = one.quantity.value - other.quantity.value;
        Pair {
            group: one.group.to_string(),
            minus: other.group.to_string(),
            difference: Quantity::new(value, differences.collect(), LEVEL),
        }
    };
    let pairs = known.iter().enumerate();
    let pairs = pairs.flat_map(|(place, one)| known[place + 1..].iter().map(move |other| pair(one, other)));
    let freedom = known.len() - 1;
    // Exponents without a spread, as of noiseless rows, have no Q.
    let p = if q.is_finite() { chi_square_above(q, freedom) } else { f64::NAN };
    Some(Difference { parameter, q, freedom, p, pairs: pairs.collect() })
}

/// The probability that χ² with `freedom` degrees of freedom, at least 1, is above `x` (Abramowitz & Stegun, 26.4.4 and
/// 26.4.5).
fn chi_square_above(x: f64, freedom: usize) -> f64 {
    let half = 0.5 * x;
    let (mut sum, mut term, mut order) = if freedom % 2 == 1 {
        (libm::erfc(half.sqrt()), (-half).exp() * 2.0 * (half / std::f64::consts::PI).sqrt(), 1.5)
    } else {
        (0.0, (-half).exp(), 1.0)
    };
    for _ in 0..freedom / 2 {
        sum += term;
        term *= half / order;
        order += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_tables() {
        let at_five_percent = [(1, 3.841459), (2, 5.991465), (3, 7.814728), (4, 9.487729), (9, 16.918978)];
        for (freedom, x) in at_five_percent {
            let found = chi_square_above(x, freedom);
            assert!((found - 0.05).abs() < 1e-6, "{freedom}: {found}");
        }
        assert!((chi_square_above(0.0, 3) - 1.0).abs() < 1e-12);
    }
}
