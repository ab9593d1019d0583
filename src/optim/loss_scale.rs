//! The loss scale of mixed-precision training: its state on the device, and what is read of it now and then.

mod kernels;

pub use kernels::{GOOD, SCALE, SKIPPED, UNSCALE, UPDATES, find_overflow, state, update};
pub(super) use kernels::{STATE, check};

use crate::device::memory::{Category, allocating};
use crate::error::Result;
use crate::nn::FlatGradients;
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::Serialize;

/// The first scale, and the good steps after which it doubles: those of PyTorch's `GradScaler`.
const FIRST: f32 = 65536.0;
const INTERVAL: u32 = 2000;

/// What the gradients of the loss are multiplied by, so that f16 can hold them. It halves when one is not finite, and
/// that step is skipped; it doubles after 2,000 good steps. The device decides, and nothing waits for it.
pub(super) struct LossScale {
    state: Tensor,
    found: Tensor,
}

/// How scaling went so far.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct LossScaling {
    pub scale: f64,
    /// Steps that changed nothing, because a gradient was not finite.
    pub skipped_steps: u64,
}

impl LossScale {
    /// For parameters like these.
    pub(super) fn new(parameters: &Tensor) -> Result<LossScale> {
        let _category = allocating(Category::Optimizer);
        let found = Tensor::new(parameters.device(), &[0u32], [1])?;
        Ok(LossScale { state: state(parameters, FIRST)?, found })
    }

    /// The gradient that a backward pass starts from, a scalar: the scale itself.
    pub(super) fn seed(&self) -> Tensor {
        self.state.part(SCALE, Shape::SCALAR)
    }

    pub(super) fn state(&self) -> &Tensor {
        &self.state
    }

    /// Looks through the gradients and decides about this step.
    pub(super) fn update(&self, gradients: &FlatGradients, betas: [f64; 2]) -> Result<()> {
        gradients.flat().iter().try_for_each(|flat| find_overflow(flat, &self.found))?;
        update(&self.state, &self.found, INTERVAL, betas)
    }

    /// Waits for the device.
    pub(super) fn read(&self) -> Result<LossScaling> {
        let numbers = self.state.to_f64()?;
        Ok(LossScaling { scale: numbers[SCALE], skipped_steps: numbers[SKIPPED] as u64 })
    }
}
