//! The training loop: epochs of shuffled batches, a read-back of the metrics every fraction of a second, validation
//! after each epoch.

use super::config::TrainConfig;
use super::trainer::Metrics;
use crate::data::{Dataset, Loader, LoaderOptions, Splits};
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::optim::{LossScaling, Schedule};
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

/// The state of a training, reported after each read-back.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Progress {
    /// The current epoch, counted from 1.
    pub epoch: u64,
    /// Epochs of the whole training.
    pub epochs: u64,
    /// Steps done in this epoch.
    pub step: u64,
    /// Steps of this epoch.
    pub steps: u64,
    /// Means since the last report.
    pub metrics: Metrics,
    /// Training throughput since the last report, in samples per second.
    pub samples_per_second: f64,
}

/// The results of an epoch.
#[derive(Clone, Debug, Serialize)]
pub struct EpochReport {
    /// The epoch, counted from 1.
    pub epoch: u64,
    /// Epochs of the whole training.
    pub epochs: u64,
    /// Means over the epoch's training samples.
    pub train: Metrics,
    /// Means over the validation samples after the epoch.
    pub validation: Metrics,
    /// Training throughput without validation, in samples per second.
    pub samples_per_second: f64,
    /// Seconds of the epoch, validation included.
    pub seconds: f64,
    /// The loss scale and the steps skipped since training began; `None` in f32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_scaling: Option<LossScaling>,
}

/// The results of a training.
#[derive(Clone, Debug, Default, Serialize)]
pub struct History {
    /// The results of each epoch.
    pub epochs: Vec<EpochReport>,
    /// Samples per second between consecutive read-backs. The first step, which compiles kernels and allocates memory,
    /// is left out.
    pub throughput: Vec<f64>,
    /// Samples trained on, repeats included.
    pub samples_seen: u64,
    /// Seconds of the whole training, validation included.
    pub seconds: f64,
}

/// Callbacks of a training.
pub trait Callback {
    /// Called after each read-back.
    fn on_progress(&mut self, _progress: &Progress) {}

    /// Called after the validation of each epoch.
    fn on_epoch(&mut self, _report: &EpochReport) {}

    /// Seconds between read-backs of loss and accuracy. Each epoch ends with another read-back. Between read-backs the
    /// host does not wait for the device.
    fn report_seconds(&self) -> f64 {
        0.25
    }

    /// Called before each step. Return true to stop training with [`Error::Interrupted`].
    fn interrupted(&self) -> bool {
        false
    }
}

/// A callback that does nothing.
impl Callback for () {}

/// Trains `model` on `splits` with the hyper-parameters of `config`.
///
/// # Errors
/// [`Error::Diverged`] if the training or validation loss is not finite; [`Error::Interrupted`] if the callback asks to
/// stop; [`Error::Config`] for an invalid configuration, or a loss that is not defined for the data's targets; errors
/// of the data and the device.
pub fn fit(
    model: &Model,
    splits: &Splits,
    config: &TrainConfig,
    callback: &mut dyn Callback,
) -> Result<History> {
    config.validate()?;
    let rates = config.rates(config.total_steps(splits.train.len()));
    fit_at(model, splits, config, &rates, callback)
}

/// As [`fit`], with the learning-rate schedule `rates` instead of the configuration's.
///
/// # Errors
/// Those of [`fit`].
pub fn fit_at(
    model: &Model,
    splits: &Splits,
    config: &TrainConfig,
    rates: &Schedule,
    callback: &mut dyn Callback,
) -> Result<History> {
    let loader = |set: &Arc<dyn Dataset>, shuffle: bool| {
        let batch = config.batch.min(set.len());
        Loader::new(set.clone(), LoaderOptions { batch, shuffle, seed: config.seed, drop_last: shuffle })
    };
    let (training, validation) = (loader(&splits.train, true)?, loader(&splits.validation, false)?);
    let mut trainer = config.trainer(model, splits.train.targets())?;
    let mut history = History::default();
    let start = Instant::now();
    let (total_steps, per_epoch) = (config.total_steps(splits.train.len()), training.batches() as u64);
    let epochs = total_steps.div_ceil(per_epoch);
    for epoch in 0..epochs {
        let epoch_start = Instant::now();
        let mut meter = Meter::new();
        // Sums run over the whole epoch, so its means do not depend on when they are read.
        let mut total = Metrics::default();
        let steps = per_epoch.min(total_steps - epoch * per_epoch);
        for (step, batch) in (1..=steps).zip(training.epoch(epoch)) {
            if callback.interrupted() {
                return Err(Error::Interrupted);
            }
            let batch = batch?;
            meter.samples += batch.size as u64;
            trainer.step(&batch, rates.rate(trainer.steps()))?;
            // The first step compiles kernels and allocates memory, so its throughput is not representative.
            let warm_up = epoch == 0 && step == 1;
            if step == steps || warm_up || meter.seconds() >= callback.report_seconds() {
                let sums = if step == steps { trainer.take_metrics()? } else { trainer.metrics()? };
                let earlier = std::mem::replace(&mut total, sums);
                let rate = meter.lap();
                if !warm_up {
                    history.throughput.push(rate);
                }
                callback.on_progress(&Progress {
                    epoch: epoch + 1,
                    epochs,
                    step,
                    steps,
                    metrics: total.since(&earlier),
                    samples_per_second: rate,
                });
            }
        }
        history.samples_seen += total.samples;
        let trained = epoch_start.elapsed().as_secs_f64();
        let report = EpochReport {
            epoch: epoch + 1,
            epochs,
            train: total,
            validation: trainer.evaluate(validation.epoch(0))?,
            samples_per_second: total.samples as f64 / trained,
            seconds: epoch_start.elapsed().as_secs_f64(),
            loss_scaling: trainer.loss_scaling()?,
        };
        callback.on_epoch(&report);
        // The last update can make a model diverge whose training losses were finite.
        if !report.validation.loss.is_finite() {
            let (step, loss) = (trainer.steps(), report.validation.loss);
            return Err(Error::Diverged { step, loss, updated: true });
        }
        history.epochs.push(report);
    }
    history.seconds = start.elapsed().as_secs_f64();
    Ok(history)
}

/// Measures samples per second between two calls of `lap`.
struct Meter {
    since: Instant,
    samples: u64,
}

impl Meter {
    fn new() -> Meter {
        Meter { since: Instant::now(), samples: 0 }
    }

    fn seconds(&self) -> f64 {
        self.since.elapsed().as_secs_f64()
    }

    fn lap(&mut self) -> f64 {
        let rate = self.samples as f64 / self.seconds();
        *self = Meter::new();
        rate
    }
}
