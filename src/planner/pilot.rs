//! A pilot run: a training that starts as planned, on its data and through its loader, and is cut short after a few
//! seconds.
//!
//! It measures what the training will do: drawing or decoding samples competes with the model for the same cores, so
//! neither can be timed alone. The samples are then trained on again, as in a later epoch, which may find in memory
//! what the first had to fetch. Rates are means and not medians, because the training also loses what a device loses
//! now and then.
//!
//! A pilot run is also the beginning of the training: a model whose loss does not fall in its first steps shows it
//! here.

use super::training::Training;
use crate::arguments::LARGEST_INTEGER;
use crate::data::{Loader, LoaderOptions, Splits, Subset};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::optim::Schedule;
use crate::train::trainer::evaluate;
use crate::train::{Callback, Progress, TrainConfig, fit_at};
use serde::Serialize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Number of reports in the measured time.
const PARTS: f64 = 10.0;
/// The fraction of the time that measures the first epoch; the rest measures a later one.
const FIRST: f64 = 0.5;

/// Measured times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PilotRun {
    /// Opening the data and building the model.
    pub opening: f64,
    /// The extra time of the first step, for compiling kernels and allocating memory.
    pub first_step: f64,
    /// Training in the first epoch, per sample.
    pub sample: f64,
    /// Training in a later epoch, per sample.
    pub later_sample: f64,
    /// Validation, per sample.
    pub validation_sample: f64,
    /// Measured seconds of training.
    pub seconds: f64,
    /// The training loss of the first steps: (steps so far, mean loss since the previous entry).
    pub beginning: Vec<(u64, f64)>,
}

/// A loss that falls by less than this fraction does not fall.
const STILL: f64 = 0.02;
/// A loss that falls by more than this fraction falls.
const FALLING: f64 = 0.2;

/// Whether a model does not learn in its first steps although another does in no more steps.
pub fn lags(beginning: &[(u64, f64)], other: &[(u64, f64)]) -> bool {
    let fall = |losses: &[(u64, f64)]| match losses {
        [first, .., last] => 1.0 - last.1 / first.1,
        _ => 0.0,
    };
    let steps = beginning.last().map_or(0, |last| last.0);
    let as_many = other.partition_point(|(step, _)| *step <= steps);
    beginning.len() > 1 && fall(beginning) < STILL && fall(&other[..as_many]) > FALLING
}

impl PilotRun {
    /// The mean of the seconds per sample in the first and in a later epoch.
    pub fn mean_sample(&self) -> f64 {
        0.5 * (self.sample + self.later_sample)
    }

    /// Combines several pilot runs, with rates weighted by the measured time. `None` without a run.
    pub fn together(pilots: &[PilotRun]) -> Option<PilotRun> {
        let seconds: f64 = pilots.iter().map(|one| one.seconds).sum();
        let rate =
            |of: fn(&PilotRun) -> f64| seconds / pilots.iter().map(|one| one.seconds / of(one)).sum::<f64>();
        let count = pilots.len() as f64;
        let longest = pilots.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds))?;
        Some(PilotRun {
            opening: pilots.iter().map(|one| one.opening).sum::<f64>() / count,
            // A process compiles kernels once.
            first_step: pilots.iter().map(|one| one.first_step).fold(0.0, f64::max),
            sample: rate(|one| one.sample),
            later_sample: rate(|one| one.later_sample),
            validation_sample: rate(|one| one.validation_sample),
            seconds,
            beginning: longest.beginning.clone(),
        })
    }
}

/// Stops a training some seconds after its first step, or when it is interrupted.
struct Stopwatch<'i> {
    interrupted: &'i AtomicBool,
    seconds: f64,
    begun: Instant,
    /// Seconds of the first step.
    first: Option<f64>,
    /// Samples since then, and their seconds.
    samples: f64,
    trained: f64,
    beginning: Vec<(u64, f64)>,
    /// Seconds between two reports.
    report_seconds: f64,
}

