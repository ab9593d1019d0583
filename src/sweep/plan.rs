//! What a sweep runs: a base model, a data set, axes × factors × amounts of data × seeds, and one configuration of
//! training for all of them.

use super::extension::{Extent, new_runs};
use super::migration::migrated;
use super::prediction;
use super::record::Place;
use crate::data::{DataFile, Dataset, fingerprint};
use crate::error::{Error, Result, brief};
use crate::models::architecture::Architecture;
use crate::models::axis::{Axis, Compound, Scale};
use crate::models::cost::{Cost, FLOPS_PER_MAC};
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
    /// [`FEWEST_STEPS`] steps are left out. When absent, all trainings have the same number of epochs.
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
    /// before (see [`prediction`]); 0 for none.
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

/// Trainings on the whole set have at least so many steps: after fewer, a model has learned next to nothing.
pub const FEWEST_STEPS: usize = 24;

/// A budget pays for an epoch if this part of it is paid for.
const PAID: f64 = 0.9;

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// One run of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Names the run within its plan, on disk and in logs: `base-s0`, `width-2-s0`; with several numbers of samples
    /// `width-2-n4000-s0`, with compute budgets `width-2-c1e12-s0`, with several numbers of epochs `width-2-e4-s0` or
    /// `width-2-n4000-e4-s0`. It depends on the plan alone.
    pub key: String,
    /// The axis it stands on.
    pub axis: Axis,
    /// Its factor on that axis.
    pub factor: f64,
    /// Other places of the plan's grid with the same model, which is trained once.
    pub also: Vec<Place>,
    /// Axes on which it is one of the largest models, that the others predict; see [`Plan::predict`].
    pub held_back: Vec<Axis>,
    /// The coefficients that made it from the base model.
    pub scale: Scale,
    /// The model itself.
    pub architecture: Architecture,
    /// Training samples an epoch; the whole set when absent.
    pub train_samples: Option<usize>,
    /// The compute budget that the number of samples follows from, in FLOPs.
    pub flops: Option<f64>,
    /// Passes over the training samples.
    pub epochs: usize,
    /// Seed of initialisation, data order and dropout.
    pub seed: u64,
    /// The generation of the plan that it came with; see [`extension`](super::extension).
    pub generation: usize,
}

impl Variant {
    /// How it is trained.
    pub fn config(&self, plan: &Plan) -> TrainConfig {
        TrainConfig { epochs: self.epochs, seed: self.seed, samples: self.train_samples, ..plan.config }
    }

    /// Whether its loss is predicted when that generation of the plan is trained.
    pub fn is_predicted_in(&self, generation: usize) -> bool {
        self.generation == generation && !self.held_back.is_empty()
    }

    /// Whether it is one of an axis' models.
    pub fn stands_on(&self, axis: Axis) -> bool {
        self.axis == axis || self.also.iter().any(|place| place.axis == axis)
    }
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

    /// Checks that every variant can be made, and that enough are left to predict those that are held back.
    pub fn validate(&self) -> Result<()> {
        let generations = (1..=self.generations()).map(|number| self.generation(number));
        generations.into_iter().try_for_each(|plan| prediction::check(&plan, &plan.variants()?))
    }

    /// Every run, each model once. All models come with the first seed before any comes with the second, and with
    /// the first amount of data before any comes with the second, so that a sweep cut short has the whole picture
    /// coarsely rather than a part of it finely. Runs that are held back to be predicted come after all others.
    ///
    /// Several places of the grid can hold the same model: factor 1 is the base model on every axis, and
    /// rounding maps near factors to one size. Such a model is one run; it stands where its factor is nearest
    /// to 1, and [`Variant::also`] has its other places.
    ///
    /// Of an extended plan the runs of earlier generations come first, each with the key that it had.
    pub fn variants(&self) -> Result<Vec<Variant>> {
        self.architecture.validate()?;
        let mut all = Vec::new();
        for number in 1..=self.generations() {
            let plan = self.generation(number);
            let runs = plan.grid(&all)?;
            all.extend(new_runs(runs, &all));
        }
        Ok(all)
    }

    /// The runs that the lists give, whatever was trained before.
    fn grid(&self, earlier: &[Variant]) -> Result<Vec<Variant>> {
        self.check_lists()?;
        let models = self.models(earlier)?;
        let (amounts, epochs) = (self.amounts(), self.numbers_of_epochs());
        let mut runs = Vec::with_capacity(self.seeds.len() * epochs.len() * amounts.len() * models.len());
        for &seed in &self.seeds {
            for &epochs in &epochs {
                for &amount in amounts.iter().filter(|amount| self.covers(**amount, epochs)) {
                    for model in &models {
                        runs.extend(self.variant(model, amount, epochs, seed)?);
                    }
                }
            }
        }
        // A stable sort.
        runs.sort_by_key(|run| !run.held_back.is_empty());
        Ok(runs)
    }

