//! Measures throughput, memory and kernel times of a model on a device with a few steps of training.

use super::record::Throughput;
use crate::data::{Batch, BatchTargets};
use crate::device::Device;
use crate::device::profile::Profile;
use crate::error::Result;
use crate::models::Bytes;
use crate::models::architecture::{Architecture, Output};
use crate::models::cost;
use crate::nn::Model;
use crate::train::TrainConfig;
use std::time::{Duration, Instant};

/// Throughput and peak memory of a model on a device.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Measurement {
    /// Training throughput, in samples per second.
    pub training: Throughput,
    /// Inference throughput, in samples per second.
    pub inference: Throughput,
    /// Measured peak memory of training.
    pub peak_bytes: Bytes,
    /// Peak memory of training as predicted by [`cost::predicted_peak`].
    pub predicted_peak_bytes: Bytes,
}

/// A throughput is the median over this many timed blocks.
const BLOCKS: usize = 7;

/// Measures a newly initialised model on noise: training for about `seconds`, then inference for about `seconds`.
///
/// # Errors
/// An error that [`is about memory`](crate::Error::is_about_memory) if the model does not fit;
/// [`Config`](crate::Error::Config) for an architecture or configuration that can't be built; errors of the device.
pub fn measure(
    architecture: &Architecture,
    device: &Device,
    config: &TrainConfig,
    seconds: f64,
) -> Result<Measurement> {
    let predicted_peak_bytes = cost::predicted_peak(architecture, config)?;
    device.check_fits_memory(predicted_peak_bytes.total())?;
    device.trim();
    device.reset_peak();
    let model = architecture.build(config, device)?;
    let batch = noise(architecture, config.batch);
    let mut trainer = config.trainer(&model, architecture.targets())?;
    let training = throughput(batch.size, seconds, |steps| {
        for _ in 0..steps {
            trainer.step(&batch, 1e-4)?;
        }
        trainer.take_metrics().map(drop)
    })?;
    let peak_bytes = Bytes::at_peak(&device.usage());
    let inference = inference(&model, &batch.inputs, batch.size, seconds)?;
    Ok(Measurement { training, inference, peak_bytes, predicted_peak_bytes })
}

/// The times of a training step, and its profile kernel by kernel.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct StepProfile {
    /// Number of profiled steps.
    pub steps: usize,
    /// Wall time of a step without profiling, in seconds.
    pub step_seconds: f64,
    /// The profile of all steps together. Profiling itself takes time.
    pub profile: Profile,
}

impl StepProfile {
    /// Wall time of a profiled step, in seconds: the sum of [`kernel_seconds`](StepProfile::kernel_seconds) and
    /// [`other_seconds`](StepProfile::other_seconds).
    pub fn profiled_seconds(&self) -> f64 {
        // The GPU's clock may run slightly faster than the host's.
        self.profile.wall.max(self.profile.kernel_seconds()) / self.steps as f64
    }

    /// Seconds that a profiled step spends inside kernels.
    pub fn kernel_seconds(&self) -> f64 {
        self.profile.kernel_seconds() / self.steps as f64
    }

    /// Seconds that a profiled step spends outside kernels: the host's work, timing, and gaps between dispatches.
    pub fn other_seconds(&self) -> f64 {
        self.profiled_seconds() - self.kernel_seconds()
    }
}

/// Trains a newly initialised model on noise for `steps` steps twice: once timed as a whole, once profiled.
///
/// # Errors
/// Those of [`measure`].
pub fn profile(
    architecture: &Architecture,
    device: &Device,
    config: &TrainConfig,
    steps: usize,
) -> Result<StepProfile> {
    device.check_fits_memory(cost::predicted_peak(architecture, config)?.total())?;
    let model = architecture.build(config, device)?;
    let batch = noise(architecture, config.batch);
    let mut trainer = config.trainer(&model, architecture.targets())?;
    let mut run = |steps: usize| -> Result<()> {
        for _ in 0..steps {
            trainer.step(&batch, 1e-4)?;
        }
        device.synchronize()
    };
    // The first step compiles kernels; the second is the first to reuse memory from the pool.
    run(2)?;
    let start = Instant::now();
    run(steps)?;
    let step_seconds = start.elapsed().as_secs_f64() / steps as f64;
    let (_, profile) = device.profile(|| run(steps))?;
    Ok(StepProfile { steps, step_seconds, profile })
}

/// Inference throughput on batches of `batch` samples, measured for about `seconds`. `inputs` holds the values of one
/// batch. Each pass copies them to the device; the output of the last pass of a block is read back.
///
/// # Errors
/// Inputs that do not have the model's shape; errors of the device.
pub fn inference(model: &Model, inputs: &[f32], batch: usize, seconds: f64) -> Result<Throughput> {
    throughput(batch, seconds, |passes| {
        for pass in 0..passes {
            let output = model.predict(&model.batch(inputs)?)?;
            if pass + 1 == passes {
                output.to_vec::<f32>()?;
            }
        }
        Ok(())
    })
}

/// Runs [`BLOCKS`] blocks of repetitions that together last about `seconds`, and returns their samples per second.
fn throughput(batch: usize, seconds: f64, mut run: impl FnMut(usize) -> Result<()>) -> Result<Throughput> {
    // The first call compiles kernels and allocates memory; the second gives the time of one call.
    run(1)?;
    let start = Instant::now();
    run(1)?;
    let once = start.elapsed().max(Duration::from_micros(1)).as_secs_f64();
    let repetitions = (seconds / BLOCKS as f64 / once).ceil().clamp(1.0, 1e6) as usize;
    let mut rates = [0.0; BLOCKS];
    for rate in &mut rates {
        let start = Instant::now();
        run(repetitions)?;
        *rate = (batch * repetitions) as f64 / start.elapsed().as_secs_f64();
    }
    Ok(Throughput::of(&rates).expect("every block took time and has samples, so its rate is finite"))
}

/// A batch of pseudo-random inputs and targets, the same on every call.
fn noise(architecture: &Architecture, batch: usize) -> Batch {
    let features: usize = architecture.input_shape().iter().product();
    let value = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32;
    let targets = match architecture.output {
        Output::Classes(classes) => BatchTargets::Classes((0..batch).map(|i| (i % classes) as u32).collect()),
        Output::Values(values) => BatchTargets::Values((0..batch * values).map(value).collect()),
    };
    Batch { size: batch, inputs: (0..batch * features).map(value).collect(), targets }
}
