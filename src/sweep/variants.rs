//! Lists the runs of a plan.

use super::plan::{Amount, Plan};
use super::prediction::mark_held_back;
use super::record::GridPoint;
use super::variant::Variant;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::models::axis::Scale;
use crate::models::cost::{Cost, FLOPS_PER_MAC};

/// The smallest number of steps of a training on the whole set. After fewer steps a model has learned next to nothing.
pub const MIN_STEPS: usize = 24;

/// The last epoch of a budget is trained if the budget covers this share of it.
const PAID: f64 = 0.9;

impl Plan {
    /// Lists every run in the order of training. All models come with the first seed before the second seed, and with
    /// the first amount of data before the second, so that an interrupted sweep already covers all models. Held-back
    /// runs come last.
    ///
    /// Several points of the grid can have the same model: factor 1 is the base model on every axis, and rounding maps
    /// neighbouring factors to one size. Such a model is one run, listed at the point whose factor is nearest to 1;
    /// [`Variant::also`] has the other points.
    ///
    /// Runs of earlier generations come first and keep their keys.
    ///
    /// # Errors
    /// [`Error::Config`] for lists that are not valid; what makes a model impossible to build.
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

    /// Checks that a training set has enough samples for every run. A run on fewer samples than its plan says would be
    /// recorded with too many. A set that generates new samples in each epoch always has enough.
    ///
    /// # Errors
    /// [`Error::Config`] with the key of a run that needs more samples than the set has.
    pub fn check_samples(&self, set: &dyn Dataset) -> Result<()> {
        if self.samples.is_empty() && self.flops.is_empty() {
            return Ok(());
        }
        check_samples(&self.variants()?, set)
    }

    /// The number of runs that are left out because their budgets pay for fewer than [`MIN_STEPS`] steps.
    ///
    /// # Errors
    /// Those of [`Plan::variants`].
    pub fn too_short(&self) -> Result<usize> {
        let models = self.models(&[])?;
        let mut count = 0;
        for amount in self.amounts() {
            for model in &models {
                count += usize::from(self.variant(model, amount, self.config.epochs, 0)?.is_none());
            }
        }
        Ok(count * self.seeds.len())
    }

    /// The runs of the plan's lists, including those that earlier generations have.
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
        // The sort is stable: the order above is kept within each part.
        runs.sort_by_key(|run| !run.held_back.is_empty());
        Ok(runs)
    }

    /// Whether the plan has trainings of this many epochs on this amount of data.
    fn covers(&self, amount: Amount, epochs: usize) -> bool {
        match (amount, self.most_seen) {
            (Amount::Samples(samples), Some(most)) => samples.saturating_mul(epochs) <= most,
            _ => true,
        }
    }

    /// The run of a model with an amount of data, a number of epochs and a seed, and its key; `None` if the training
    /// would be too short.
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

    /// Training samples per epoch and number of epochs of a training that sees about `seen` samples: with `epochs`
    /// epochs, or on the whole set. `None` if the training would be too short.
    fn training_of(&self, seen: f64, epochs: usize) -> Option<(usize, usize)> {
        let batch = self.config.batch;
        let Some(all) = self.whole_set else {
            return Some((self.whole_batches(seen / epochs as f64), epochs));
        };
        let passes = seen / all as f64;
        let (samples, epochs) =
            if passes < 1.0 { (self.whole_batches(seen), 1) } else { (all, (passes / PAID) as usize) };
        (samples.min(all) / batch.min(all) * epochs >= MIN_STEPS).then_some((samples.min(all), epochs))
    }

    /// Rounds a number of samples down to whole batches, at least one.
    pub(super) fn whole_batches(&self, samples: f64) -> usize {
        (samples as usize / self.config.batch).max(1) * self.config.batch
    }

    /// Every distinct model, without key and seed.
    fn models(&self, earlier: &[Variant]) -> Result<Vec<Variant>> {
        let mut places = Vec::with_capacity(self.axes.len() * self.factors.len());
        for &axis in &self.axes {
            for &factor in &self.factors {
                let scale = axis.scale(factor, &self.compound, &self.architecture)?;
                let architecture = scale.apply(&self.architecture)?;
                // Refuses a plan with a model whose size can't be counted before any run begins.
                Cost::of(&architecture)?;
                places.push((GridPoint { axis, factor }, scale, architecture));
            }
        }
        // The sort is stable: equal distances keep the plan's order.
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
        mark_held_back(&mut models, earlier, &self.axes, self.predict)?;
        Ok(models)
    }
}

/// The runs of a later generation that no earlier generation has: they differ in model, amount of data, number of
/// epochs, or seed.
fn new_runs(runs: Vec<Variant>, earlier: &[Variant]) -> Vec<Variant> {
    let same = |a: &Variant, b: &Variant| {
        (a.seed, a.train_samples, a.flops, a.epochs) == (b.seed, b.train_samples, b.flops, b.epochs)
            && a.architecture == b.architecture
    };
    runs.into_iter().filter(|run| !earlier.iter().any(|known| same(known, run))).collect()
}

/// Checks that a training set has enough samples for each of these runs. A set that generates new samples always has.
///
/// # Errors
/// [`Error::Config`] with the key of a run that needs more samples than the set has.
pub(super) fn check_samples(runs: &[Variant], set: &dyn Dataset) -> Result<()> {
    let most = runs.iter().filter_map(|run| run.train_samples).max();
    let Some(most) = most.filter(|&most| !set.is_endless() && most > set.len()) else { return Ok(()) };
    let Some(run) = runs.iter().find(|run| run.train_samples == Some(most)) else { return Ok(()) };
    let hint = match run.flops {
        None => "leave out larger numbers",
        Some(_) => "use smaller budgets, more epochs, or larger models",
    };
    let problem =
        format!("{} asks for {most} training samples, but {} has {}; {hint}", run.key, set.name(), set.len());
    Err(Error::Config { what: "plan".to_string(), problem })
}
