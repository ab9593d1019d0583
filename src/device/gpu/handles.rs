//! Handles to an open adapter, which all parts of this folder need, and to its memory.

use crate::error::{Error, Result};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

/// Handles to an open adapter.
#[derive(Clone)]
pub(super) struct Handles {
    pub(super) name: String,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) immediates: bool,
    /// Whether the driver itself keeps kernels inside their buffers. On Vulkan wgpu turns this feature on everywhere,
    /// so checks in the WGSL would only cost time.
    pub(super) robust: bool,
    pub(super) timestamps: bool,
    pub(super) failure: Arc<Mutex<Option<Failure>>>,
}

/// A failure that the driver reported outside a call. The next call returns it.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    Lost(String),
    OutOfMemory,
    Refused(String),
}

/// A buffer of the adapter's memory. `id` identifies it in cached bind groups; `last_batch` is the last batch of
/// dispatches that used it.
#[derive(Clone)]
pub(crate) struct Slot {
    pub(super) buffer: wgpu::Buffer,
    pub(super) id: u64,
    pub(super) last_batch: Arc<AtomicU64>,
}

impl Handles {
    /// Waits until the device has finished all work.
    pub(super) fn wait(&self) -> Result<()> {
        let polled = self.device.poll(wgpu::PollType::wait_indefinitely());
        self.check()?;
        polled.map(drop).map_err(|e| Error::DeviceLost { device: self.name.clone(), reason: e.to_string() })
    }

    /// Returns the failure since the last call, if any. A lost device stays lost.
    pub(super) fn check(&self) -> Result<()> {
        let mut failure = self.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let device = self.name.clone();
        match failure.clone() {
            None => Ok(()),
            Some(Failure::Lost(reason)) => Err(Error::DeviceLost { device, reason }),
            Some(Failure::OutOfMemory) => {
                *failure = None;
                Err(Error::OutOfMemory { device, bytes: 0, live: 0 })
            }
            Some(Failure::Refused(reason)) => {
                *failure = None;
                Err(Error::Kernel { op: "dispatch".to_string(), device, reason })
            }
        }
    }
}
