//! Runs a plan: trains and measures every variant, and writes its record before the next one begins.

use super::measure;
use super::plan::Plan;
use super::prediction::Prediction;
use super::record::{CurvePoint, Outcome, Quality, Record, RunCost, RunVariant, Throughput};
use super::store::Store;
use super::variant::Variant;
use crate::data::{self, DataOptions, Dataset, Splits, Subset};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::files;
use crate::models::Bytes;
use crate::models::cost::{Cost, FLOPS_PER_MAC, predicted_peak_on};
use crate::train::{
    Callback, Checkpoints, EpochReport, Every, History, Metrics, Progress, fit, fit_resumable,
};
use crate::units::bytes;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Where and how a plan is run. Except for the device, no option changes the results.
pub struct SweepOptions {
    /// The device to train on.
    pub device: Device,
    /// The data set's folder.
    pub data: Option<PathBuf>,
    /// Largest predicted peak memory, in bytes, of variants that are trained; by default the device's available memory.
    pub memory_limit: Option<u64>,
    /// Set this to true to stop the sweep with [`Error::Interrupted`]. Records of completed runs are on disk.
    pub interrupted: Arc<AtomicBool>,
    /// The file for the checkpoint of the run that is being trained, and how often it is written; `None` for no
    /// checkpoints: an interrupted run then begins again.
    pub checkpoint: Option<(PathBuf, Every)>,
}

/// Callbacks of a sweep.
pub trait Observer {
    /// Called before variant number `index` of `count` is trained. Returns the callback of its training.
    fn on_start(&mut self, _variant: &Variant, _index: usize, _count: usize) -> Box<dyn Callback> {
        Box::new(())
    }
    /// Called after a record is written to disk.
    fn on_record(&mut self, _record: &Record) {}
    /// Called before the first held-back run of a generation is trained, after the prediction is written to disk.
    fn on_prediction(&mut self, _generation: usize, _prediction: &Prediction) {}
}

/// An observer that does nothing.
impl Observer for () {}

/// Seconds for which inference throughput is measured after a training of so many: a tenth, between 0.02 and 0.25. A
/// sweep of short trainings would otherwise spend most of its time on it.
fn inference_seconds(training: f64) -> f64 {
    (0.1 * training).clamp(0.02, 0.25)
}

/// Trains every variant of `plan` that has no record in `store`, in the plan's order. A variant that fails is recorded
/// as failed, and the sweep continues. With [`Plan::predict`], `run` predicts the losses of the largest models and
/// stores the prediction once all other variants have a record.
///
/// # Errors
/// [`Error::Interrupted`] when asked to stop; [`Error::DeviceLost`]; files that can't be read or written.
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
    let mut runner = Runner::new(plan, validation_basis, options);
    if let Some(variant) = pending.first().filter(|_| most_samples.is_some()) {
        plan.check_samples(runner.training_set(variant, most_samples)?)?;
    }
    let mut predicted = 0;
    for (index, variant) in pending.iter().enumerate() {
        let generation = variant.generation;
        if predicted != generation && variant.is_predicted_in(generation) {
            observer.on_prediction(generation, &predict(&plan.generation(generation), store)?);
            predicted = generation;
        }
        let mut callback = observer.on_start(variant, done + index, total);
        let record = runner.run(variant, callback.as_mut())?;
        drop(callback);
        store.append(record.clone())?;
        runner.remove_checkpoint()?;
        observer.on_record(&record);
    }
    Ok(())
}

/// The prediction for the plan's last generation: the stored one, or else a new one, which is stored and never changed
/// afterwards.
fn predict(plan: &Plan, store: &Store) -> Result<Prediction> {
    let number = plan.generations();
    if let Some(prediction) = Store::load_prediction(store.directory(), number)? {
        return Ok(prediction);
    }
    let held_back = plan.variants()?.into_iter().filter(|variant| variant.is_predicted_in(number));
    if let Some(trained) = held_back.map(|variant| variant.key).find(|key| store.contains(key)) {
        let problem = format!(
            "the prediction is gone, but {trained}, one of the runs it predicted, is already trained; restore \
                     the file, or use another directory"
        );
        return Err(Error::Config { what: store.directory().display().to_string(), problem });
    }
    let prediction = Prediction::new(plan, store.records())?;
    store.write_prediction(number, &prediction)?;
    Ok(prediction)
}

/// Trains the variants of a plan, one at a time.
pub(super) struct Runner<'a> {
    plan: &'a Plan,
    /// The number of training samples that determines the size of a validation split; see [`Plan::validation_basis`].
    validation_basis: Option<usize>,
    options: &'a SweepOptions,
    data: DataCache,
}

