//! Which runs a plan has.

use super::plan::{Amount, Plan};
use super::prediction::mark_held_back;
use super::record::GridPoint;
use super::variant::Variant;
use crate::error::Result;
use crate::models::axis::Scale;
use crate::models::cost::{Cost, FLOPS_PER_MAC};

/// Trainings on the whole set have at least so many steps: after fewer, a model has learned next to nothing.
pub const MIN_STEPS: usize = 24;

/// A budget pays for an epoch if this part of it is paid for.
const PAID: f64 = 0.9;

impl Plan {
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
        (samples.min(all) / batch.min(all) * epochs >= MIN_STEPS).then_some((samples.min(all), epochs))
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
                places.push((GridPoint { axis, factor }, scale, architecture));
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
        mark_held_back(&mut models, earlier, &self.axes, self.predict)?;
        Ok(models)
    }
}

/// The runs of a later generation that none before has: of another model, on another amount of data, of another
/// number of epochs, or with another seed.
fn new_runs(runs: Vec<Variant>, earlier: &[Variant]) -> Vec<Variant> {
    let same = |a: &Variant, b: &Variant| {
        (a.seed, a.train_samples, a.flops, a.epochs) == (b.seed, b.train_samples, b.flops, b.epochs)
            && a.architecture == b.architecture
    };
    runs.into_iter().filter(|run| !earlier.iter().any(|known| same(known, run))).collect()
}
