//! Sweeps that go on with more factors, seeds, samples or epochs.
//!
//! An extended [`Plan`] remembers what it covered before. Its runs are those of before, with the keys and the validation
//! samples that they have, and then those that are new; so records stay as they are. A *generation* is a plan as it was
//! between two extensions, the first is number 1. Models that are larger than all before are held back and predicted
//! as in a new sweep ([`Plan::predict`]), each generation's on their own.

use super::plan::{Plan, Variant};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a plan covers: all that an extension can change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// [`Plan::factors`].
    pub factors: Vec<f64>,
    /// [`Plan::seeds`].
    pub seeds: Vec<u64>,
    /// [`Plan::samples`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<usize>,
    /// [`Plan::flops`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flops: Vec<f64>,
    /// [`Plan::epochs`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub epochs: Vec<usize>,
    /// [`TrainConfig::samples`](crate::train::TrainConfig::samples).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_samples: Option<usize>,
    /// [`Plan::predict`].
    #[serde(default)]
    pub predict: usize,
}

impl Extent {
    /// The numbers of training samples an epoch; none where it is the whole set, or follows from compute budgets.
    fn numbers_of_samples(&self) -> Vec<usize> {
        self.train_samples.into_iter().chain(self.samples.iter().copied()).collect()
    }

    /// Whether models are trained on the whole set.
    fn takes_all(&self) -> bool {
        self.flops.is_empty() && self.numbers_of_samples().is_empty()
    }

    /// What it lacks of an earlier one, in words; all but the epochs.
    fn lacking(&self, earlier: &Extent) -> Vec<String> {
        let mut lacking = Vec::new();
        let mut compare = |name: &str, wanted: Vec<String>, has: Vec<String>| {
            let missing: Vec<String> = wanted.into_iter().filter(|item| !has.contains(item)).collect();
            lacking.extend((!missing.is_empty()).then(|| format!("{name} {}", missing.join(", "))));
        };
        let texts = |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>();
        let counts = |numbers: Vec<usize>| numbers.iter().map(usize::to_string).collect::<Vec<_>>();
        let seeds = |seeds: &[u64]| seeds.iter().map(u64::to_string).collect::<Vec<_>>();
        compare("factors", texts(&earlier.factors), texts(&self.factors));
        compare("seeds", seeds(&earlier.seeds), seeds(&self.seeds));
        compare("samples", counts(earlier.numbers_of_samples()), counts(self.numbers_of_samples()));
        compare("flops", texts(&earlier.flops), texts(&self.flops));
        if earlier.takes_all() && !self.takes_all() {
            lacking.push("runs on all samples".to_string());
        }
        lacking
    }
}

impl Plan {
    fn extent(&self) -> Extent {
        Extent {
            factors: self.factors.clone(),
            seeds: self.seeds.clone(),
            samples: self.samples.clone(),
            flops: self.flops.clone(),
            epochs: self.epochs.clone(),
            train_samples: self.config.samples,
            predict: self.predict,
        }
    }

    /// How often the plan was written: once, and once more for each extension.
    pub fn generations(&self) -> usize {
        self.earlier.len() + 1
    }

    /// The plan as it was in that generation, counted from 1; the last is the plan itself.
    pub fn generation(&self, number: usize) -> Plan {
        let Some(extent) = number.checked_sub(1).and_then(|before| self.earlier.get(before)) else {
            return self.clone();
        };
        let Extent { factors, seeds, samples, flops, epochs, train_samples, predict } = extent.clone();
        let mut plan = Plan { factors, seeds, samples, flops, epochs, predict, ..self.clone() };
        plan.config.samples = train_samples;
        plan.earlier.truncate(number - 1);
        plan
    }

    /// This plan with all that `wanted` covers beyond it.
    ///
    /// # Errors
    /// [`Error::Config`] if `wanted` differs in more than its lists, or lacks something that this plan covers.
    pub fn extended(&self, wanted: &Plan) -> Result<Plan> {
        // No argument of the command line says it.
        let wanted = &Plan { most_seen: self.most_seen, ..wanted.clone() };
        if self.differences(wanted).is_empty() {
            return Ok(self.clone());
        }
        let (extent, more) = (self.extent(), wanted.extent());
        let fail = |problem: String| Err(Error::Config { what: "plan".to_string(), problem });
        let mut alike = Plan { earlier: vec![more.clone()], ..self.clone() }.generation(1);
        alike.earlier.clear();
        alike.config.epochs = wanted.config.epochs;
        let differences = alike.differences(wanted);
        if !differences.is_empty() {
            return fail(format!(
                "only factors, seeds, samples, epochs and FLOPs of a sweep can be extended, and other parts differ ({})",
                differences.join(", ")
            ));
        }
        let mut lacking = more.lacking(&extent);
        let epochs = wanted.numbers_of_epochs();
        let missing: Vec<String> = (self.numbers_of_epochs().iter())
            .filter(|number| !epochs.contains(number))
            .map(usize::to_string)
            .collect();
        lacking.extend((!missing.is_empty()).then(|| format!("epochs {}", missing.join(", "))));
        if !lacking.is_empty() {
            return fail(format!(
                "the extension lacks what the sweep has: {}; name all that was there, and what is new",
                lacking.join("; ")
            ));
        }
        let earlier = self.earlier.iter().cloned().chain([extent]).collect();
        let mut plan = Plan { earlier, data: self.data.clone(), ..wanted.clone() };
        // A generation without a list of epochs has the configuration's.
        plan.config.epochs = self.config.epochs;
        plan.validate()?;
        if plan.variants()?.len() == self.variants()?.len() {
            return fail("the extension has no run that the sweep does not have".to_string());
        }
        Ok(plan)
    }

    /// The number of training samples that a validation split is sized by, where its size depends on one: that of the
    /// first generation, so that extensions are judged by the same samples.
    pub fn judged_by(&self) -> Result<Option<usize>> {
        let first = self.generation(1);
        Ok(first.most_samples()?.or(first.config.samples))
    }
}

/// The runs of a later generation that none before has: of another model, on another amount of data, of another
/// number of epochs, or with another seed.
pub(super) fn new_runs(runs: Vec<Variant>, earlier: &[Variant]) -> Vec<Variant> {
    let same = |a: &Variant, b: &Variant| {
        (a.seed, a.train_samples, a.flops, a.epochs) == (b.seed, b.train_samples, b.flops, b.epochs)
            && a.architecture == b.architecture
    };
    runs.into_iter().filter(|run| !earlier.iter().any(|known| same(known, run))).collect()
}
