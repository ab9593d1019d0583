//! The loop: epochs of shuffled batches, a read-back every so many steps, validation after each epoch.

use super::config::TrainConfig;
use super::trainer::Metrics;
use crate::data::{Dataset, Loader, LoaderOptions, Splits};
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::optim::{LossScaling, Schedule};
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

/// Where training stands.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Progress {
    pub epoch: u64,
    pub epochs: u64,
    /// Steps done in this epoch, and in a whole one.
    pub step: u64,
    pub steps: u64,
    /// Means since the last report.
    pub metrics: Metrics,
    pub samples_per_second: f64,
}

/// What an epoch came to.
#[derive(Clone, Debug, Serialize)]
pub struct EpochReport {
    /// Counted from 1.
    pub epoch: u64,
    pub epochs: u64,
    pub train: Metrics,
    pub validation: Metrics,
    /// Samples per second of training, without validation.
    pub samples_per_second: f64,
    /// Seconds, validation included.
    pub seconds: f64,
    /// In mixed precision: the scale of the loss, and the steps skipped since training began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_scaling: Option<LossScaling>,
}

/// What training came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct History {
    pub epochs: Vec<EpochReport>,
    /// Samples per second between two read-backs, over the whole training, the first ones left out while kernels
    /// compile and memory is first touched.
    pub throughput: Vec<f64>,
    /// Samples trained on.
    pub samples_seen: u64,
    /// Seconds in all.
    pub seconds: f64,
}

/// Follows a training, and can end it.
pub trait Callback {
    /// Called after a read-back.
    fn on_progress(&mut self, _progress: &Progress) {}

    /// Called after an epoch's validation.
    fn on_epoch(&mut self, _report: &EpochReport) {}

    /// Seconds between two read-backs of loss and accuracy; each epoch ends with another one. Between them the host
    /// never waits for the device.
    fn report_seconds(&self) -> f64 {
        0.25
    }

    /// Whether training is to end now with [`Error::Interrupted`]. Asked before each step.
    fn interrupted(&self) -> bool {
        false
    }
}

/// A callback that does nothing.
impl Callback for () {}

/// Trains `model` on `splits` as `config` says.
///
/// # Errors
/// [`Error::Diverged`] when the loss, in training or validation, is no longer a finite number; [`Error::Interrupted`]
/// when the callback asks to stop; [`Error::Config`] for a loss that is not for the data's targets; errors of the data
/// and the device.
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

/// As [`fit`], with the learning rate of each step from `rates`.
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
        // Sums run on over the epoch, so that its means do not depend on when they are read.
        let mut total = Metrics::default();
        let steps = per_epoch.min(total_steps - epoch * per_epoch);
        for (step, batch) in (1..=steps).zip(training.epoch(epoch)) {
            if callback.interrupted() {
                return Err(Error::Interrupted);
            }
            let batch = batch?;
            meter.samples += batch.size as u64;
            trainer.step(&batch, rates.rate(trainer.steps()))?;
            // The first step compiles kernels and touches memory for the first time: it is measured apart.
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
        // The last update can ruin a model whose training losses were still finite.
        if !report.validation.loss.is_finite() {
            let (step, loss) = (trainer.steps(), report.validation.loss);
            return Err(Error::Diverged { step, loss, updated: true });
        }
        history.epochs.push(report);
    }
    history.seconds = start.elapsed().as_secs_f64();
    Ok(history)
}

/// Samples per second between two laps.
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
