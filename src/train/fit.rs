//! The loop: epochs of shuffled batches, a read-back every so many steps, validation after each epoch.

use super::trainer::{Loss, Metrics, Trainer};
use crate::data::{Loader, LoaderOptions, Splits};
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::optim::{Algorithm, LossScaling, Schedule};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// How to train.
#[derive(Clone, Debug)]
pub struct FitOptions {
    pub epochs: u64,
    pub batch: usize,
    pub seed: u64,
    pub loss: Loss,
    pub algorithm: Algorithm,
    pub schedule: Schedule,
    /// The most that the norm of all gradients together may be, if there is a limit.
    pub clip_norm: Option<f64>,
    /// Loss and accuracy are read back every so many seconds (and after each epoch): between two of these reads
    /// the host never waits for the device.
    pub report_seconds: f64,
    /// When this becomes true, training ends with [`Error::Interrupted`].
    pub interrupted: Arc<AtomicBool>,
}

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

/// Is told how training goes.
pub trait Callback {
    /// After a read-back.
    fn on_progress(&mut self, _progress: &Progress) {}
    /// After an epoch's validation.
    fn on_epoch(&mut self, _report: &EpochReport) {}
}

/// Nobody is told.
impl Callback for () {}

/// Trains `model` on `splits`.
///
/// # Errors
/// [`Error::Diverged`] when the loss, in training or validation, stops being a finite number, [`Error::Interrupted`] when asked to stop,
/// whatever the data or the device say.
pub fn fit(
    model: &Model,
    splits: &Splits,
    options: &FitOptions,
    callback: &mut dyn Callback,
) -> Result<History> {
    let loader = |set: &Arc<dyn crate::data::Dataset>, shuffle: bool| {
        let batch = options.batch.min(set.len());
        Loader::new(set.clone(), LoaderOptions { batch, shuffle, seed: options.seed, drop_last: shuffle })
    };
    let (training, validation) = (loader(&splits.train, true)?, loader(&splits.validation, false)?);
    let mut trainer =
        Trainer::new(model, options.loss, options.algorithm)?.with_clip_norm(options.clip_norm)?;
    let mut history = History::default();
    let start = Instant::now();
    for epoch in 0..options.epochs {
        let epoch_start = Instant::now();
        let mut meter = Meter::new();
        // Sums run on over the epoch, so that its means do not depend on when the clock had them read.
        let mut total = Metrics::default();
        let steps = training.batches() as u64;
        for (step, batch) in training.epoch(epoch).enumerate() {
            if options.interrupted.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            let batch = batch?;
            meter.samples += batch.size as u64;
            trainer.step(&batch, options.schedule.rate(trainer.steps()))?;
            let last = step as u64 + 1 == steps;
            // The first step compiles kernels and touches memory for the first time: it is measured apart.
            let warm_up = epoch == 0 && step == 0;
            if last || warm_up || meter.seconds() >= options.report_seconds {
                let sums = if last { trainer.take_metrics()? } else { trainer.metrics()? };
                let earlier = std::mem::replace(&mut total, sums);
                let rate = meter.lap();
                if !warm_up {
                    history.throughput.push(rate);
                }
                callback.on_progress(&Progress {
                    epoch: epoch + 1,
                    epochs: options.epochs,
                    step: step as u64 + 1,
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
            epochs: options.epochs,
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