impl Stopwatch<'_> {
    fn new(seconds: f64, report_seconds: f64, interrupted: &AtomicBool) -> Stopwatch<'_> {
        Stopwatch {
            interrupted,
            seconds,
            begun: Instant::now(),
            first: None,
            samples: 0.0,
            trained: 0.0,
            beginning: Vec::new(),
            report_seconds,
        }
    }

    /// Trains until the time is up, or until it is interrupted.
    fn time(&mut self, model: &Model, splits: &Splits, config: &TrainConfig, rates: &Schedule) -> Result<()> {
        match fit_at(model, splits, config, rates, self) {
            Ok(_) | Err(Error::Interrupted) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Callback for Stopwatch<'_> {
    fn on_progress(&mut self, progress: &Progress) {
        // A training of a single step has only a first step.
        if self.first.is_none() && progress.steps > 1 {
            self.first = Some(self.begun.elapsed().as_secs_f64());
            return;
        }
        let samples = progress.metrics.samples as f64;
        self.samples += samples;
        self.trained += samples / progress.samples_per_second;
        self.beginning.push(((progress.epoch - 1) * progress.steps + progress.step, progress.metrics.loss));
    }

    fn report_seconds(&self) -> f64 {
        self.report_seconds
    }

    fn interrupted(&self) -> bool {
        self.trained >= self.seconds || self.interrupted.load(Ordering::Relaxed)
    }
}

/// Starts a training and measures it for about `seconds`, and its validation for at most half as long. It draws from
/// `samples` training samples, so that they suffice for the time.
///
/// # Errors
/// Those of the training; [`Error::Interrupted`] if `interrupted` becomes true.
pub fn pilot_run(
    planned: &Training,
    samples: usize,
    device: &Device,
    data: Option<&Path>,
    seconds: f64,
    interrupted: &AtomicBool,
) -> Result<PilotRun> {
    device.trim();
    let begun = Instant::now();
    let mut training = planned.clone();
    training.config.samples = Some(samples);
    let splits = training.open(data)?;
    let model = training.architecture.build(&training.config, device)?;
    let opening = begun.elapsed().as_secs_f64();

    let rates = planned.config.rates(planned.config.total_steps(planned.config.samples.unwrap_or(samples)));
    // The stopwatch ends the training.
    let config = TrainConfig { epochs: LARGEST_INTEGER as usize, early_stopping: None, ..training.config };
    let mut watch = Stopwatch::new(FIRST * seconds, seconds / PARTS, interrupted);
    // Validation is measured separately.
    let first = Subset::first(splits.validation.clone(), config.batch);
    let once = Splits { train: splits.train.clone(), validation: first };
    watch.time(&model, &once, &config, &rates)?;
    let batch = config.batch.min(splits.train.len());
    let sample = watch.trained / watch.samples;
    let first_step = watch.first.map_or(0.0, |first| (first - batch as f64 * sample).max(0.0));
    // The samples come in the same order as before.
    let mut again = Stopwatch::new((1.0 - FIRST) * seconds, seconds / PARTS, interrupted);
    if !interrupted.load(Ordering::Relaxed) {
        again.time(&model, &once, &config, &rates)?;
    }
    if interrupted.load(Ordering::Relaxed) {
        return Err(Error::Interrupted);
    }
    let later_sample = again.trained / again.samples;

    let loss = config.loss(training.architecture.targets())?;
    let judge = |samples: usize| -> Result<f64> {
        let set = Subset::first(splits.validation.clone(), samples);
        let batch = config.samples_at_a_time().min(set.len());
        let loader = LoaderOptions { batch, shuffle: false, seed: config.seed, drop_last: false };
        let start = Instant::now();
        evaluate(&model, loss, Loader::new(set, loader)?.epoch(0))?;
        Ok(start.elapsed().as_secs_f64())
    };
    // One batch warms up, and its time gives the number of batches to measure.
    let part = config.samples_at_a_time();
    let once = judge(part)?;
    let affordable = (0.5 * seconds / once).ceil().max(1.0) * part as f64;
    let judged = (affordable as usize).min(splits.validation.len());
    let validation_sample = judge(judged)? / judged as f64;
    let seconds = watch.trained + again.trained;
    let Stopwatch { beginning, .. } = watch;
    Ok(PilotRun { opening, first_step, sample, later_sample, validation_sample, seconds, beginning })
}
