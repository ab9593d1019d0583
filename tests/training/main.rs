//! Training as a whole: memory that stays where it is, bits that repeat, weights that survive the disk, gradients
//! of whole models, losses that fall, and an end that can be asked for.
//!
//! What is said of a device is tested on the CPU device and on the adapter, and fails where there is none.

mod config;
mod decay;
mod dropout;
mod fit;
mod gradients;
mod loops;
mod memory;
mod modules;
mod repetition;
mod schedule;
mod sums;
mod varied;
mod weights;
