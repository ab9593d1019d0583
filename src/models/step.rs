//! How a training step computes, and the model that is built for it.

use super::architecture::Architecture;
use super::cost::loss_of;
use crate::device::Device;
use crate::error::Result;
use crate::nn::{Model, Module, Precision};
use crate::optim::Algorithm;
use crate::train::Trainer;

/// What memory and speed of a training step depend on, beside the architecture.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StepOptions {
    /// Samples a step.
    pub batch: usize,
    pub algorithm: Algorithm,
    /// In which types the model is stored.
    pub precision: Precision,
    /// Whether activations are computed again in the backward pass rather than kept.
    pub recompute: bool,
    /// The most that the norm of all gradients together may be; none when absent.
    pub clip_norm: Option<f64>,
}

impl Default for StepOptions {
    /// Adam in f32 on batches of 64.
    fn default() -> StepOptions {
        StepOptions {
            batch: 64,
            algorithm: Algorithm::adam(),
            precision: Precision::F32,
            recompute: false,
            clip_norm: None,
        }
    }
}

impl StepOptions {
    /// The model, freshly drawn.
    ///
    /// # Errors
    /// What makes the architecture impossible to build on this device.
    pub fn build(&self, architecture: &Architecture, device: &Device, seed: u64) -> Result<Model> {
        let layers = architecture.layers();
        let model = layers.build_in(self.precision, device, &architecture.input_shape(), seed)?;
        Ok(model.with_recompute(self.recompute))
    }

    /// What makes steps on that model.
    ///
    /// # Errors
    /// Memory that is not there; a norm to clip to that is not above zero.
    pub fn trainer<'a>(&self, architecture: &Architecture, model: &'a Model) -> Result<Trainer<'a>> {
        Trainer::new(model, loss_of(architecture), self.algorithm)?.with_clip_norm(self.clip_norm)
    }
}
