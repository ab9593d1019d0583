//! What a model costs, before it is built: parameters and MACs counted layer by layer, peak memory by a rehearsal.
//!
//! The rehearsal runs one training step on a [dry device](Device::dry), which books every buffer that the step
//! would allocate, for as long as the step would hold it, and computes nothing. So memory is predicted by the very
//! code that will use it, and there is no second description of it that could drift from the first.

use super::architecture::{Architecture, Output};
use super::record::Bytes;
use crate::data::{Batch, BatchTargets, Targets};
use crate::device::Device;
use crate::device::memory::Usage;
use crate::error::Result;
use crate::nn::{LayerReport, Precision};
use crate::optim::Algorithm;
use crate::train::{Loss, Trainer};
use serde::Serialize;

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
pub fn predicted_peak(
    architecture: &Architecture,
    batch: usize,
    algorithm: Algorithm,
    precision: Precision,
    recompute: bool,
) -> Result<Bytes> {
    architecture.validate()?;
    let device = Device::dry();
    let layers = architecture.layers();
    let model =
        layers.build_in(precision, &device, &architecture.input_shape(), 0)?.with_recompute(recompute);
    let features: usize = architecture.input_shape().iter().product();
    let targets = match architecture.output {
        Output::Classes(_) => BatchTargets::Classes(vec![0; batch]),
        Output::Values(values) => BatchTargets::Values(vec![0.0; batch * values]),
    };
    let batch = Batch { size: batch, inputs: vec![0.0; batch * features], targets };
    let mut trainer = Trainer::new(&model, loss_of(architecture), algorithm)?;
    trainer.step(&batch, 0.0)?;
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
