//! Which training configurations are valid.

use super::baseline::numbers;
use super::config::{TrainConfig, name_of, refused};
use super::losses::LossName;
use crate::arguments::LARGEST_INTEGER;
use crate::data::{Dataset, Targets};
use crate::error::Result;
use crate::optim::{Algorithm, Decay, OptimizerName};
use serde_json::Value;

impl TrainConfig {
    /// Checks that the configuration is valid.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for a count of zero, an integer above [`LARGEST_INTEGER`], a value
    /// outside its range, and a constant that the chosen optimiser or loss does not have.
    pub fn validate(&self) -> Result<()> {
        let counts = [Some(self.epochs), Some(self.batch), self.samples, self.validation_samples];
        if counts.contains(&Some(0)) || self.steps == Some(0) {
            return Err(refused("epochs, steps, batch and numbers of samples must be at least 1".into()));
        }
        if self.accumulate == 0 || self.early_stopping == Some(0) {
            return Err(refused("accumulate and early_stopping must be at least 1".into()));
        }
        if self.accumulate > self.batch {
            let (parts, batch) = (self.accumulate, self.batch);
            return Err(refused(format!(
                "accumulate is {parts}, more parts than a batch of {batch} has samples"
            )));
        }
        if let Some(decay) = self.average.filter(|decay| !(0.0..1.0).contains(decay)) {
            return Err(refused(format!("average is {decay}; it must be at least 0 and below 1")));
        }
        if let Some((name, number)) = self.fields().iter().find(|(_, value)| exceeds_toml(value)) {
            return Err(refused(format!("{name} is {number}; it must be at most {LARGEST_INTEGER}")));
        }
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let learning_rate = self.learning_rate;
        if !positive(learning_rate) {
            let problem = format!("the learning rate is {learning_rate}; it must be finite and above zero");
            return Err(refused(problem));
        }
        for (name, epsilon) in
            [("adam_epsilon", self.adam_epsilon), ("rmsprop_epsilon", self.rmsprop_epsilon)]
        {
            if !positive(epsilon) {
                return Err(refused(format!("{name} is {epsilon}; it must be finite and above zero")));
            }
        }
        // As the loss has it, in f32.
        let delta = self.huber_delta;
        if !positive((delta as f32).into()) {
            return Err(refused(format!("huber_delta is {delta}; it must be finite and above zero in f32")));
        }
        if let Some(norm) = self.clip_norm.filter(|&norm| !positive(norm)) {
            return Err(refused(format!("clip_norm is {norm}; it must be finite and above zero")));
        }
        if let Some(decay) = self.weight_decay.filter(|&decay| decay != 0.0 && !positive(decay)) {
            return Err(refused(format!("weight_decay is {decay}; it must be finite and at least zero")));
        }
        for (name, part) in [
            ("warmup", self.warmup),
            ("label_smoothing", self.label_smoothing),
            ("step_factor", self.step_factor),
            ("decay_share", self.decay_share),
        ] {
            if !(0.0..=1.0).contains(&part) {
                return Err(refused(format!("{name} is {part}; it must be from 0 to 1")));
            }
        }
        for (name, decay) in [
            ("momentum", self.momentum),
            ("adam_beta1", self.adam_beta1),
            ("adam_beta2", self.adam_beta2),
            ("lion_beta1", self.lion_beta1),
            ("lion_beta2", self.lion_beta2),
            ("rmsprop_rho", self.rmsprop_rho),
            ("rmsprop_momentum", self.rmsprop_momentum),
        ] {
            if !(0.0..1.0).contains(&decay) {
                return Err(refused(format!("{name} is {decay}; it must be at least 0 and below 1")));
            }
        }
        if !(self.step_share > 0.0 && self.step_share <= 1.0) {
            return Err(refused(format!(
                "step_share is {}; it must be above 0 and at most 1",
                self.step_share
            )));
        }
        if let Some(Err(problem)) = self.augment.map(|augment| augment.check()) {
            return Err(refused(format!("augment: {problem}")));
        }
        self.check_schedule()?;
        self.check_loss()?;
        self.check_optimizer()
    }

