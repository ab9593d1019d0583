//! A pilot run: a training begun as planned, on its data and through its loader, and cut short after a few seconds.
//!
//! What it measures is what the training will do: drawing or decoding samples competes with the model for the same
//! cores, so that neither can be timed alone. The samples that it saw are then trained on again, as a later epoch does, which
//! may find in memory what the first had to fetch. Rates are means and not medians, since what a device loses now and then the training loses too.
//!
//! It is also the training's own beginning: a model whose loss does not fall in its first steps is known by them.

use super::training::Training;
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

/// How often the clock is read in the measured time.
const PARTS: f64 = 10.0;
/// The part of the time that the first epoch is measured for; the rest is a later one's.
const FIRST: f64 = 0.5;

/// What was measured; times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PilotRun {
    /// Opening the data and building the model.
    pub opening: f64,
    /// What the first step takes beyond an ordinary one: kernels are compiled, memory is touched.
    pub first_step: f64,
    /// Of training in the first epoch, per sample.
    pub sample: f64,
    /// Of training in a later epoch, per sample.
    pub later_sample: f64,
    /// Of validation, per sample.
    pub validation_sample: f64,
    /// Seconds of training that were measured.
    pub seconds: f64,
    /// The training loss of the first steps: steps so far, and the mean loss since the entry before.
    pub beginning: Vec<(u64, f64)>,
}

/// A loss that falls by less than this part does not fall.
const STILL: f64 = 0.02;
/// A loss that falls by more than this part falls.
const FALLING: f64 = 0.2;

/// Whether a model does not learn in its first steps, though another did in no more of them.
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
    /// Seconds per sample over all that was measured: half of it is of the first epoch, half of a later one.
    pub fn mean_sample(&self) -> f64 {
        0.5 * (self.sample + self.later_sample)
    }

    /// Several as if they were one: rates by the time that was measured. None of none.
    pub fn together(pilots: &[PilotRun]) -> Option<PilotRun> {
        let seconds: f64 = pilots.iter().map(|one| one.seconds).sum();
        let rate =
            |of: fn(&PilotRun) -> f64| seconds / pilots.iter().map(|one| one.seconds / of(one)).sum::<f64>();
        let count = pilots.len() as f64;
        let longest = pilots.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds))?;
        Some(PilotRun {
            opening: pilots.iter().map(|one| one.opening).sum::<f64>() / count,
            // In one process kernels are compiled once.
            first_step: pilots.iter().map(|one| one.first_step).fold(0.0, f64::max),
            sample: rate(|one| one.sample),
            later_sample: rate(|one| one.later_sample),
            validation_sample: rate(|one| one.validation_sample),
            seconds,
            beginning: longest.beginning.clone(),
        })
    }
}

/// Stops a training after some seconds, counted from its first step.
struct Stopwatch {
    seconds: f64,
    begun: Instant,
    /// What the first step took.
    first: Option<f64>,
    /// Samples since then, and the seconds that they took.
    samples: f64,
    trained: f64,
    beginning: Vec<(u64, f64)>,
    /// Seconds between two readings of the clock.
    report_seconds: f64,
}

impl Stopwatch {
    fn new(seconds: f64, report_seconds: f64) -> Stopwatch {
        let begun = Instant::now();
        let beginning = Vec::new();
        Stopwatch { seconds, begun, first: None, samples: 0.0, trained: 0.0, beginning, report_seconds }
    }

    /// Trains until the time is over.
    fn time(&mut self, model: &Model, splits: &Splits, config: &TrainConfig, rates: &Schedule) -> Result<()> {
        match fit_at(model, splits, config, rates, self) {
            Ok(_) | Err(Error::Interrupted) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Callback for Stopwatch {
    fn on_progress(&mut self, progress: &Progress) {
        // A training of a single step has nothing but its first.
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
        self.trained >= self.seconds
    }
}

/// Begins a training and measures it for about `seconds`, and its validation for at most half as long. It draws from `samples`
/// training samples, so that there are enough for the time.
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
    // It is stopped by the clock.
    let config = TrainConfig { epochs: usize::MAX, ..training.config };
    let mut watch = Stopwatch::new(FIRST * seconds, seconds / PARTS);
    // Validation is measured by itself.
    let first = Subset::first(splits.validation.clone(), config.batch);
    let once = Splits { train: splits.train.clone(), validation: first };
    watch.time(&model, &once, &config, &rates)?;
    let batch = config.batch.min(splits.train.len());
    let sample = watch.trained / watch.samples;
    let first_step = watch.first.map_or(0.0, |first| (first - batch as f64 * sample).max(0.0));
    // The order of samples is that of the first time.
    let mut again = Stopwatch::new((1.0 - FIRST) * seconds, seconds / PARTS);
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
        let batch = config.batch.min(set.len());
        let loader = LoaderOptions { batch, shuffle: false, seed: config.seed, drop_last: false };
        let start = Instant::now();
        evaluate(&model, loss, Loader::new(set, loader)?.epoch(0))?;
        Ok(start.elapsed().as_secs_f64())
    };
    // One batch warms up and says how many there is time for.
    let once = judge(config.batch)?;
    let affordable = (0.5 * seconds / once).ceil().max(1.0) * config.batch as f64;
    let judged = (affordable as usize).min(splits.validation.len());
    let validation_sample = judge(judged)? / judged as f64;
    let seconds = watch.trained + again.trained;
    let Stopwatch { beginning, .. } = watch;
    Ok(PilotRun { opening, first_step, sample, later_sample, validation_sample, seconds, beginning })
}
