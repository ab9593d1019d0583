//! The cost of a model before it is built: parameters and MACs counted layer by layer, peak memory by a dry run.
//!
//! The dry run is one training step and one evaluation on a [dry device](Device::dry), which counts every buffer while
//! it is live and computes nothing. So the code that uses memory also predicts it.

use super::architecture::Architecture;
use crate::device::Device;
use crate::device::memory::Usage;
use crate::error::{Error, Result};
use crate::nn::{Module, ModuleReport};
use crate::train::TrainConfig;
use serde::{Deserialize, Serialize};

/// FLOPs of training per MAC and sample seen: 2 FLOPs per MAC, and a backward pass counts as two forward passes.
pub const FLOPS_PER_MAC: f64 = 6.0;

/// The cost of one sample's forward pass.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Number of trained parameters.
    pub parameters: u64,
    /// Multiply-accumulate operations; FLOPs are twice as many.
    pub macs: u64,
    /// Number of values that the layers output.
    pub activations: u64,
    /// The model's modules, each with those inside it.
    pub modules: Vec<ModuleReport>,
}

impl Cost {
    /// Counts the cost of `architecture`, layer by layer.
    ///
    /// # Errors
    /// Those of [`Architecture::validate`], and [`Error`]s of layers that can't be built.
    pub fn of(architecture: &Architecture) -> Result<Cost> {
        architecture.validate()?;
        let model = architecture.layers().describe(&architecture.input_shape())?;
        Ok(Cost {
            parameters: model.parameters,
            macs: model.macs,
            activations: model.activations,
            modules: model.modules,
        })
    }
}

/// Predicts the peak memory of training with batches of [`TrainConfig::batch`] samples, by category.
///
/// # Errors
/// Those of [`Cost::of`]; [`Error::TooManyElements`] if a tensor is too large for any device.
pub fn predicted_peak(architecture: &Architecture, config: &TrainConfig) -> Result<Bytes> {
    dry_run(architecture, config, config.samples_at_a_time())
}

/// As [`predicted_peak`], for a given number of training and validation samples. A batch is never larger than its set.
///
/// # Errors
/// Those of [`predicted_peak`].
pub fn predicted_peak_on(
    architecture: &Architecture,
    config: &TrainConfig,
    [training, validation]: [usize; 2],
) -> Result<Bytes> {
    let cut = TrainConfig { batch: config.batch.min(training), ..*config };
    dry_run(architecture, &cut, config.samples_at_a_time().min(validation))
}

/// One training step, and one evaluation of `validation` samples, on a dry device.
fn dry_run(architecture: &Architecture, config: &TrainConfig, validation: usize) -> Result<Bytes> {
    architecture.validate()?;
    let device = Device::dry();
    let run = || {
        let model = architecture.build(config, &device)?;
        let mut trainer = config.trainer(&model, architecture.targets())?;
        trainer.dry_step(config.batch)?;
        trainer.dry_evaluation(validation)
    };
    run().map_err(|error| match error {
        Error::TooManyElements { what, elements } => {
            let what = format!("{} with a batch of {}, {what}", architecture.name, config.batch);
            Error::TooManyElements { what, elements }
        }
        other => other,
    })?;
    Ok(Bytes::at_peak(&device.usage()))
}

impl Bytes {
    /// The bytes of each category at the moment of the ledger's peak.
    pub fn at_peak(usage: &Usage) -> Bytes {
        let [parameters, gradients, optimizer, activations, workspace] = usage.peak_by_category;
        Bytes { parameters, gradients, optimizer, activations, workspace }
    }
}

/// Bytes of memory by category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bytes {
    /// Parameters.
    pub parameters: u64,
    /// Gradients of parameters.
    pub gradients: u64,
    /// The optimiser's moments.
    pub optimizer: u64,
    /// Values that the graph keeps for the backward pass, and the batch.
    pub activations: u64,
    /// Scratch memory of kernels.
    pub workspace: u64,
}

impl Bytes {
    /// Sum of all categories.
    pub fn total(&self) -> u64 {
        self.named().iter().map(|&(_, bytes)| bytes).sum()
    }

    /// Name and bytes of every category.
    pub fn named(&self) -> [(&'static str, u64); 5] {
        [
            ("parameters", self.parameters),
            ("gradients", self.gradients),
            ("optimizer", self.optimizer),
            ("activations", self.activations),
            ("workspace", self.workspace),
        ]
    }
}
