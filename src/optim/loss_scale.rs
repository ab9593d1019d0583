//! The loss scale of mixed-precision training: its state on the device, and reading it back.

mod kernels;

pub use kernels::{GOOD, SCALE, SKIPPED, UNSCALE, UPDATES, find_overflow, state, update};
pub(super) use kernels::{STATE, check};

use crate::device::memory::{Category, allocating};
use crate::error::Result;
use crate::nn::FlatGradients;
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::Serialize;

/// The initial scale, and the number of finite steps after which it doubles: those of PyTorch's `GradScaler`.
const FIRST: f32 = 65536.0;
const INTERVAL: u32 = 2000;

/// The factor by which the loss is multiplied so that f16 can hold its gradients. When a gradient is not finite, the step
/// is skipped and the scale halves; after 2,000 finite steps it doubles. The device decides; the host does not wait.
pub(super) struct LossScale {
    state: Tensor,
    found: Tensor,
}

/// The state of loss scaling, read back from the device.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct LossScaling {
    /// The factor of the next loss.
    pub scale: f64,
    /// Steps that were skipped because a gradient was not finite.
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

    /// Checks the gradients for values that are not finite, and decides whether this step is skipped.
    pub(super) fn update(&self, gradients: &FlatGradients, betas: [f64; 2]) -> Result<()> {
        gradients.flat().iter().try_for_each(|flat| find_overflow(flat, &self.found))?;
        update(&self.state, &self.found, INTERVAL, betas)
    }

    /// Reads the state. Waits for the device.
    pub(super) fn read(&self) -> Result<LossScaling> {
        let numbers = self.state.to_f64()?;
        Ok(LossScaling { scale: numbers[SCALE], skipped_steps: numbers[SKIPPED] as u64 })
    }
}
