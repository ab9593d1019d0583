//! A rehearsal: a training begun as planned, on its data and through its loader, and cut short after a few seconds.
//!
//! What it measures is what the training will do: drawing or decoding samples competes with the model for the same
//! cores, so that neither can be timed alone. Rates are means and not medians, since what a device loses now and then
//! the training loses too.

use super::training::Training;
use crate::data::{Loader, LoaderOptions, Subset};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::scaling::cost::loss_of;
use crate::train::trainer::evaluate;
use crate::train::{Callback, Progress, fit};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// How often the clock is read in the measured time.
const PARTS: f64 = 10.0;

/// What was measured; times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rehearsal {
    /// Opening the data and building the model.
    pub opening: f64,
    /// What the first step takes beyond an ordinary one: kernels are compiled, memory is touched.
    pub first_step: f64,
    /// Of training, per sample.
    pub sample: f64,
    /// Of validation, per sample.
    pub validation_sample: f64,
    /// Seconds of training that were measured.
    pub seconds: f64,
}

impl Rehearsal {
    /// Both together, as if they were one: rates by the time that was measured.
    pub fn and(&self, other: &Rehearsal) -> Rehearsal {
        let seconds = self.seconds + other.seconds;
        let rate =
            |of: fn(&Rehearsal) -> f64| seconds / (self.seconds / of(self) + other.seconds / of(other));
        Rehearsal {
            opening: 0.5 * (self.opening + other.opening),
            // In one process kernels are compiled once.
            first_step: self.first_step.max(other.first_step),
            sample: rate(|rehearsal| rehearsal.sample),
            validation_sample: rate(|rehearsal| rehearsal.validation_sample),
            seconds,
        }
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
    stop: Arc<AtomicBool>,
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
        if self.trained >= self.seconds {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Begins a training and measures it for about `seconds`, and its validation for at most half as long.
///
/// # Errors
/// Those of the training; [`Error::Interrupted`] if `interrupted` becomes true.
pub fn rehearse(
    training: &Training,
    device: &Device,
    data: Option<&Path>,
    seconds: f64,
    interrupted: &AtomicBool,
) -> Result<Rehearsal> {
    device.trim();
    let begun = Instant::now();
    let splits = training.open(data)?;
    let model = training.schedule.step().build(&training.architecture, device, training.seed)?;
    let opening = begun.elapsed().as_secs_f64();

    let stop = Arc::new(AtomicBool::new(false));
    let mut options = training.fit_options(&splits, stop.clone());
    options.report_seconds = seconds / PARTS;
    let begun = Instant::now();
    let mut watch = Stopwatch { seconds, begun, first: None, samples: 0.0, trained: 0.0, stop };
    match fit(&model, &splits, &options, &mut watch) {
        Ok(_) | Err(Error::Interrupted) => {}
        Err(error) => return Err(error),
    }
    if interrupted.load(Ordering::Relaxed) {
        return Err(Error::Interrupted);
    }
    let sample = watch.trained / watch.samples;
    let batch = options.batch.min(splits.train.len());
    let first_step = watch.first.map_or(0.0, |first| (first - batch as f64 * sample).max(0.0));

    let judge = |samples: usize| -> Result<f64> {
        let set = Subset::first(splits.validation.clone(), samples);
        let batch = options.batch.min(set.len());
        let loader = LoaderOptions { batch, shuffle: false, seed: options.seed, drop_last: false };
        let start = Instant::now();
        evaluate(&model, loss_of(&training.architecture), Loader::new(set, loader)?.epoch(0))?;
        Ok(start.elapsed().as_secs_f64())
    };
    // One batch warms up and says how many there is time for.
    let once = judge(options.batch)?;
    let affordable = (0.5 * seconds / once).ceil().max(1.0) * options.batch as f64;
    let judged = (affordable as usize).min(splits.validation.len());
    let validation_sample = judge(judged)? / judged as f64;
    Ok(Rehearsal { opening, first_step, sample, validation_sample, seconds: watch.trained })
}
