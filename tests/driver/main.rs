//! The driver as a process: its output, its files, its exit codes, and how it resumes.
//!
//! All trainings are small and run on the CPU device, except in tests of adapters.

mod bench;
mod check;
mod classes;
#[cfg(feature = "download")]
mod data;
mod devices;
mod exchange;
mod extension;
mod failure;
mod fit;
mod inputs;
#[cfg(unix)]
mod interruption;
#[cfg(target_os = "linux")]
mod kit;
#[cfg(feature = "download")]
#[path = "../loopback/mod.rs"]
mod loopback;
mod memory;
mod output;
mod places;
mod predict;
mod prediction;
mod process;
mod reading;
#[cfg(unix)]
mod resuming;
mod search_compound;
mod starting;
mod summary;
mod sweep;
mod tables;
mod train;
mod tune;
mod usage;
mod watching;
mod width;
