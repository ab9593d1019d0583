//! The driver as a process: what it prints, what it leaves on disk, how it ends, and how it goes on after it was
//! stopped.
//!
//! Everything is small and runs on the CPU device, except where a test is about adapters.

mod bench;
mod check;
mod devices;
mod extension;
mod failure;
mod fit;
mod inputs;
#[cfg(unix)]
mod interruption;
#[cfg(target_os = "linux")]
mod kit;
mod memory;
mod output;
mod places;
mod prediction;
mod process;
mod reading;
mod starting;
mod summary;
mod sweep;
mod tables;
mod train;
mod tune;
mod usage;
mod width;
