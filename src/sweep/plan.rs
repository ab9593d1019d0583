//! What a sweep runs: a base model, a data set, axes × factors × amounts of data × seeds, and one configuration of
//! training for all of them.

use super::extent::Extent;
use super::migration::migrated;
use crate::data::{DataFile, Dataset, fingerprint};
use crate::error::{Error, Result, brief};
use crate::models::architecture::Architecture;
use crate::models::axis::{Axis, Compound};
use crate::train::TrainConfig;
use serde::{Deserialize, Serialize};

/// A sweep as data. Two equal plans train the same models to the same numbers on the same device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Name of the data set.
    pub dataset: String,
    /// Columns of a table that are predicted; empty for the last one, and for sets that are no table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_columns: Vec<String>,
    /// Axes to scale along.
    pub axes: Vec<Axis>,
    /// Factors tried on every axis; 1 is the base model.
    pub factors: Vec<f64>,
    /// One run of each model for each seed.
    pub seeds: Vec<u64>,
    /// Numbers of training samples an epoch: each model is trained once on each. Empty for one training of each
    /// model, on [`TrainConfig::samples`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<usize>,
    /// Compute budgets C of whole trainings, in FLOPs (isoFLOP profiles): each model is trained once for each, on
    /// `C / (6 · MACs · epochs)` training samples an epoch, rounded down to whole batches and at least one batch.
    /// Instead of `samples`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flops: Vec<f64>,
    /// The number of training samples there are, where each of `flops` trains on all of them: for as many whole epochs as
    /// the budget pays for, or, where it does not pay for one, on as many samples as it does. Trainings of fewer than
    /// [`MIN_STEPS`](super::variants::MIN_STEPS) steps are left out. When absent, all trainings have the same number of epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_set: Option<usize>,
    /// Numbers of epochs: each model is trained once for each, on each amount of data. Empty for one training of each, of
    /// [`TrainConfig::epochs`]; otherwise that number has no meaning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub epochs: Vec<usize>,
    /// Pairs of a number of samples and a number of epochs that train on more samples than this, repeats counted, are left
    /// out; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_seen: Option<usize>,
    /// So many of the largest models on every axis are trained after all others, and their losses predicted from these
    /// before (see [`prediction`](super::prediction)); 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub predict: usize,
    /// How each model is trained; its seed has no meaning, since each run has one of `seeds`.
    pub config: TrainConfig,
    /// Coefficients of the compound axis.
    #[serde(default)]
    pub compound: Compound,
    /// The files of the data set, as they were when the plan was made; empty for a set that is drawn, and in plans of
    /// before they were kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataFile>,
    /// What it covered before each of its extensions, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Extent>,
    /// The base model, as it is at factor 1: input and output already fit the data set.
    pub architecture: Architecture,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Plan {
    /// Reads and validates a plan.
    pub fn from_toml(text: &str) -> Result<Plan> {
        let parsed = match migrated(text) {
            Some(table) => table.try_into(),
            None => toml::from_str(text),
        };
        let plan: Plan = parsed.map_err(|e| Error::Config { what: "plan".to_string(), problem: brief(e) })?;
        plan.validate()?;
        Ok(plan)
    }

    /// The TOML that [`Plan::from_toml`] reads back to an equal plan.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::Config { what: "plan".to_string(), problem: e.to_string() })
    }

    /// For how many epochs each model is trained, in the plan's order.
    pub fn numbers_of_epochs(&self) -> Vec<usize> {
        if self.epochs.is_empty() { vec![self.config.epochs] } else { self.epochs.clone() }
    }

    /// How much data each model is trained on, in the plan's order.
    pub(super) fn amounts(&self) -> Vec<Amount> {
        let samples = self.samples.iter().map(|&samples| Amount::Samples(samples));
        let amounts: Vec<Amount> =
            samples.chain(self.flops.iter().map(|&budget| Amount::Flops(budget))).collect();
        if amounts.is_empty() { vec![Amount::Configured] } else { amounts }
    }

    /// The most training samples an epoch of any run, where the plan has several numbers of them.
    pub fn most_samples(&self) -> Result<Option<usize>> {
        if self.samples.is_empty() && self.flops.is_empty() {
            return Ok(None);
        }
        Ok(self.variants()?.iter().filter_map(|variant| variant.train_samples).max())
    }

    /// Whether a training set has as many samples as every run wants: with fewer than it says, a run would be
    /// taken for one on more data than it saw. A set that draws new samples without end has any number.
    pub fn check_samples(&self, set: &dyn Dataset) -> Result<()> {
        let Some(most) = self.most_samples()?.filter(|&most| !set.is_endless() && most > set.len()) else {
            return Ok(());
        };
        let wanting = self.variants()?.into_iter().find(|variant| variant.train_samples == Some(most));
        let key = wanting.map(|variant| variant.key).unwrap_or_default();
        let mend = if self.flops.is_empty() {
            "leave out larger numbers"
        } else {
            "use smaller budgets, more epochs, or larger models"
        };
        let problem =
            format!("{key} asks for {most} training samples, and {} has {}; {mend}", set.name(), set.len());
        Err(Error::Config { what: "plan".to_string(), problem })
    }

    pub(super) fn check_lists(&self) -> Result<()> {
        let fail = |problem: String| Err(Error::Config { what: "plan".into(), problem });
        self.config.validate()?;
        if self.config.steps.is_some() {
            return fail(
                "steps are given; the trainings of a sweep are as long as epochs or flops say".into(),
            );
        }
        for (empty, what) in [
            (self.axes.is_empty(), "axis"),
            (self.factors.is_empty(), "factor"),
            (self.seeds.is_empty(), "seed"),
        ] {
            if empty {
                return fail(format!("there is no {what}; name at least one"));
            }
        }
        if let Some(axis) = repeated(&self.axes) {
            return fail(format!("axis {axis} stands twice"));
        }
        if let Some(factor) = repeated(&self.factors) {
            return fail(format!("factor {factor} stands twice"));
        }
        if let Some(seed) = repeated(&self.seeds) {
            return fail(format!("seed {seed} stands twice"));
        }
        if self.epochs.contains(&0) {
            return fail("numbers of epochs must be at least 1".into());
        }
        if let Some(epochs) = repeated(&self.epochs) {
            return fail(format!("{epochs} epochs stand twice"));
        }
        self.check_amounts().or_else(fail)
    }

    fn check_amounts(&self) -> Result<(), String> {
        let Plan { samples, flops, .. } = self;
        let ways = [self.config.samples.is_some(), !samples.is_empty(), !flops.is_empty()].map(usize::from);
        if ways.iter().sum::<usize>() > 1 {
            return Err("the training samples are given by more than one of the configuration's samples, \
                        samples and flops; keep one"
                .into());
        }
        if samples.contains(&0) {
            return Err("numbers of training samples must be at least 1".into());
        }
        if let Some(budget) = flops.iter().find(|&&budget| !(budget > 0.0 && budget.is_finite())) {
            return Err(format!("a compute budget is {budget} FLOPs; it must be finite and above zero"));
        }
        if self.whole_set.is_some() && (flops.is_empty() || !self.epochs.is_empty()) {
            return Err("whole_set is for budgets of FLOPs, which then give the numbers of epochs".into());
        }
        if let Some(samples) = repeated(samples) {
            return Err(format!("{samples} samples stand twice"));
        }
        if let Some(budget) = repeated(flops) {
            return Err(format!("the budget of {budget:e} FLOPs stands twice"));
        }
        Ok(())
    }

    /// Names of the parts in which two plans differ, of their configurations the fields; empty when they are the same
    /// sweep, however it was extended. Data that this plan knows nothing of are any.
    pub fn differences(&self, other: &Plan) -> Vec<String> {
        let parts = [
            ("dataset", self.dataset != other.dataset),
            ("data", fingerprint::difference(&self.data, &other.data).is_some()),
            ("target_columns", self.target_columns != other.target_columns),
            ("axes", self.axes != other.axes),
            ("factors", self.factors != other.factors),
            ("seeds", self.seeds != other.seeds),
            ("samples", self.samples != other.samples),
            ("flops", self.flops != other.flops),
            ("whole_set", self.whole_set != other.whole_set),
            ("epochs", self.numbers_of_epochs() != other.numbers_of_epochs()),
            ("most_seen", self.most_seen != other.most_seen),
            ("predict", self.predict != other.predict),
            ("compound", self.compound != other.compound),
            ("architecture", self.architecture != other.architecture),
        ];
        let parts = parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_string());
        // Numbers of epochs are compared above.
        let other = TrainConfig { epochs: self.config.epochs, ..other.config };
        let mut all: Vec<String> = parts.chain(self.config.differences(&other)).collect();
        all.dedup();
        all
    }
}

/// How much data a run is trained on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Amount {
    /// What the configuration says.
    Configured,
    /// So many training samples an epoch.
    Samples(usize),
    /// As many training samples as take so many FLOPs.
    Flops(f64),
}

fn repeated<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter().enumerate().find(|(i, item)| list[..*i].contains(item)).map(|(_, item)| item)
}
