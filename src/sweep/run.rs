//! Runs a plan: every variant is trained and measured, and its record is on disk before the next one begins.

use super::measure;
use super::plan::Plan;
use super::prediction::Prediction;
use super::record::{CurvePoint, Outcome, Quality, Record, RunCost, RunVariant, Throughput};
use super::store::{RUNS, Store};
use super::variant::Variant;
use crate::data::{self, DataOptions, Splits, Subset};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::Bytes;
use crate::models::cost::{Cost, FLOPS_PER_MAC, predicted_peak_on};
use crate::train::{Callback, EpochReport, History, Metrics, Progress, fit};
use crate::units::bytes;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Where and how a plan is run; nothing in it changes the numbers.
pub struct SweepOptions {
    pub device: Device,
    /// The data set's folder.
    pub data: Option<PathBuf>,
    /// The most bytes that a variant may be predicted to need; by default what the device has.
    pub memory_limit: Option<u64>,
    /// When this becomes true, the sweep ends with [`Error::Interrupted`]; what is done is on disk.
    pub interrupted: Arc<AtomicBool>,
}

/// Is told how a sweep goes.
pub trait Observer {
    /// Before variant number `index` of `count` is trained; the result is told how its training goes.
    fn on_start(&mut self, _variant: &Variant, _index: usize, _count: usize) -> Box<dyn Callback> {
        Box::new(())
    }
    /// After it is on disk.
    fn on_record(&mut self, _record: &Record) {}
    /// Before the first of the runs is trained that are held back in a generation of the plan: what was predicted of
    /// them, and is on disk.
    fn on_prediction(&mut self, _generation: usize, _prediction: &Prediction) {}
}

impl Observer for () {}

/// Seconds in which the inference throughput is measured.
const INFERENCE_SECONDS: f64 = 0.25;

/// Trains what `store` lacks of `plan`, in the plan's order. A variant that fails is recorded as such and the
/// sweep goes on. Of a plan with [`Plan::predict`] the losses of the largest models are predicted, and the prediction
/// stored, when all others have a record.
///
/// # Errors
/// [`Error::Interrupted`] when asked to stop; a lost device, and files that can't be read or written.
pub fn run(
    plan: &Plan,
    store: &mut Store,
    options: &SweepOptions,
    observer: &mut dyn Observer,
) -> Result<()> {
    let pending = store.pending(plan)?;
    let total = plan.variants()?.len();
    let done = total - pending.len();
    let (most_samples, validation_basis) = (plan.most_samples()?, plan.validation_basis()?);
    let mut data = DataCache::default();
    if let Some(variant) = pending.first().filter(|_| most_samples.is_some()) {
        let wanted =
            DataOptions { samples: most_samples, ..data_options(plan, variant, validation_basis, options) };
        plan.check_samples(data.open(wanted)?.train.as_ref())?;
    }
    let mut predicted = 0;
    for (index, variant) in pending.iter().enumerate() {
        let generation = variant.generation;
        if predicted != generation && variant.is_predicted_in(generation) {
            observer.on_prediction(generation, &predict(&plan.generation(generation), store)?);
            predicted = generation;
        }
        let mut callback = observer.on_start(variant, done + index, total);
        let wanted = data_options(plan, variant, validation_basis, options);
        let record = run_variant(plan, variant, options, &mut data, wanted, callback.as_mut())?;
        drop(callback);
        store.append(record.clone())?;
        observer.on_record(&record);
    }
    Ok(())
}

/// Whether a sweep came to anything.
///
/// # Errors
/// [`Error::NoneCompleted`] if it has records, and none of a run that was trained to its end.
pub fn check_completed(store: &Store) -> Result<()> {
    let records = store.records();
    if records.is_empty() || records.iter().any(Record::completed) {
        return Ok(());
    }
    let ended = |is: fn(&Outcome) -> bool| records.iter().filter(|record| is(&record.outcome)).count();
    Err(Error::NoneCompleted {
        runs: records.len(),
        diverged: ended(|outcome| matches!(outcome, Outcome::Diverged { .. })),
        out_of_memory: ended(|outcome| matches!(outcome, Outcome::OutOfMemory { .. })),
        failed: ended(|outcome| matches!(outcome, Outcome::Failed { .. })),
        records: store.directory().join(RUNS),
    })
}

