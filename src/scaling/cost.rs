//! What a model costs, before it is built: parameters and MACs counted layer by layer, peak memory by a rehearsal.
//!
//! The rehearsal runs one training step on a [dry device](Device::dry), which books every buffer that the step
//! would allocate, for as long as the step would hold it, and computes nothing. So memory is predicted by the very
//! code that will use it, and there is no second description of it that could drift from the first.

use super::architecture::{Architecture, Output};
use super::record::Bytes;
use super::step::StepOptions;
use crate::data::{Batch, BatchTargets, Targets};
use crate::device::Device;
use crate::device::memory::Usage;
use crate::error::Result;
use crate::nn::LayerReport;
use crate::train::Loss;
use serde::Serialize;

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
    pub layers: Vec<LayerReport>,
}

impl Cost {
    /// Counts `architecture`, layer by layer.
    ///
    /// # Errors
    /// What makes the architecture impossible to build.
    pub fn of(architecture: &Architecture) -> Result<Cost> {
        architecture.validate()?;
        let layers = architecture.layers().describe(&architecture.input_shape())?;
        let sum = |of: fn(&LayerReport) -> u64| layers.iter().map(of).sum();
        Ok(Cost {
            parameters: sum(|layer| layer.parameters),
            macs: sum(|layer| layer.macs),
            activations: sum(|layer| layer.activations),
            layers,
        })
    }
}

/// The most bytes that training holds at once, by category.
///
/// # Errors
/// What makes the architecture impossible to build.
pub fn predicted_peak(architecture: &Architecture, step: &StepOptions) -> Result<Bytes> {
    architecture.validate()?;
    let device = Device::dry();
    let model = step.build(architecture, &device, 0)?;
    let features: usize = architecture.input_shape().iter().product();
    let targets = match architecture.output {
        Output::Classes(_) => BatchTargets::Classes(vec![0; step.batch]),
        Output::Values(values) => BatchTargets::Values(vec![0.0; step.batch * values]),
    };
    let batch = Batch { size: step.batch, inputs: vec![0.0; step.batch * features], targets };
    step.trainer(architecture, &model)?.step(&batch, 0.0)?;
    Ok(Bytes::at_peak(&device.usage()))
}

/// The loss that goes with an architecture's output.
pub fn loss_of(architecture: &Architecture) -> Loss {
    Loss::for_targets(match architecture.output {
        Output::Classes(classes) => Targets::Classes(classes),
        Output::Values(values) => Targets::Values(values),
    })
}

impl Bytes {
    /// The categories at the moment of the ledger's peak.
    pub fn at_peak(usage: &Usage) -> Bytes {
        let [parameters, gradients, optimizer, activations, workspace] = usage.peak_by_category;
        Bytes { parameters, gradients, optimizer, activations, workspace }
    }
}
