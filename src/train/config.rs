//! The training configuration: every hyper-parameter, defined once.
//!
//! A [`TrainConfig`] is data. The command line has a flag for each field, `--config` reads it from TOML, and plans of
//! sweeps, records and planned trainings contain it. To add a hyper-parameter, add a field with its default here, and
//! the code that uses it.

use super::losses::{Loss, LossName, TargetKind, cross_entropy::CrossEntropy, huber::Huber};
use super::trainer::Trainer;
use crate::arguments::{count, decay, not_negative, part, positive};
use crate::data::{self, Augment, Normalize, Splits, Targets};
use crate::error::{Error, Result, brief};
use crate::nn::{Model, Precision};
use crate::optim::rules::{adam::Adam, lion::Lion, rmsprop::RmsProp, sgd::Sgd};
use crate::optim::{Algorithm, Decay, DecayExempt, Hyperparameters, OptimizerName, Schedule};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// The hyper-parameters of a training.
///
/// ```
/// use allometry::train::{OptimizerName, TrainConfig};
///
/// let config = TrainConfig { epochs: 10, optimizer: OptimizerName::AdamW, ..TrainConfig::default() };
/// assert_eq!(TrainConfig::from_toml("epochs = 10\noptimizer = \"adamw\"")?, config);
/// # Ok::<(), allometry::Error>(())
/// ```
#[derive(Args, Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "Training")]
pub struct TrainConfig {
    /// Passes over the training samples.
    #[arg(skip = TrainConfig::default().epochs)]
    pub epochs: usize,
    /// Steps of the whole training, instead of epochs. The last epoch may be incomplete.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Seed of the initial weights, the order of samples, and dropout.
    #[arg(skip)]
    pub seed: u64,
    /// Training samples per epoch; `None` for the whole set.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
    /// Validation samples; `None` for the whole set.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_samples: Option<usize>,
    /// Samples per step. An epoch has complete batches only; the samples left over are others in every epoch.
    #[arg(long, default_value_t = TrainConfig::default().batch, value_parser = count)]
    pub batch: usize,
    /// Peak learning rate, reached at the end of the warm-up. The optimiser lion needs about a tenth of adam's.
    #[arg(long, default_value_t = TrainConfig::default().learning_rate, value_parser = positive)]
    pub learning_rate: f64,
    /// How the learning rate changes after the warm-up.
    #[arg(long, value_enum, default_value_t)]
    pub schedule: Decay,
    /// Share of all steps in which the learning rate rises linearly from zero, 0 to 1.
    #[arg(long, value_name = "PART", default_value_t = TrainConfig::default().warmup, value_parser = part)]
    pub warmup: f64,
    /// The factor of each drop of the schedule step, 0 to 1.
    #[arg(long, value_name = "FACTOR", default_value_t = TrainConfig::default().step_factor, value_parser = part)]
    pub step_factor: f64,
    /// Share of all steps between two drops of the schedule step, 0 to 1.
    #[arg(long, value_name = "PART", default_value_t = TrainConfig::default().step_share, value_parser = part)]
    pub step_share: f64,
    /// Share of all steps at the end in which the schedule wsd falls to zero, 0 to 1.
    #[arg(long, value_name = "PART", default_value_t = TrainConfig::default().decay_share, value_parser = part)]
    pub decay_share: f64,
    /// The optimiser.
    #[arg(long, value_enum, default_value_t)]
    pub optimizer: OptimizerName,
    /// Momentum of sgd.
    #[arg(long, default_value_t = TrainConfig::default().momentum, value_parser = decay)]
    pub momentum: f64,
    /// Use Nesterov momentum in sgd.
    #[arg(long)]
    pub nesterov: bool,
    /// Decay rate of the mean of gradients in adam and adamw.
    #[arg(long, value_name = "BETA1", default_value_t = TrainConfig::default().adam_beta1, value_parser = decay)]
    pub adam_beta1: f64,
    /// Decay rate of the mean of squared gradients in adam and adamw.
    #[arg(long, value_name = "BETA2", default_value_t = TrainConfig::default().adam_beta2, value_parser = decay)]
    pub adam_beta2: f64,
    /// Constant that adam and adamw add to the root of the mean of squared gradients.
    #[arg(long, value_name = "EPSILON", default_value_t = TrainConfig::default().adam_epsilon, value_parser = positive)]
    pub adam_epsilon: f64,
    /// Weight that lion gives the earlier mean in the sum whose sign is the step.
    #[arg(long, value_name = "BETA1", default_value_t = TrainConfig::default().lion_beta1, value_parser = decay)]
    pub lion_beta1: f64,
    /// Decay rate of the mean of gradients in lion.
    #[arg(long, value_name = "BETA2", default_value_t = TrainConfig::default().lion_beta2, value_parser = decay)]
    pub lion_beta2: f64,
    /// Decay rate of the mean of squared gradients in rmsprop.
    #[arg(long, value_name = "RHO", default_value_t = TrainConfig::default().rmsprop_rho, value_parser = decay)]
    pub rmsprop_rho: f64,
    /// Momentum of rmsprop.
    #[arg(long, value_name = "MOMENTUM", default_value_t = TrainConfig::default().rmsprop_momentum, value_parser = decay)]
    pub rmsprop_momentum: f64,
    /// Constant that rmsprop adds to the mean of squared gradients, inside the root.
    #[arg(long, value_name = "EPSILON", default_value_t = TrainConfig::default().rmsprop_epsilon, value_parser = positive)]
    pub rmsprop_epsilon: f64,
    /// Weight decay of sgd and rmsprop (added to the gradient), adamw and lion (decoupled); by default 0.01 for adamw,
    /// 0 for others.
    #[arg(long, value_name = "DECAY", value_parser = not_negative)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Parameters that are exempt from weight decay: biases, and the scales and offsets of normalisation (vectors), or
    /// none.
    #[arg(long, value_enum, default_value_t)]
    pub decay_exempt: DecayExempt,
    /// Clip gradients to this global norm.
    #[arg(long, value_name = "NORM", value_parser = positive)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Loss function; by default cross-entropy for classes, mean squared error for numbers.
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossName>,
    /// The difference up to which the loss huber is half the square, and beyond which it is linear.
    #[arg(long, value_name = "DELTA", default_value_t = TrainConfig::default().huber_delta, value_parser = positive)]
    pub huber_delta: f64,
    /// Share of a label's probability that cross-entropy spreads over all classes, 0 to 1.
    #[arg(long, value_name = "PART", default_value_t = TrainConfig::default().label_smoothing, value_parser = part)]
    pub label_smoothing: f64,
    /// Parts that each batch is computed in, one after the other, with one update: less memory, the same step. A batch
    /// norm normalises by the statistics of a part.
    #[arg(long, value_name = "PARTS", default_value_t = TrainConfig::default().accumulate, value_parser = count)]
    pub accumulate: usize,
    /// Evaluate and save an exponential moving average of the weights, with this decay per step (0.999, 0.9999).
    #[arg(long, value_name = "DECAY", value_parser = decay)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
    /// Stop after this many epochs in a row without a lower validation loss. The model keeps the weights of the epoch
    /// with the lowest.
    #[arg(long, value_name = "EPOCHS", value_parser = count)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<usize>,
    /// How values of images are normalised: by the mean and the deviation of each channel over the training images, or
    /// not. Drawn glyphs are not normalised.
    #[arg(long, value_enum, default_value_t)]
    pub normalize: Normalize,
    /// Random changes of the training images, separated by commas: resized-crop:0.08 (least part of the area), crop:4
    /// (pixels), flip, rotate:15 (degrees), brightness:0.2, contrast:0.2, cutout:8 (pixels), mixup:0.2.
    #[arg(long, value_name = "CHANGES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub augment: Option<Augment>,
    /// Precision of training: mixed stores weights, activations and gradients in f16, and master weights in f32.
    #[arg(long, value_enum, default_value_t)]
    pub precision: Precision,
    /// Recompute activations in the backward pass instead of keeping them: less memory, more time, the same results.
    #[arg(long)]
    pub recompute: bool,
}

