//! Sweeps that go on with more factors, seeds, samples or epochs.
//!
//! An extended [`Plan`] remembers what it covered before. Its runs are those of before, with the keys and the validation
//! samples that they have, and then those that are new; so records stay as they are. A *generation* is a plan as it was
//! between two extensions, the first is number 1. Models that are larger than all before are held back and predicted
//! as in a new sweep ([`Plan::predict`]), each generation's on their own.

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
    pub fn validation_basis(&self) -> Result<Option<usize>> {
        let first = self.generation(1);
        Ok(first.most_samples()?.or(first.config.samples))
    }
}
