//! The plan of a sweep: a base model, a data set, axes × factors × amounts of data × seeds, and one training
//! configuration for all runs.

use super::extent::Extent;
use super::migration::migrated;
use crate::arguments::LARGEST_INTEGER;
use crate::data::{DataFile, TableOptions, fingerprint};
use crate::error::{Error, Result, brief};
use crate::models::architecture::Architecture;
use crate::models::axis::{Axis, Compound};
use crate::train::TrainConfig;
use serde::{Deserialize, Serialize};

/// The plan of a sweep, stored as `plan.toml`. On the same device, equal plans give the same results bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Name of the data set.
    pub dataset: String,
    /// Target columns of a table. Empty for the last column, and for data sets that are not tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_columns: Vec<String>,
    /// How a table becomes samples.
    #[serde(default, skip_serializing_if = "TableOptions::is_default")]
    pub table: TableOptions,
    /// Axes along which the base model is scaled.
    pub axes: Vec<Axis>,
    /// Factors of every axis; 1 is the base model.
    pub factors: Vec<f64>,
    /// Seeds. Each model is trained once with each.
    pub seeds: Vec<u64>,
    /// Numbers of training samples per epoch. Each model is trained once with each. If empty, each model is trained
    /// once, with [`TrainConfig::samples`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<usize>,
    /// Compute budgets C of whole trainings, in FLOPs (isoFLOP profiles), as an alternative to `samples`. Each model is
    /// trained once with each, on `C / (6 · MACs · epochs)` training samples per epoch, rounded down to whole batches
    /// and at least one batch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flops: Vec<f64>,
    /// The size of the training set, if each budget of `flops` trains on the whole set: for as many whole epochs as the
    /// budget allows, or on part of the set if it does not allow one epoch. Trainings of fewer than
    /// [`MIN_STEPS`](super::variants::MIN_STEPS) steps are left out. If absent, all trainings have the same number of
    /// epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_set: Option<usize>,
    /// Numbers of epochs. Each model is trained once with each, on each amount of data. If empty, all runs have
    /// [`TrainConfig::epochs`]; otherwise that field is unused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub epochs: Vec<usize>,
    /// The largest number of samples seen, repeats included. Runs whose samples × epochs are more are left out. If
    /// absent, no run is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_seen: Option<usize>,
    /// The number of largest models on every axis that are trained last, after their losses have been predicted from
    /// the other runs (see [`prediction`](super::prediction)); 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub predict: usize,
    /// The training configuration. Its seed is unused: each run has one of `seeds`.
    pub config: TrainConfig,
    /// Coefficients of the compound axis.
    #[serde(default)]
    pub compound: Compound,
    /// Fingerprints of the data set's files when the plan was made. Empty for generated data sets, and in plans of
    /// earlier versions, which did not record them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataFile>,
    /// What the plan covered before each extension, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Extent>,
    /// The base model (factor 1). Its input and output match the data set.
    pub architecture: Architecture,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Plan {
    /// A sweep of the width, by half, one and two, of a model on all samples of a data set, with one seed and the default
    /// configuration: what other sweeps are written as changes of, `Plan { seeds: vec![0, 1], ..Plan::new(…) }`.
    pub fn new(dataset: &str, architecture: Architecture) -> Plan {
        Plan {
            dataset: dataset.to_string(),
            target_columns: Vec::new(),
            table: TableOptions::default(),
            axes: vec![Axis::Width],
            factors: vec![0.5, 1.0, 2.0],
            seeds: vec![0],
            samples: Vec::new(),
            flops: Vec::new(),
            epochs: Vec::new(),
            most_seen: None,
            whole_set: None,
            predict: 0,
            config: TrainConfig::default(),
            compound: Compound::default(),
            data: Vec::new(),
            earlier: Vec::new(),
            architecture,
        }
    }

    /// Parses and validates a plan, also one in the form of earlier versions.
    ///
    /// # Errors
    /// [`Error::Config`] for text that is not a plan, and those of [`Plan::validate`].
    pub fn from_toml(text: &str) -> Result<Plan> {
        let parsed = match migrated(text) {
            Some(table) => table.try_into(),
            None => toml::from_str(text),
        };
        let plan: Plan = parsed.map_err(|e| Error::Config { what: "plan".to_string(), problem: brief(e) })?;
        plan.validate()?;
        Ok(plan)
    }

    /// Writes the plan as TOML. [`Plan::from_toml`] reads it back as an equal plan.
    ///
    /// # Errors
    /// [`Error::Config`] for a number that TOML can't hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::Config { what: "plan".to_string(), problem: e.to_string() })
    }

    /// The numbers of epochs that each model is trained for, in the plan's order.
    pub fn numbers_of_epochs(&self) -> Vec<usize> {
        if self.epochs.is_empty() { vec![self.config.epochs] } else { self.epochs.clone() }
    }

    /// The amounts of data that each model is trained on, in the plan's order.
    pub(super) fn amounts(&self) -> Vec<Amount> {
        let samples = self.samples.iter().map(|&samples| Amount::Samples(samples));
        let amounts: Vec<Amount> =
            samples.chain(self.flops.iter().map(|&budget| Amount::Flops(budget))).collect();
        if amounts.is_empty() { vec![Amount::Configured] } else { amounts }
    }

    /// The largest number of training samples per epoch of any run; `None` if the plan has neither `samples` nor
    /// `flops`.
    ///
    /// # Errors
    /// Those of [`Plan::variants`].
    pub fn most_samples(&self) -> Result<Option<usize>> {
        if self.samples.is_empty() && self.flops.is_empty() {
            return Ok(None);
        }
        Ok(self.variants()?.iter().filter_map(|variant| variant.train_samples).max())
    }

    /// The validation loss of a model that gives all classes the same probability; `None` where there are no classes, and
    /// for a loss that these targets do not have.
    pub fn loss_of_guessing(&self) -> Option<f64> {
        let targets = self.architecture.targets();
        self.config.loss(targets).ok()?.of_guessing(targets)
    }

    pub(super) fn check_lists(&self) -> Result<()> {
        let fail = |problem: String| Err(Error::Config { what: "plan".into(), problem });
        self.config.validate()?;
        if self.config.steps.is_some() {
            return fail(
                "steps can't be set in a sweep; set the length of trainings by epochs or flops".into(),
            );
        }
        for (empty, what) in [
            (self.axes.is_empty(), "axes"),
            (self.factors.is_empty(), "factors"),
            (self.seeds.is_empty(), "seeds"),
        ] {
            if empty {
                return fail(format!("the list of {what} is empty; name at least one"));
            }
        }
        if let Some(axis) = repeated(&self.axes) {
            return fail(format!("axis {axis} is listed twice"));
        }
        if let Some(factor) = repeated(&self.factors) {
            return fail(format!("factor {factor} is listed twice"));
        }
        if let Some(seed) = repeated(&self.seeds) {
            return fail(format!("seed {seed} is listed twice"));
        }
        if let Some((name, number)) = self.integers().find(|(_, number)| *number > LARGEST_INTEGER) {
            return fail(format!(
                "{name}: {number} is more than {LARGEST_INTEGER}, the largest that a plan can hold"
            ));
        }
        if self.epochs.contains(&0) {
            return fail("numbers of epochs must be at least 1".into());
        }
        if let Some(epochs) = repeated(&self.epochs) {
            return fail(format!("{epochs} epochs are listed twice"));
        }
        self.check_amounts().or_else(fail)
    }

    /// The integers of the plan itself, with their names.
    fn integers(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = [("samples", &self.samples), ("epochs", &self.epochs)];
        let lists = counts.into_iter().flat_map(|(name, list)| list.iter().map(move |&count| (name, count)));
        let single =
            [("whole_set", self.whole_set), ("most_seen", self.most_seen), ("predict", Some(self.predict))];
        let single = single.into_iter().filter_map(|(name, count)| Some((name, count?)));
        let seeds = self.seeds.iter().map(|&seed| ("seeds", seed));
        seeds.chain(lists.chain(single).map(|(name, count)| (name, count as u64)))
    }

    fn check_amounts(&self) -> Result<(), String> {
        let Plan { samples, flops, .. } = self;
        let ways = [self.config.samples.is_some(), !samples.is_empty(), !flops.is_empty()].map(usize::from);
        if ways.iter().sum::<usize>() > 1 {
            return Err("more than one of the configuration's samples, samples and flops set the training \
                        samples; keep one"
                .into());
        }
        if samples.contains(&0) {
            return Err("numbers of training samples must be at least 1".into());
        }
        if let Some(budget) = flops.iter().find(|&&budget| !(budget > 0.0 && budget.is_finite())) {
            return Err(format!("a compute budget is {budget} FLOPs; it must be finite and above zero"));
        }
        if self.whole_set.is_some() && (flops.is_empty() || !self.epochs.is_empty()) {
            return Err(
                "whole_set needs flops and no epochs: the budgets determine the numbers of epochs".into()
            );
        }
        if let Some(samples) = repeated(samples) {
            return Err(format!("{samples} samples are listed twice"));
        }
        if let Some(budget) = repeated(flops) {
            return Err(format!("the budget of {budget:e} FLOPs is listed twice"));
        }
        Ok(())
    }

    /// Names of the fields that differ between two plans, including those of their configurations. Empty if both
    /// describe the same sweep; the history of extensions does not count. A plan without fingerprints matches any data.
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
        let mut all: Vec<String> = parts.collect();
        all.extend(self.table.differences(&other.table).into_iter().map(String::from));
        // `numbers_of_epochs` above covers the epochs.
        let other = TrainConfig { epochs: self.config.epochs, ..other.config };
        for field in self.config.differences(&other) {
            // `samples` is a name in both.
            if !all.contains(&field) {
                all.push(field);
            }
        }
        all
    }
}

/// The amount of data that a run is trained on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Amount {
    /// [`TrainConfig::samples`].
    Configured,
    /// A number of training samples per epoch.
    Samples(usize),
    /// The number of training samples that takes this many FLOPs.
    Flops(f64),
}

fn repeated<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter().enumerate().find(|(i, item)| list[..*i].contains(item)).map(|(_, item)| item)
}