impl Default for TrainConfig {
    /// Adam for three epochs with batches of 64: warm-up over 5 % of the steps, then cosine decay.
    fn default() -> TrainConfig {
        let (sgd, adam, lion, rmsprop) =
            (Sgd::default(), Adam::default(), Lion::default(), RmsProp::default());
        TrainConfig {
            epochs: 3,
            steps: None,
            seed: 0,
            samples: None,
            validation_samples: None,
            batch: 64,
            learning_rate: 2e-3,
            schedule: Decay::Cosine,
            warmup: 0.05,
            step_factor: 0.1,
            step_share: 0.3,
            decay_share: 0.2,
            optimizer: OptimizerName::default(),
            momentum: sgd.momentum,
            nesterov: sgd.nesterov,
            adam_beta1: adam.beta1,
            adam_beta2: adam.beta2,
            adam_epsilon: adam.epsilon,
            lion_beta1: lion.beta1,
            lion_beta2: lion.beta2,
            rmsprop_rho: rmsprop.rho,
            rmsprop_momentum: rmsprop.momentum,
            rmsprop_epsilon: rmsprop.epsilon,
            weight_decay: None,
            decay_exempt: DecayExempt::default(),
            clip_norm: None,
            loss: None,
            huber_delta: Huber::default().delta.into(),
            label_smoothing: CrossEntropy::default().smoothing.into(),
            accumulate: 1,
            average: None,
            early_stopping: None,
            normalize: Normalize::default(),
            augment: None,
            precision: Precision::F32,
            recompute: false,
        }
    }
}

