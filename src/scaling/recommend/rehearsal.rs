//! A rehearsal: a training begun as planned, on its data and through its loader, and cut short after a few seconds.
//!
//! What it measures is what the training will do: drawing or decoding samples competes with the model for the same
//! cores, so that neither can be timed alone.

use super::training::Training;
use crate::data::{Loader, LoaderOptions, Subset};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::scaling::cost::loss_of;
use crate::scaling::record::Throughput;
use crate::train::trainer::evaluate;
use crate::train::{Callback, Progress, fit};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Parts of the measured time whose median rate is taken.
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
    /// Bytes on the device at the peak.
    pub peak_bytes: u64,
}

/// Stops a training after some seconds, counted from its first step.
struct Stopwatch {
    seconds: f64,
    begun: Instant,
    first: Option<(Instant, f64)>,
    rates: Vec<f64>,
    stop: Arc<AtomicBool>,
}

impl Callback for Stopwatch {
    fn on_progress(&mut self, progress: &Progress) {
        match self.first {
            // A training of a single step has nothing but its first.
            None if progress.steps > 1 => {
                self.first = Some((Instant::now(), self.begun.elapsed().as_secs_f64()));
            }
            None => self.rates.push(progress.samples_per_second),
            Some((since, _)) => {
                self.rates.push(progress.samples_per_second);
                if since.elapsed().as_secs_f64() >= self.seconds {
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
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
    device.reset_peak();
    let begun = Instant::now();
    let splits = training.open(data)?;
    let model = training.schedule.step().build(&training.architecture, device, training.seed)?;
    let opening = begun.elapsed().as_secs_f64();

    let stop = Arc::new(AtomicBool::new(false));
    let mut options = training.fit_options(&splits, stop.clone());
    options.report_seconds = seconds / PARTS;
    let mut watch = Stopwatch { seconds, begun: Instant::now(), first: None, rates: Vec::new(), stop };
    match fit(&model, &splits, &options, &mut watch) {
        Ok(_) | Err(Error::Interrupted) => {}
        Err(error) => return Err(error),
    }
    if interrupted.load(Ordering::Relaxed) {
        return Err(Error::Interrupted);
    }
    let rate = Throughput::of(&watch.rates).ok_or_else(|| Error::Config {
        what: "rehearsal".into(),
        problem: "no step of the training could be timed".into(),
    })?;
    let sample = 1.0 / rate.median;
    let batch = options.batch.min(splits.train.len());
    let first_step = watch.first.map_or(0.0, |(_, first)| (first - batch as f64 * sample).max(0.0));

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
    let peak_bytes = device.usage().peak;
    Ok(Rehearsal { opening, first_step, sample, validation_sample, peak_bytes })
}
