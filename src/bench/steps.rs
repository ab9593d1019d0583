//! Times whole training steps, on a batch that is on the device and with a batch that is copied to it.

use super::{BLOCKS, SLOW_BLOCKS, noise_values, warm_up};
use crate::data::{Batch, BatchTargets};
use crate::device::{DType, Device, Kind};
use crate::error::{Error, Result};
use crate::nn::{Activation, Conv2d, Dense, Flatten, MaxPool2d, Module, Padding, Precision, Sequential};
use crate::optim::Algorithm;
use crate::quantile::median;
use crate::tensor::Tensor;
use crate::train::{Loss, Trainer};
use serde::Serialize;
use std::time::Instant;

/// A network whose training steps are timed.
pub struct Network {
    /// Name in tables.
    pub name: &'static str,
    /// Short description of its layers.
    pub description: &'static str,
    /// Creates its layers.
    pub layers: fn() -> Sequential,
    /// Rows, columns and channels of an image.
    pub image: [usize; 3],
    /// Number of classes.
    pub classes: u32,
    /// Batch size on any device.
    pub batch: usize,
    /// A second, larger batch size for GPUs.
    pub large_batch: usize,
}

/// All networks, one per line. `scripts/gpu-kit.d/pytorch_bench.py` has the same list.
#[rustfmt::skip]
pub static NETWORKS: &[Network] = &[
    Network { name: "mlp", description: "784-512-512-10", layers: mlp, image: [28, 28, 1], classes: 10, batch: 256, large_batch: 4096 },
    Network { name: "cnn", description: "convolutions to 32 and 64 channels, then 128-10", layers: cnn, image: [28, 28, 1], classes: 10, batch: 64, large_batch: 1024 },
];

/// A training step that is timed, with cross-entropy and Adam.
#[derive(Clone, Copy)]
pub struct Workload {
    /// The network.
    pub network: &'static Network,
    /// Images per batch.
    pub batch: usize,
    /// Precision of training.
    pub precision: Precision,
}

/// 784-512-512-10 with ReLU.
fn mlp() -> Sequential {
    let hidden = || Dense::new(512).activation(Activation::Relu);
    Sequential::new().add(Flatten::new()).add(hidden()).add(hidden()).add(Dense::new(10))
}

/// Convolutions to 32 and 64 channels with pooling, then dense layers of 128 and 10.
fn cnn() -> Sequential {
    let conv = |filters| Conv2d::new(filters, [3, 3]).padding(Padding::Same).activation(Activation::Relu);
    Sequential::new()
        .add(conv(32))
        .add(MaxPool2d::new([2, 2]))
        .add(conv(64))
        .add(MaxPool2d::new([2, 2]))
        .add(Flatten::new())
        .add(Dense::new(128).activation(Activation::Relu))
        .add(Dense::new(10))
}

/// The training steps to time on a device: the networks that `chosen` accepts by name, in both precisions; on a GPU
/// also with the larger batch.
pub fn workloads(device: &Device, chosen: impl Fn(&str) -> bool) -> Vec<Workload> {
    let mut works = Vec::new();
    for network in NETWORKS.iter().filter(|network| chosen(network.name)) {
        for precision in Precision::ALL {
            works.push(Workload { network, batch: network.batch, precision });
            if device.kind() == Kind::Gpu {
                works.push(Workload { network, batch: network.large_batch, precision });
            }
        }
    }
    works
}

/// The measured time and memory of a training step.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct StepFigure {
    /// Name of the network.
    pub name: &'static str,
    /// Images per batch.
    pub batch: usize,
    /// Precision of training.
    pub precision: Precision,
    /// Seconds of a step on a batch that is on the device, by the host's clock: the median over a few blocks of steps.
    pub seconds: f64,
    /// Seconds of a step that first copies its batch to the device.
    pub seconds_with_copy: f64,
    /// Images per second.
    pub samples_per_second: f64,
    /// Seconds of the first step, which compiles kernels and allocates memory.
    pub first_seconds: f64,
    /// Peak memory in bytes.
    pub peak_bytes: u64,
}

impl Workload {
    /// Trains for about `seconds` after a warm-up. Returns `None` for mixed precision on a device without f16.
    ///
    /// # Errors
    /// Errors of the device, such as [`Error::OutOfMemory`].
    pub fn measure(&self, device: &Device, seconds: f64) -> Result<Option<StepFigure>> {
        if self.precision == Precision::Mixed && !has_halves(device)? {
            return Ok(None);
        }
        device.trim();
        device.reset_peak();
        let before = device.usage().live;
        let Network { layers, image, classes, .. } = self.network;
        let model = layers().build_in(self.precision, device, image, 0)?;
        let labels: Vec<u32> = (0..self.batch as u32).map(|i| i % classes).collect();
        let batch = Batch {
            size: self.batch,
            inputs: noise_values(self.batch * image.iter().product::<usize>()),
            targets: BatchTargets::Classes(labels.clone()),
        };
        let loss = Loss::cross_entropy(0.0);
        let mut trainer = Trainer::new(&model, loss, Algorithm::adam())?;
        let inputs = model.batch(&batch.inputs)?;
        let targets = Tensor::new(device, &labels, [self.batch])?;
        let mut run = |steps: u64, copy: bool| -> Result<f64> {
            let start = Instant::now();
            for _ in 0..steps {
                if copy {
                    trainer.step(&batch, 1e-3)?;
                } else {
                    trainer.step_on(&inputs, &targets, 1e-3)?;
                }
            }
            device.synchronize()?;
            Ok(start.elapsed().as_secs_f64())
        };
        let first_seconds = run(1, true)?;
        warm_up(device, seconds, |steps| run(steps, false).map(drop))?;
        // The time of a step is the median over blocks of steps.
        let [seconds, seconds_with_copy] = [false, true].map(|copy| -> Result<f64> {
            let whole = seconds / 2.0;
            let once = run(1, copy)?;
            if once > whole {
                let more = (1..SLOW_BLOCKS).map(|_| run(1, copy)).collect::<Result<Vec<f64>>>()?;
                return Ok(median([vec![once], more].concat()));
            }
            let once = once.min(run(4, copy)? / 4.0);
            let steps = (whole / BLOCKS as f64 / once).clamp(1.0, 1e5) as u64;
            run(steps, copy)?;
            let times: Result<Vec<f64>> = (0..BLOCKS).map(|_| Ok(run(steps, copy)? / steps as f64)).collect();
            Ok(median(times?))
        });
        let (seconds, seconds_with_copy) = (seconds?, seconds_with_copy?);
        Ok(Some(StepFigure {
            name: self.network.name,
            batch: self.batch,
            precision: self.precision,
            seconds,
            seconds_with_copy,
            samples_per_second: self.batch as f64 / seconds,
            first_seconds,
            peak_bytes: device.usage().peak - before,
        }))
    }
}

fn has_halves(device: &Device) -> Result<bool> {
    match device.allocate("steps", DType::F16, 1) {
        Ok(_) => Ok(true),
        Err(Error::DType { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
