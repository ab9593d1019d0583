//! The training loop: epochs of shuffled batches, a read-back of the metrics every fraction of a second, validation
//! after each epoch.

use super::checkpoint::{Checkpoints, Place, SinceCheckpoint, Values, to_host};
use super::config::TrainConfig;
use super::history::{EpochReport, History};
use super::replay::Replay;
use super::sums::Metrics;
use super::trainer::Trainer;
use super::watch::Observation;
use crate::data::{Dataset, Loader, LoaderOptions, Splits};
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::optim::Schedule;
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

/// Callbacks of a training.
pub trait Callback {
    /// Called after each read-back.
    fn on_progress(&mut self, _progress: &Progress) {}

    /// Called after the validation of each epoch.
    fn on_epoch(&mut self, _report: &EpochReport) {}

    /// Whether step number `step`, counted from 1, of `total` steps is to be observed module by module. The results of
    /// the training are the same bit for bit; see [`watch`](super::watch).
    fn observes(&self, _step: u64, _total: u64) -> bool {
        false
    }

    /// Called after each observed step.
    fn on_observation(&mut self, _observation: &Observation) {}

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
    run(model, splits, config, None, None, callback)
}

/// As [`fit`], with checkpoints: the training continues from the last one, if there is one, and ends with the numbers
/// of a training that was not interrupted, bit for bit on the same device. If the callback asks to stop, it saves a
/// checkpoint first. The caller [removes](Checkpoints::remove) the checkpoint once the results are saved.
///
/// # Errors
/// Those of [`fit`]; files that can't be read or written.
pub fn fit_resumable(
    model: &Model,
    splits: &Splits,
    config: &TrainConfig,
    checkpoints: &Checkpoints,
    callback: &mut dyn Callback,
) -> Result<History> {
    run(model, splits, config, None, Some(checkpoints), callback)
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
    run(model, splits, config, Some(rates), None, callback)
}

