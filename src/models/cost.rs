//! What a model costs, before it is built: parameters and MACs counted layer by layer, peak memory by a dry run.
//!
//! The dry run takes one training step on a [dry device](Device::dry), which books every buffer that the step
//! would allocate, for as long as the step would hold it, and computes nothing. So memory is predicted by the very
//! code that will use it, and there is no second description of it that could drift from the first.

use super::architecture::Architecture;
use crate::device::Device;
use crate::device::memory::Usage;
use crate::error::{Error, Result};
use crate::nn::{Module, ModuleReport};
use crate::train::TrainConfig;
use serde::{Deserialize, Serialize};

/// FLOPs of training, per MAC and sample seen: 2 FLOPs a MAC, and a backward pass as dear as two forward ones.
pub const FLOPS_PER_MAC: f64 = 6.0;

/// Counts for one sample's forward pass.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Trained values.
    pub parameters: u64,
    /// Multiply-accumulate operations; FLOPs are twice as many.
    pub macs: u64,
    /// Values that the layers put out.
    pub activations: u64,
    /// Those of the model itself, each with the modules inside it.
    pub layers: Vec<ModuleReport>,
}

impl Cost {
    /// Counts `architecture`, layer by layer.
    ///
    /// # Errors
    /// What makes the architecture impossible to build.
    pub fn of(architecture: &Architecture) -> Result<Cost> {
        architecture.validate()?;
        let model = architecture.layers().describe(&architecture.input_shape())?;
        Ok(Cost {
            parameters: model.parameters,
            macs: model.macs,
            activations: model.activations,
            layers: model.modules,
        })
    }
}

/// The most bytes that training holds at once, by category, when steps have as many samples as a batch.
///
/// # Errors
/// What makes the architecture impossible to build, or its tensors too large for any device.
pub fn predicted_peak(architecture: &Architecture, config: &TrainConfig) -> Result<Bytes> {
    dry_run(architecture, config, config.batch)
}

/// The same of a training on so many samples, judged by so many: no batch has more than there are.
///
/// # Errors
/// Those of [`predicted_peak`].
pub fn predicted_peak_on(
    architecture: &Architecture,
    config: &TrainConfig,
    [training, validation]: [usize; 2],
) -> Result<Bytes> {
    let cut = TrainConfig { batch: config.batch.min(training), ..*config };
    dry_run(architecture, &cut, config.batch.min(validation))
}

/// A step, and an evaluation of so many samples, on a dry device.
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
    /// The categories at the moment of the ledger's peak.
    pub fn at_peak(usage: &Usage) -> Bytes {
        let [parameters, gradients, optimizer, activations, workspace] = usage.peak_by_category;
        Bytes { parameters, gradients, optimizer, activations, workspace }
    }
}

/// Bytes by category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bytes {
    /// Trained values.
    pub parameters: u64,
    /// Their gradients.
    pub gradients: u64,
    /// The optimiser's moments.
    pub optimizer: u64,
    /// What the graph keeps between forward and backward pass, and the batch itself.
    pub activations: u64,
    /// Scratch of single kernels.
    pub workspace: u64,
}

impl Bytes {
    /// All categories together.
    pub fn total(&self) -> u64 {
        self.named().iter().map(|&(_, bytes)| bytes).sum()
    }

    /// Every category with its name.
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