impl TrainConfig {
    /// Parses and validates a configuration. Fields that the text does not set have their defaults.
    ///
    /// # Errors
    /// [`Error::Config`] for text that is not TOML, an unknown field, and those of [`TrainConfig::validate`].
    pub fn from_toml(text: &str) -> Result<TrainConfig> {
        let config: TrainConfig = toml::from_str(text).map_err(|error| refused(brief(error)))?;
        config.validate()?;
        Ok(config)
    }

    /// Reads a configuration from a TOML file.
    ///
    /// # Errors
    /// Those of [`TrainConfig::from_toml`], with the file's name; [`Error::File`] if the file can't be read.
    pub fn load(path: &Path) -> Result<TrainConfig> {
        let text = std::fs::read_to_string(path).map_err(Error::file(path, "read"))?;
        TrainConfig::from_toml(&text).map_err(|error| match error {
            Error::Config { problem, .. } => Error::Config { what: path.display().to_string(), problem },
            other => other,
        })
    }

    /// Writes the configuration as TOML. [`TrainConfig::from_toml`] reads it back as an equal configuration.
    ///
    /// # Errors
    /// [`Error::Config`] for a number that TOML can't hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| refused(error.to_string()))
    }

    /// The fields by name: numbers, names and booleans. Fields that are `None` are left out.
    pub fn fields(&self) -> serde_json::Map<String, Value> {
        // JSON has all integers of 64 bits; TOML has not.
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => unreachable!("every field is a number, a name or a boolean"),
        }
    }

    /// Names of the fields whose values differ from those of `other`. Exemptions from weight decay do not count where
    /// both have no weight decay.
    pub fn differences(&self, other: &TrainConfig) -> Vec<String> {
        let (own, others) = (self.fields(), other.fields());
        let names: BTreeSet<&String> = own.keys().chain(others.keys()).collect();
        let decays = |config: &TrainConfig| config.algorithm().weight_decay() > 0.0;
        let counts = |name: &str| name != "decay_exempt" || decays(self) || decays(other);
        let differs = |name: &String| own.get(name) != others.get(name) && counts(name);
        names.into_iter().filter(|name| differs(name)).cloned().collect()
    }

    /// This configuration with `other`'s values in the fields for which `chosen` returns true.
    ///
    /// # Errors
    /// [`Error::Config`] for numbers that are not finite.
    pub fn overridden(&self, other: &TrainConfig, chosen: impl Fn(&str) -> bool) -> Result<TrainConfig> {
        let mut fields = self.fields();
        fields.extend(other.fields().into_iter().filter(|(name, _)| chosen(name)));
        serde_json::from_value(Value::Object(fields)).map_err(|error| refused(error.to_string()))
    }

    /// Command-line flags for the fields that differ from the defaults: `--batch 16`, `--recompute`. Leaves out epochs,
    /// steps, seed and numbers of samples, for which each command has its own flags.
    pub fn flags(&self) -> Vec<String> {
        let defaults = TrainConfig::default().fields();
        let command = TrainConfig::augment_args(clap::Command::new("train"));
        let mut flags = Vec::new();
        for (name, value) in
            self.fields().into_iter().filter(|(name, value)| defaults.get(name) != Some(value))
        {
            let Some(flag) = command.get_arguments().find(|argument| argument.get_id() == name.as_str())
            else {
                continue;
            };
            let flag = format!("--{}", flag.get_long().unwrap_or_default());
            flags.push(match value {
                Value::Bool(_) => flag,
                Value::String(text) => format!("{flag} {text}"),
                number => format!("{flag} {number}"),
            });
        }
        flags
    }

    /// The fields by name. Fields that are `None` are left out.
    pub(super) fn hyperparameters(&self) -> Hyperparameters {
        Hyperparameters::new(self.fields())
    }

    /// The optimiser with its constants.
    pub fn algorithm(&self) -> Algorithm {
        self.optimizer.configured(&self.hyperparameters())
    }

    /// The loss function for targets of this kind.
    ///
    /// # Errors
    /// [`Error::Config`] for a loss that is not defined for such targets.
    pub fn loss(&self, targets: Targets) -> Result<Loss> {
        let name = self.loss.unwrap_or_else(|| LossName::for_targets(targets));
        let loss = name.configured(&self.hyperparameters());
        let kind = TargetKind::of(targets);
        if loss.function().compares_with() != kind {
            let found = if kind == TargetKind::Labels { "classes" } else { "numbers" };
            return Err(refused(format!(
                "the loss {} is not defined for targets that are {found}; leave it out",
                name_of(name)
            )));
        }
        if self.label_smoothing > 0.0 && kind == TargetKind::Numbers {
            return Err(refused(
                "label_smoothing is set, but targets that are numbers have no labels; leave it out".into(),
            ));
        }
        Ok(loss)
    }

    /// The training data as a training reads them: normalised and augmented as the configuration says.
    /// [`fit`](super::fit()) does this itself.
    ///
    /// # Errors
    /// [`Error::Config`] for changes of images that the samples do not allow; errors of the data.
    pub fn prepared(&self, splits: &Splits) -> Result<Splits> {
        let augment = self.augment.unwrap_or_default();
        if augment.mixup > 0.0 && !matches!(splits.train.targets(), Targets::Classes(_)) {
            return Err(refused("mixup needs targets that are classes; leave it out of augment".into()));
        }
        data::prepared(splits, augment, self.normalize, self.seed)
    }

    /// Creates the trainer of `model` for targets of this kind.
    ///
    /// # Errors
    /// Those of [`TrainConfig::loss`] and [`TrainConfig::validate`]; [`Error::OutOfMemory`].
    pub fn trainer<'a>(&self, model: &'a Model, targets: Targets) -> Result<Trainer<'a>> {
        self.validate()?;
        Trainer::new(model, self.loss(targets)?, self.algorithm())?
            .with_decay_exempt(self.decay_exempt)
            .with_clip_norm(self.clip_norm)?
            .with_parts(self.accumulate)?
            .with_average(self.average)
    }

    /// The learning-rate schedule of a training of `steps` steps.
    pub fn rates(&self, steps: u64) -> Schedule {
        let warmup = (self.warmup * steps as f64) as u64;
        let every = ((self.step_share * steps as f64) as u64).max(1);
        let last = (self.decay_share * steps as f64) as u64;
        let shape =
            Schedule { factor: self.step_factor, every, last, ..Schedule::constant(self.learning_rate) };
        Schedule { warmup, decay: self.schedule, total: steps, ..shape }
    }

    /// Steps of the whole training with `samples` samples per epoch. An epoch has complete batches only.
    pub fn total_steps(&self, samples: usize) -> u64 {
        let from_epochs = || (self.epochs as u64).saturating_mul(self.steps_per_epoch(samples));
        self.steps.unwrap_or_else(from_epochs)
    }

    /// Samples of a part of a batch, and of a batch of the validation: those whose activations are in memory at a time.
    pub fn samples_at_a_time(&self) -> usize {
        self.batch.div_ceil(self.accumulate)
    }

    /// Steps of an epoch of `samples` samples: the number of complete batches, or 1 if there are fewer samples than a
    /// batch.
    pub fn steps_per_epoch(&self, samples: usize) -> u64 {
        (samples / self.batch.min(samples)) as u64
    }

    /// Samples that the whole training sees with `samples` samples per epoch, repeats included.
    pub fn samples_seen(&self, samples: usize) -> u64 {
        self.total_steps(samples).saturating_mul(self.batch.min(samples) as u64)
    }

    /// Distinct samples that the training sees of a set with `samples` samples per epoch. An `endless` set generates
    /// new samples in every epoch, so all of its samples are distinct; a finite set has at most those of one epoch.
    pub fn distinct_samples(&self, samples: usize, endless: bool) -> u64 {
        let seen = self.samples_seen(samples);
        if endless { seen } else { seen.min(samples as u64) }
    }
}

/// The name of an enum value in flags and files.
pub fn name_of(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
}

/// The error for a configuration that is not valid.
pub(super) fn refused(problem: String) -> Error {
    Error::Config { what: "training configuration".into(), problem }
}
