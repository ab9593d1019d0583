//! Extending a sweep by more factors, seeds, samples or epochs.
//!
//! An extended [`Plan`] records what it covered before. It keeps the existing runs with their keys and validation
//! samples, so their records stay valid, and adds the new runs after them. A *generation* is the plan between two
//! extensions; the first generation is number 1. Each generation predicts its own largest models, as a new sweep does
//! ([`Plan::predict`]), if they are larger than every model of earlier generations.

use super::extent::Extent;
use super::plan::Plan;
use crate::error::{Error, Result};

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

    /// The number of generations: one more than the number of extensions.
    pub fn generations(&self) -> usize {
        self.earlier.len() + 1
    }

    /// The plan as it was in generation `number`, counted from 1. The last generation is the plan itself, and so is any
    /// number beyond it.
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

    /// This plan, extended by everything that `wanted` covers beyond it. An equal plan is returned unchanged.
    ///
    /// # Errors
    /// [`Error::Config`] if `wanted` differs in more than its lists, lacks something that this plan covers, or adds no
    /// run.
    pub fn extended(&self, wanted: &Plan) -> Result<Plan> {
        // The command line has no flag for `most_seen`.
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
                "only factors, seeds, samples, epochs and FLOPs of a sweep can be extended, but other parts differ ({})",
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
                "the extension lacks what the sweep has: {}; name the existing values and the new ones",
                lacking.join("; ")
            ));
        }
        let earlier = self.earlier.iter().cloned().chain([extent]).collect();
        let mut plan = Plan { earlier, data: self.data.clone(), ..wanted.clone() };
        // A generation without a list of epochs uses the configuration's number.
        plan.config.epochs = self.config.epochs;
        plan.validate()?;
        if plan.variants()?.len() == self.variants()?.len() {
            return fail("the extension has no run that the sweep does not have".to_string());
        }
        Ok(plan)
    }

    /// The number of training samples that determines the size of a validation split, for data sets where the split
    /// depends on it; `None` for the whole set. It is the number of the first generation, so that all generations are
    /// validated on the same samples.
    ///
    /// # Errors
    /// [`Error::Config`] for a plan without a valid list of runs.
    pub fn validation_basis(&self) -> Result<Option<usize>> {
        let first = self.generation(1);
        Ok(first.most_samples()?.or(first.config.samples))
    }
}
