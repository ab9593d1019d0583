//! The loss scale of mixed-precision training: its state on the device, and reading the state.

mod kernels;

pub use kernels::{GOOD, SCALE, SKIPPED, UNSCALE, UPDATES, find_overflow, state, update};
pub(super) use kernels::{STATE, check};

use crate::device::memory::{Category, allocating};
use crate::error::Result;
use crate::nn::FlatGradients;
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The initial scale and the number of finite steps before it doubles, as in PyTorch's `GradScaler`.
const FIRST: f32 = 65536.0;
const INTERVAL: u32 = 2000;

/// The factor that the loss is multiplied by, so that f16 can represent its gradients. If a gradient is not finite,
/// the step is skipped and the scale halves. After 2,000 finite steps in a row it doubles. The device decides this
/// without waiting for the host.
pub(super) struct LossScale {
    state: Tensor,
    found: Tensor,
}

/// The state of loss scaling, read back from the device.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct LossScaling {
    /// The factor of the next loss.
    pub scale: f64,
    /// The number of steps that were skipped because a gradient was not finite.
    pub skipped_steps: u64,
}

impl LossScale {
    /// The initial loss scale for parameters like these.
    pub(super) fn new(parameters: &Tensor) -> Result<LossScale> {
        let _category = allocating(Category::Optimizer);
        let found = Tensor::new(parameters.device(), &[0u32], [1])?;
        Ok(LossScale { state: state(parameters, FIRST)?, found })
    }

    /// The gradient with which the backward pass starts: the scale, a scalar.
    pub(super) fn seed(&self) -> Tensor {
        self.state.part(SCALE, Shape::SCALAR)
    }

    pub(super) fn state(&self) -> &Tensor {
        &self.state
    }

    /// Checks whether all gradients are finite. If not, this step is skipped.
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