    /// Whether trainings of so many epochs on so much data belong to the plan.
    fn covers(&self, amount: Amount, epochs: usize) -> bool {
        match (amount, self.most_seen) {
            (Amount::Samples(samples), Some(most)) => samples.saturating_mul(epochs) <= most,
            _ => true,
        }
    }

    /// A model with an amount of data, a number of epochs, a seed, and the key that names them all; none where that is too
    /// short a training.
    fn variant(&self, model: &Variant, amount: Amount, epochs: usize, seed: u64) -> Result<Option<Variant>> {
        let stem = if model.scale == Scale::BASE {
            "base".to_string()
        } else {
            format!("{}-{}", model.axis, model.factor)
        };
        let (label, train_samples, flops, epochs) = match amount {
            Amount::Configured => (String::new(), self.config.samples, None, epochs),
            Amount::Samples(samples) => (format!("-n{samples}"), Some(samples), None, epochs),
            Amount::Flops(budget) => {
                let seen = budget / (FLOPS_PER_MAC * Cost::of(&model.architecture)?.macs as f64);
                let Some((samples, epochs)) = self.training_of(seen, epochs) else { return Ok(None) };
                (format!("-c{budget:e}"), Some(samples), Some(budget), epochs)
            }
        };
        let passes = if self.epochs.is_empty() { String::new() } else { format!("-e{epochs}") };
        let key = format!("{stem}{label}{passes}-s{seed}");
        Ok(Some(Variant { key, train_samples, flops, epochs, seed, ..model.clone() }))
    }

    /// Training samples an epoch, and epochs, of a training that sees about so many samples: in the plan's number of epochs,
    /// or on the whole set. None where that is too short a training.
    fn training_of(&self, seen: f64, epochs: usize) -> Option<(usize, usize)> {
        let batch = self.config.batch;
        let batches = |samples: f64| (samples as usize / batch).max(1) * batch;
        let Some(all) = self.whole_set else { return Some((batches(seen / epochs as f64), epochs)) };
        let passes = seen / all as f64;
        let (samples, epochs) =
            if passes < 1.0 { (batches(seen), 1) } else { (all, (passes / PAID) as usize) };
        (samples.min(all) / batch.min(all) * epochs >= FEWEST_STEPS).then_some((samples.min(all), epochs))
    }

    /// For how many epochs each model is trained, in the plan's order.
    pub fn numbers_of_epochs(&self) -> Vec<usize> {
        if self.epochs.is_empty() { vec![self.config.epochs] } else { self.epochs.clone() }
    }

    /// How much data each model is trained on, in the plan's order.
    fn amounts(&self) -> Vec<Amount> {
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

    /// Every different model, with no key and no seed yet.
    fn models(&self, earlier: &[Variant]) -> Result<Vec<Variant>> {
        let mut places = Vec::with_capacity(self.axes.len() * self.factors.len());
        for &axis in &self.axes {
            for &factor in &self.factors {
                let scale = axis.scale(factor, &self.compound, &self.architecture)?;
                let architecture = scale.apply(&self.architecture)?;
                // A sweep does not begin that has a model without a size.
                Cost::of(&architecture)?;
                places.push((Place { axis, factor }, scale, architecture));
            }
        }
        // A stable sort: among equals, the order of the plan decides.
        places.sort_by(|a, b| a.0.factor.ln().abs().total_cmp(&b.0.factor.ln().abs()));
        let mut models: Vec<Variant> = Vec::new();
        for (place, scale, architecture) in places {
            match models.iter_mut().find(|model| model.architecture == architecture) {
                Some(model) => model.also.push(place),
                None => models.push(Variant {
                    key: String::new(),
                    axis: place.axis,
                    factor: place.factor,
                    also: Vec::new(),
                    held_back: Vec::new(),
                    scale,
                    architecture,
                    train_samples: None,
                    flops: None,
                    epochs: self.config.epochs,
                    seed: 0,
                    generation: self.generations(),
                }),
            }
        }
        prediction::mark(&mut models, earlier, &self.axes, self.predict)?;
        Ok(models)
    }

    fn check_lists(&self) -> Result<()> {
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
enum Amount {
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