    /// Refuses constants of other schedules, which would have no effect.
    fn check_schedule(&self) -> Result<()> {
        for (schedule, names) in
            [(Decay::Step, &["step_factor", "step_share"][..]), (Decay::Wsd, &["decay_share"])]
        {
            let own: &[&str] = if self.schedule == schedule { names } else { &[] };
            if let Some(name) = self.set_in_vain(names.iter(), own) {
                let (found, wanted) = (name_of(self.schedule), name_of(schedule));
                return Err(refused(format!(
                    "{name} is set, but the schedule {found} does not use it; use {wanted}, or leave it out"
                )));
            }
        }
        Ok(())
    }

    /// Refuses constants of other losses, which would have no effect.
    fn check_loss(&self) -> Result<()> {
        // Without a name the targets decide.
        let own = match self.loss {
            Some(name) => name.hyperparameters().to_vec(),
            None => [Targets::Classes(1), Targets::Values(1)]
                .map(|targets| LossName::for_targets(targets).hyperparameters())
                .concat(),
        };
        let all = LossName::ALL.iter().flat_map(|name| name.hyperparameters());
        let Some(name) = self.set_in_vain(all, &own) else { return Ok(()) };
        let loss = self.loss.map_or_else(|| "of the targets".to_string(), name_of);
        let with = LossName::ALL.iter().filter(|loss| loss.hyperparameters().contains(&name));
        let with: Vec<String> = with.map(|loss| name_of(*loss)).collect();
        Err(refused(format!(
            "{name} is set, but the loss {loss} does not use it; use {}, or leave it out",
            with.join(" or ")
        )))
    }

    /// Refuses targets for which the loss is not defined: binary cross-entropy compares with probabilities.
    pub(super) fn check_targets(&self, set: &dyn Dataset) -> Result<()> {
        let (Targets::Values(count), Some(LossName::BinaryCrossEntropy)) = (set.targets(), self.loss) else {
            return Ok(());
        };
        match numbers(set, count)?.into_iter().find(|target| !(0.0..=1.0).contains(target)) {
            Some(target) => Err(refused(format!(
                "the loss binary-cross-entropy compares with probabilities, and a target is {target}; targets must be from 0 to \
                 1, and not scaled"
            ))),
            None => Ok(()),
        }
    }

    /// Refuses constants of other optimisers, which would have no effect.
    fn check_optimizer(&self) -> Result<()> {
        let (own, algorithm) = (self.optimizer.hyperparameters(), self.algorithm());
        let all = OptimizerName::ALL.iter().flat_map(|name| name.hyperparameters());
        let foreign = self.set_in_vain(all, own);
        if let Some(name) = foreign {
            let optimizer = name_of(self.optimizer);
            let hint = match name {
                "weight_decay" => {
                    format!("use {}", optimizers_with(Algorithm::has_decoupled_decay).join(" or "))
                }
                _ => "leave it out".to_string(),
            };
            return Err(refused(format!(
                "{name} is set, but the optimizer {optimizer} does not use it; {hint}"
            )));
        }
        algorithm.rule().check().map_err(|problem| refused(problem.to_string()))
    }

    /// The first of the names `all` that is not among `own` and whose field does not have its default.
    fn set_in_vain<'n>(&self, all: impl Iterator<Item = &'n &'n str>, own: &[&str]) -> Option<&'n str> {
        let (values, defaults) = (self.hyperparameters(), TrainConfig::default().hyperparameters());
        all.copied().find(|name| !own.contains(name) && values.get(name) != defaults.get(name))
    }
}

/// Whether this is an integer that TOML can't hold.
fn exceeds_toml(value: &Value) -> bool {
    value.as_u64().is_some_and(|number| number > LARGEST_INTEGER)
}

/// Names of the optimisers whose update rule has a property.
fn optimizers_with(property: impl Fn(Algorithm) -> bool) -> Vec<String> {
    let defaults = TrainConfig::default().hyperparameters();
    (OptimizerName::ALL.iter())
        .filter(|name| property(name.configured(&defaults)))
        .map(|name| name_of(*name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args;

    /// A name that no field has would never be set.
    #[test]
    fn rules_and_losses_take_their_constants_from_fields() {
        let command = TrainConfig::augment_args(clap::Command::new("train"));
        for name in LossName::ALL.iter().flat_map(|loss| loss.hyperparameters()) {
            assert!(command.get_arguments().any(|field| field.get_id() == name), "{name}");
        }
        for rule in OptimizerName::ALL {
            for name in rule.hyperparameters() {
                assert!(command.get_arguments().any(|field| field.get_id() == name), "{rule:?}: {name}");
            }
            assert!(!rule.variants().is_empty(), "{rule:?} has kernels");
        }
    }
}