impl<'a> Runner<'a> {
    pub fn new(plan: &'a Plan, validation_basis: Option<usize>, options: &'a SweepOptions) -> Runner<'a> {
        Runner { plan, validation_basis, options, data: DataCache::default() }
    }

    /// The training set of a variant, with another number of samples.
    pub fn training_set(&mut self, variant: &Variant, samples: Option<usize>) -> Result<&dyn Dataset> {
        let wanted = DataOptions { samples, ..self.data_options(variant) };
        Ok(self.data.open(wanted)?.train.as_ref())
    }

    /// Removes the checkpoint of the last run, once its record is stored.
    ///
    /// # Errors
    /// [`Error::File`] if it can't be removed.
    pub fn remove_checkpoint(&self) -> Result<()> {
        self.options.checkpoint.as_ref().map_or(Ok(()), |(path, _)| files::remove(path))
    }

    /// Trains and measures a variant, from its checkpoint if there is one. A training that fails has a record too.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when asked to stop; [`Error::DeviceLost`]; files that can't be read.
    pub fn run(&mut self, variant: &Variant, callback: &mut dyn Callback) -> Result<Record> {
        let wanted = self.data_options(variant);
        run_variant(self.plan, variant, self.options, &mut self.data, wanted, callback)
    }

    /// The data that a variant is trained on. All variants of a seed use the same validation samples, whatever their
    /// number of training samples.
    fn data_options(&self, variant: &Variant) -> DataOptions {
        DataOptions {
            dataset: self.plan.dataset.clone(),
            directory: self.options.data.clone(),
            resolution: variant.architecture.resolution(),
            seed: variant.seed,
            samples: variant.train_samples,
            most_samples: self.validation_basis,
            target_columns: self.plan.target_columns.clone(),
            table: self.plan.table.clone(),
            ..DataOptions::default()
        }
    }
}

/// Keeps the data of the last variant, because consecutive variants often use the same.
#[derive(Default)]
struct DataCache(Option<(DataOptions, Splits)>);

impl DataCache {
    fn open(&mut self, options: DataOptions) -> Result<&Splits> {
        if self.0.as_ref().is_none_or(|(opened, _)| *opened != options) {
            // Frees the old set before the new one is read.
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

/// Predicts the memory that a variant needs, and trains it if there is enough. Fills in `cost` as far as training gets.
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
        let reason = format!("{} predicted, {} available", bytes(predicted.total()), bytes(limit));
        return Ok(Outcome::OutOfMemory { reason });
    }
    // Buffers of the previous variant in the pool have other sizes, and its peak is not this variant's.
    device.trim();
    device.reset_peak();
    let trained = train(plan, variant, options, &splits, callback, cost);
    cost.peak_bytes = Some(Bytes::at_peak(&device.usage()));
    cost.wall_seconds += start.elapsed().as_secs_f64();
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
    let history = match &options.checkpoint {
        None => fit(&model, splits, &config, &mut stoppable)?,
        Some((path, every)) => {
            let checkpoints = Checkpoints::new(path.clone(), *every, description(plan, variant));
            let trained = fit_resumable(&model, splits, &config, &checkpoints, &mut stoppable);
            cost.wall_seconds = checkpoints.earlier_seconds();
            trained?
        }
    };
    fill(cost, &history);
    let batch = config.samples_at_a_time().min(splits.validation.len());
    let features: usize = variant.architecture.input_shape().iter().product();
    let inputs = vec![0.5; batch * features];
    let seconds = inference_seconds(history.seconds);
    cost.inference_samples_per_second = Some(measure::inference(&model, &inputs, batch, seconds)?);
    Ok(quality(&history))
}

/// What tells a variant's training from all others.
fn description(plan: &Plan, variant: &Variant) -> Value {
    let mut description = json!({
        "key": variant.key,
        "architecture": variant.architecture,
        "config": variant.config(plan),
        "dataset": plan.dataset,
        "target_columns": plan.target_columns,
        "data": plan.data,
    });
    // Checkpoints of earlier versions don't have it.
    if !plan.table.is_default() {
        description["table"] = json!(plan.table);
    }
    description
}

/// A callback that also stops training when the sweep is asked to stop.
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

/// Fills in the cost of a completed training.
fn fill(cost: &mut RunCost, history: &History) {
    let flops_per_sample = FLOPS_PER_MAC * cost.macs as f64;
    cost.samples_seen = history.samples_seen;
    cost.training_flops = flops_per_sample * history.samples_seen as f64;
    cost.samples_per_second = Throughput::of(&history.throughput);
    cost.flops_per_second = cost.samples_per_second.map(|rate| flops_per_sample * rate.median);
}

/// The quality that a completed training reached.
fn quality(history: &History) -> Quality {
    let last = history.result();
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

#[cfg(test)]
mod tests {
    use super::inference_seconds;

    #[test]
    fn a_short_training_is_followed_by_a_short_measurement() {
        assert_eq!([0.0, 1.0, 3600.0].map(inference_seconds), [0.02, 0.1, 0.25]);
    }
}
