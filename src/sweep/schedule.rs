//! How each model of a sweep is trained: epochs, batch, learning rate, precision, and numbers of samples.

use crate::error::{Error, Result};
use crate::models::architecture::Architecture;
use crate::models::cost::loss_of;
use crate::models::step::StepOptions;
use crate::nn::Precision;
use crate::optim::{self, Decay};
use crate::train::FitOptions;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How each model of a sweep is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Passes over the training samples.
    pub epochs: usize,
    /// Samples a step.
    pub batch: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// In which types the models are stored.
    #[serde(default, skip_serializing_if = "Precision::is_f32")]
    pub precision: Precision,
    /// Whether activations are computed again in the backward pass rather than kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recompute: bool,
    /// The most that the norm of all gradients together may be; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Training samples an epoch; the whole set when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_samples: Option<usize>,
    /// Validation samples; the whole set when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_samples: Option<usize>,
}

impl Schedule {
    /// Checks that a model can be trained by it.
    pub fn validate(&self) -> Result<()> {
        let fail = |problem: String| Err(Error::Config { what: "plan".into(), problem });
        let Schedule { epochs, batch, learning_rate, clip_norm, train_samples, validation_samples, .. } =
            *self;
        if epochs == 0 || batch == 0 || train_samples == Some(0) || validation_samples == Some(0) {
            return fail("epochs, batch and numbers of samples must be at least 1".into());
        }
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            return fail(format!("the learning rate is {learning_rate}; it must be finite and above zero"));
        }
        if let Some(norm) = clip_norm.filter(|&norm| !(norm > 0.0 && norm.is_finite())) {
            return fail(format!("gradients are clipped to {norm}; it must be finite and above zero"));
        }
        Ok(())
    }

    /// How each step computes.
    pub fn step(&self) -> StepOptions {
        StepOptions {
            batch: self.batch,
            precision: self.precision,
            recompute: self.recompute,
            clip_norm: self.clip_norm,
            ..StepOptions::default()
        }
    }

    /// How a model is trained on so many samples an epoch: a warm-up over a twentieth of the steps, then half a cosine
    /// down to zero.
    pub fn fit_options(
        &self,
        architecture: &Architecture,
        samples: usize,
        seed: u64,
        interrupted: Arc<AtomicBool>,
    ) -> FitOptions {
        let total = self.steps(samples);
        FitOptions {
            epochs: self.epochs as u64,
            batch: self.batch,
            seed,
            loss: loss_of(architecture),
            algorithm: self.step().algorithm,
            schedule: optim::Schedule {
                peak: self.learning_rate,
                warmup: total / 20,
                decay: Decay::Cosine,
                total,
            },
            clip_norm: self.clip_norm,
            report_seconds: 0.25,
            interrupted,
        }
    }

    /// Steps of a whole training on so many samples an epoch, of which those beyond the last full batch are left out.
    fn steps(&self, samples: usize) -> u64 {
        (self.epochs as u64).saturating_mul((samples / self.batch.min(samples)) as u64)
    }

    /// Samples that a whole training on so many an epoch, at least one, sees.
    pub fn samples_seen(&self, samples: usize) -> u64 {
        self.steps(samples).saturating_mul(self.batch.min(samples) as u64)
    }

    /// Different samples that a training sees, of a set with so many an epoch: whole batches of new samples in every
    /// epoch of an endless set, else the same in every epoch, which is shuffled before its last batch is cut off.
    pub(crate) fn distinct_samples(&self, samples: usize, endless: bool) -> u64 {
        let seen = self.samples_seen(samples);
        if endless { seen } else { seen.min(samples as u64) }
    }
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule {
            epochs: 3,
            batch: 64,
            learning_rate: 1e-3,
            precision: Precision::F32,
            recompute: false,
            clip_norm: None,
            train_samples: None,
            validation_samples: None,
        }
    }
}
