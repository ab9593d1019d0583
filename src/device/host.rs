//! The memory of the host, for devices that compute in it.

use super::{Backend, Device};
use crate::error::{Error, Result};
use sysinfo::System;

impl Device {
    /// Bytes that can still be allocated: the host's free memory for the CPU device and for software adapters. `None`
    /// for GPUs, whose memory graphics interfaces do not report, and where the system does not report its memory.
    pub fn available_memory(&self) -> Option<u64> {
        if self.has_memory_of_its_own() {
            return None;
        }
        host_memory().map(|memory| memory.available_memory())
    }

    /// Refuses what can't fit, however much of the memory is free: more bytes than the host has, swap included. Where
    /// Checks that a number of bytes is not more than all memory of the host, swap included. Passes for GPUs, and
    /// where the system does not report its memory.
    /// # Errors
    /// [`Error::OutOfMemory`] for more bytes than that.
    pub fn check_fits_memory(&self, bytes: u64) -> Result<()> {
        if self.has_memory_of_its_own() {
            return Ok(());
        }
        match host_memory() {
            Some(memory) if bytes > memory.total_memory() + memory.total_swap() => {
                Err(Error::OutOfMemory { device: self.name(), bytes, live: self.usage().live })
            }
            _ => Ok(()),
        }
    }

    fn has_memory_of_its_own(&self) -> bool {
        matches!(&self.0.backend, Backend::Gpu(gpu) if !gpu.software)
    }
}

/// The host's memory; `None` where the system does not report it.
fn host_memory() -> Option<System> {
    let mut system = System::new();
    system.refresh_memory();
    (system.total_memory() > 0).then_some(system)
}
