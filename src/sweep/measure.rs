//! Throughput and memory of a model on a device, without training to the end.

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

/// What a model of one size does on a device.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Measurement {
    pub training: Throughput,
    pub inference: Throughput,
    pub peak_bytes: Bytes,
    pub predicted_peak_bytes: Bytes,
}

/// Blocks whose median is taken, after one that warms up.
const BLOCKS: usize = 7;

/// Trains and evaluates a freshly drawn model on noise, for about `seconds` each.
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

/// Where the time of training steps goes.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct StepProfile {
    pub steps: usize,
    /// Wall time of a step that is not profiled.
    pub step_seconds: f64,
    /// Of all steps together, while they were profiled, which takes time of its own.
    pub profile: Profile,
}

impl StepProfile {
    /// Wall time of a step while it is profiled: the sum of what it spends inside kernels and elsewhere.
    pub fn profiled_seconds(&self) -> f64 {
        // A GPU's clock may run ahead of the host's by a little.
        self.profile.wall.max(self.profile.kernel_seconds()) / self.steps as f64
    }

    /// What a profiled step spends inside kernels.
    pub fn kernel_seconds(&self) -> f64 {
        self.profile.kernel_seconds() / self.steps as f64
    }

    /// What a profiled step spends elsewhere: the host's own work, timing, and gaps between dispatches.
    pub fn other_seconds(&self) -> f64 {
        self.profiled_seconds() - self.kernel_seconds()
    }
}

/// Trains a freshly drawn model on noise for so many steps, twice: by the clock, and profiled.
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
    // The first step compiles, the second meets the memory that the first has left.
    run(2)?;
    let start = Instant::now();
    run(steps)?;
    let step_seconds = start.elapsed().as_secs_f64() / steps as f64;
    let (_, profile) = device.profile(|| run(steps))?;
    Ok(StepProfile { steps, step_seconds, profile })
}

/// Samples per second of the forward pass on one batch, input copied to the device and output read back.
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

/// Runs blocks of repetitions that together last about `seconds`, and returns the samples per second of each.
fn throughput(batch: usize, seconds: f64, mut run: impl FnMut(usize) -> Result<()>) -> Result<Throughput> {
    // The first call compiles and touches memory, the second says how long one takes.
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

/// A batch of values that are neither all equal nor sparse, the same each time.
fn noise(architecture: &Architecture, batch: usize) -> Batch {
    let features: usize = architecture.input_shape().iter().product();
    let value = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32;
    let targets = match architecture.output {
        Output::Classes(classes) => BatchTargets::Classes((0..batch).map(|i| (i % classes) as u32).collect()),
        Output::Values(values) => BatchTargets::Values((0..batch * values).map(value).collect()),
    };
    Batch { size: batch, inputs: (0..batch * features).map(value).collect(), targets }
}