/// The prediction in the store of what comes with the plan's last generation. It is made when all other runs are done, and stays as it is from then on.
fn predict(plan: &Plan, store: &Store) -> Result<Prediction> {
    let number = plan.generations();
    if let Some(prediction) = Store::load_prediction(store.directory(), number)? {
        return Ok(prediction);
    }
    let held_back = plan.variants()?.into_iter().filter(|variant| variant.is_predicted_in(number));
    if let Some(trained) = held_back.map(|variant| variant.key).find(|key| store.contains(key)) {
        let problem =
            format!("the prediction is gone, but {trained}, which it was about, is already trained");
        return Err(Error::Config { what: store.directory().display().to_string(), problem });
    }
    let prediction = Prediction::new(plan, store.records())?;
    store.write_prediction(number, &prediction)?;
    Ok(prediction)
}

/// What a variant is trained on. All variants of a seed are judged by the same validation samples, whatever the
/// number of training samples is.
fn data_options(
    plan: &Plan,
    variant: &Variant,
    validation_basis: Option<usize>,
    options: &SweepOptions,
) -> DataOptions {
    DataOptions {
        dataset: plan.dataset.clone(),
        directory: options.data.clone(),
        resolution: variant.architecture.resolution(),
        seed: variant.seed,
        samples: variant.train_samples,
        most_samples: validation_basis,
        target_columns: plan.target_columns.clone(),
        ..DataOptions::default()
    }
}

/// The data of the last variant: neighbours in a plan often share it.
#[derive(Default)]
struct DataCache(Option<(DataOptions, Splits)>);

impl DataCache {
    fn open(&mut self, options: DataOptions) -> Result<&Splits> {
        if self.0.as_ref().is_none_or(|(opened, _)| *opened != options) {
            // The old set is freed before the new one is read.
            self.0 = None;
            let splits = data::open(&options)?;
            self.0 = Some((options, splits));
        }
        let (_, splits) = self.0.as_ref().expect("it was just filled");
        Ok(splits)
    }
}

/// Trains and measures one variant.
fn run_variant(
    plan: &Plan,
    variant: &Variant,
    options: &SweepOptions,
    data: &mut DataCache,
    wanted: DataOptions,
    callback: &mut dyn Callback,
) -> Result<Record> {
    let cost = Cost::of(&variant.architecture)?;
    let mut run_cost = RunCost {
        device: options.device.name(),
        parameters: cost.parameters,
        macs: cost.macs,
        training_flops: 0.0,
        samples_seen: 0,
        train_samples: 0,
        samples_per_second: None,
        inference_samples_per_second: None,
        flops_per_second: None,
        peak_bytes: None,
        predicted_peak_bytes: None,
        wall_seconds: 0.0,
    };
    let outcome = match attempt(plan, variant, options, data, wanted, callback, &mut run_cost) {
        Ok(outcome) => outcome,
        Err(
            error @ (Error::Interrupted
            | Error::DeviceLost { .. }
            | Error::File { .. }
            | Error::Format { .. }),
        ) => {
            return Err(error);
        }
        Err(error) => {
            let reason = error.to_string();
            match error {
                Error::Diverged { .. } => Outcome::Diverged { reason },
                error if error.is_about_memory() => Outcome::OutOfMemory { reason },
                _ => Outcome::Failed { reason },
            }
        }
    };
    let trained = RunVariant {
        key: variant.key.clone(),
        axis: variant.axis,
        factor: variant.factor,
        also: variant.also.clone(),
        scale: variant.scale,
        architecture: plan.architecture.name.clone(),
        resolution: variant.architecture.resolution(),
        flops_budget: variant.flops,
    };
    Ok(Record { variant: trained, config: variant.config(plan), cost: run_cost, outcome })
}

