//! How much memory the host has, for devices that compute in it.

use super::{Backend, Device};
use crate::error::{Error, Result};
use sysinfo::System;

impl Device {
    /// Bytes that could still be allocated, where the system tells: the host's free memory for the CPU and for
    /// software adapters. Graphics interfaces don't tell how much memory a GPU has.
    pub fn available_memory(&self) -> Option<u64> {
        if self.has_memory_of_its_own() {
            return None;
        }
        host_memory().map(|memory| memory.available_memory())
    }

    /// Refuses what can't fit, however much of the memory is free: more bytes than the host has, swap included. Where
    /// the system does not tell, nothing is refused.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
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

/// The host's memory; none where the system does not tell.
fn host_memory() -> Option<System> {
    let mut system = System::new();
    system.refresh_memory();
    (system.total_memory() > 0).then_some(system)
}