fn run(
    model: &Model,
    splits: &Splits,
    config: &TrainConfig,
    rates: Option<&Schedule>,
    checkpoints: Option<&Checkpoints>,
    callback: &mut dyn Callback,
) -> Result<History> {
    config.validate()?;
    let loader = |set: &Arc<dyn Dataset>, batch: usize, shuffle: bool| {
        let batch = batch.min(set.len());
        Loader::new(set.clone(), LoaderOptions { batch, shuffle, seed: config.seed, drop_last: shuffle })
    };
    let splits = &config.prepared(splits)?;
    for set in [&splits.train, &splits.validation] {
        config.check_targets(set.as_ref())?;
    }
    let (training, validation) = (
        loader(&splits.train, config.batch, true)?.with_mixup(config.augment.unwrap_or_default().mixup)?,
        loader(&splits.validation, config.samples_at_a_time(), false)?,
    );
    let (total_steps, per_epoch) = (config.total_steps(splits.train.len()), training.batches() as u64);
    let rates = rates.copied().unwrap_or_else(|| config.rates(total_steps));
    let mut trainer = config.trainer(model, splits.train.targets())?;
    let resumed = match checkpoints {
        Some(checkpoints) => checkpoints.resume(&mut trainer, total_steps, per_epoch)?,
        None => None,
    };
    // The weights and buffers of the best epoch, with early stopping.
    let (place, mut best) = resumed.unwrap_or_default();
    let Place { epoch: first, mut step_in_epoch, mut epoch_seconds, mut history } = place;
    let (start, earlier_seconds) = (Instant::now(), history.seconds);
    let mut since_checkpoint = SinceCheckpoint::start();
    let mut replay = Replay::new(&trainer, (first, step_in_epoch))?;
    // The first step compiles kernels and allocates memory, so its throughput is not representative.
    let mut is_first_step = true;
    let epochs = total_steps.div_ceil(per_epoch);
    for epoch in first..epochs {
        if history.is_over(config.early_stopping) {
            break;
        }
        let (epoch_start, earlier) = (Instant::now(), std::mem::take(&mut epoch_seconds));
        let mut meter = Meter::new();
        let steps = per_epoch.min(total_steps - epoch * per_epoch);
        let done = std::mem::take(&mut step_in_epoch);
        // Sums run over the whole epoch, so its means do not depend on when they are read.
        let mut total = if done == 0 { Metrics::default() } else { trainer.metrics()? };
        let save = |trainer: &Trainer, place: Place, best: &Values| match checkpoints {
            Some(checkpoints) => checkpoints.save(trainer, &place, best),
            None => Ok(()),
        };
        let place = |history: &History, step_in_epoch: u64| {
            let epoch_seconds = earlier + epoch_start.elapsed().as_secs_f64();
            let seconds = earlier_seconds + start.elapsed().as_secs_f64();
            Place { epoch, step_in_epoch, epoch_seconds, history: History { seconds, ..history.clone() } }
        };
        for (step, batch) in (done + 1..=steps).zip(training.epoch_from(epoch, done as usize)) {
            if callback.interrupted() {
                save(&trainer, place(&history, step - 1), &best)?;
                return Err(Error::Interrupted);
            }
            let batch = batch?;
            meter.samples += batch.size as u64;
            let rate = rates.rate(trainer.steps());
            if callback.observes(trainer.steps() + 1, total_steps) {
                callback.on_observation(&trainer.step_observed(&batch, rate)?);
            } else {
                trainer.step(&batch, rate)?;
            }
            let warm_up = std::mem::take(&mut is_first_step);
            if step == steps || warm_up || meter.seconds() >= callback.report_seconds() {
                let sums = if step == steps { trainer.take_metrics() } else { trainer.metrics() };
                let sums = sums.map_err(|error| replay.locate(error, &mut trainer, &training, &rates))?;
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
                replay.renew(&trainer, if step == steps { (epoch + 1, 0) } else { (epoch, step) })?;
                meter.restart();
            }
            // At the end of an epoch the checkpoint comes after the validation.
            if step < steps && since_checkpoint.is_due(checkpoints) {
                save(&trainer, place(&history, step), &best)?;
                meter.restart();
            }
        }
        history.samples_seen += total.samples;
        let trained = earlier + epoch_start.elapsed().as_secs_f64();
        let report = EpochReport {
            epoch: epoch + 1,
            epochs,
            step: trainer.steps(),
            learning_rate: rates.rate(trainer.steps() - 1),
            train: total,
            validation: trainer.evaluate(validation.epoch(0))?,
            samples_per_second: total.samples as f64 / trained,
            seconds: earlier + epoch_start.elapsed().as_secs_f64(),
            loss_scaling: trainer.loss_scaling()?,
        };
        callback.on_epoch(&report);
        // The last update can make a model diverge whose training losses were finite.
        if !report.validation.loss.is_finite() {
            let (step, loss) = (trainer.steps(), report.validation.loss);
            let origin = validation.epoch(0).next().map(|batch| trainer.origin(&batch?));
            let origin = origin.transpose()?.unwrap_or_default();
            return Err(Error::Diverged { step, loss, updated: true, origin });
        }
        history.epochs.push(report);
        if config.early_stopping.is_some() && history.best().is_some_and(|best| best.epoch == epoch + 1) {
            best = to_host(trainer.evaluated())?;
        }
        if since_checkpoint.is_due(checkpoints) {
            let place =
                Place { epoch: epoch + 1, step_in_epoch: 0, epoch_seconds: 0.0, ..place(&history, 0) };
            save(&trainer, place, &best)?;
        }
    }
    trainer.finish()?;
    if config.early_stopping.is_some() {
        history.kept_epoch = history.best().map(|best| best.epoch);
        for (name, stored) in &best {
            let values: Vec<f64> = stored.values.iter().map(|&value| value.into()).collect();
            model.set(name, &values)?;
        }
    }
    history.seconds = earlier_seconds + start.elapsed().as_secs_f64();
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

    /// Leaves out what was trained since the last lap: the time of something else lies in between.
    fn restart(&mut self) {
        *self = Meter::new();
    }

    fn lap(&mut self) -> f64 {
        let rate = self.samples as f64 / self.seconds();
        *self = Meter::new();
        rate
    }
}