/// Predicts the memory that a variant takes, and trains it where there is so much.
fn attempt(
    plan: &Plan,
    variant: &Variant,
    options: &SweepOptions,
    data: &mut DataCache,
    wanted: DataOptions,
    callback: &mut dyn Callback,
    cost: &mut RunCost,
) -> Result<Outcome> {
    let (config, device) = (variant.config(plan), &options.device);
    let start = Instant::now();
    let opened = data.open(wanted)?;
    let validation = match config.validation_samples {
        Some(samples) => Subset::first(opened.validation.clone(), samples),
        None => opened.validation.clone(),
    };
    let splits = Splits { train: opened.train.clone(), validation };
    let counts = [splits.train.len(), splits.validation.len()];
    let predicted = predicted_peak_on(&variant.architecture, &config, counts)?;
    cost.predicted_peak_bytes = Some(predicted);
    let limit = options.memory_limit.or_else(|| device.available_memory());
    if let Some(limit) = limit.filter(|&limit| predicted.total() > limit) {
        let reason = format!("{} predicted, {} there", bytes(predicted.total()), bytes(limit));
        return Ok(Outcome::OutOfMemory { reason });
    }
    // What an earlier variant left in the pool has other sizes; the peak is this variant's own.
    device.trim();
    device.reset_peak();
    let trained = train(plan, variant, options, &splits, callback, cost);
    cost.peak_bytes = Some(Bytes::at_peak(&device.usage()));
    cost.wall_seconds = start.elapsed().as_secs_f64();
    trained.map(Outcome::Completed)
}

fn train(
    plan: &Plan,
    variant: &Variant,
    options: &SweepOptions,
    splits: &Splits,
    callback: &mut dyn Callback,
    cost: &mut RunCost,
) -> Result<Quality> {
    let config = variant.config(plan);
    let model = variant.architecture.build(&config, &options.device)?;
    cost.train_samples = config.distinct_samples(splits.train.len(), splits.train.is_endless());
    let mut stoppable = Stoppable { inner: callback, interrupted: &options.interrupted };
    let history = fit(&model, splits, &config, &mut stoppable)?;
    fill(cost, &history);
    let batch = config.batch.min(splits.validation.len());
    let features: usize = variant.architecture.input_shape().iter().product();
    let inputs = vec![0.5; batch * features];
    cost.inference_samples_per_second = Some(measure::inference(&model, &inputs, batch, INFERENCE_SECONDS)?);
    Ok(quality(&history))
}

/// A callback that also ends training when the sweep is to stop.
struct Stoppable<'a> {
    inner: &'a mut dyn Callback,
    interrupted: &'a AtomicBool,
}

impl Callback for Stoppable<'_> {
    fn on_progress(&mut self, progress: &Progress) {
        self.inner.on_progress(progress);
    }

    fn on_epoch(&mut self, report: &EpochReport) {
        self.inner.on_epoch(report);
    }

    fn report_seconds(&self) -> f64 {
        self.inner.report_seconds()
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.inner.interrupted()
    }
}

/// What the training took.
fn fill(cost: &mut RunCost, history: &History) {
    let flops_per_sample = FLOPS_PER_MAC * cost.macs as f64;
    cost.samples_seen = history.samples_seen;
    cost.training_flops = flops_per_sample * history.samples_seen as f64;
    cost.samples_per_second = Throughput::of(&history.throughput);
    cost.flops_per_second = cost.samples_per_second.map(|rate| flops_per_sample * rate.median);
}

/// What the training reached.
fn quality(history: &History) -> Quality {
    let last = history.epochs.last();
    let (mut samples_seen, mut seconds) = (0, 0.0);
    let curve = history.epochs.iter().map(|epoch| {
        samples_seen += epoch.train.samples;
        seconds += epoch.seconds;
        let Metrics { loss: validation_loss, accuracy: validation_accuracy, .. } = epoch.validation;
        CurvePoint { samples_seen, validation_loss, validation_accuracy, seconds }
    });
    Quality {
        train_loss: last.map(|epoch| epoch.train.loss),
        validation_loss: last.map(|epoch| epoch.validation.loss),
        validation_accuracy: last.and_then(|epoch| epoch.validation.accuracy),
        skipped_steps: last.and_then(|epoch| epoch.loss_scaling).map(|scaling| scaling.skipped_steps),
        curve: curve.collect(),
    }
}
