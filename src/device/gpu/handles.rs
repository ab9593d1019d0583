//! What every part of this folder needs of an open adapter, and the memory that it hands out.

use crate::error::{Error, Result};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

/// What every part of this folder needs.
#[derive(Clone)]
pub(super) struct Handles {
    pub(super) name: String,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) immediates: bool,
    /// Whether the driver itself keeps kernels within their buffers. On Vulkan that is a feature which wgpu turns on
    /// everywhere; a check in the text would cost time for nothing.
    pub(super) robust: bool,
    pub(super) timestamps: bool,
    pub(super) failure: Arc<Mutex<Option<Failure>>>,
}

/// What the driver reported outside a call; the next call returns it.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    Lost(String),
    OutOfMemory,
    Refused(String),
}

/// A buffer of the adapter's memory, with a number that identifies it among bind groups and the batch of
/// dispatches that used it last.
#[derive(Clone)]
pub(crate) struct Slot {
    pub(super) buffer: wgpu::Buffer,
    pub(super) id: u64,
    pub(super) last_batch: Arc<AtomicU64>,
}

impl Handles {
    /// Waits until the device has nothing left to do.
    pub(super) fn wait(&self) -> Result<()> {
        let polled = self.device.poll(wgpu::PollType::wait_indefinitely());
        self.check()?;
        polled.map(drop).map_err(|e| Error::DeviceLost { device: self.name.clone(), reason: e.to_string() })
    }

    /// What went wrong since the last call, if anything. A lost device stays lost.
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
