//! Training: constant memory, repeatable bits, saving and loading weights, gradients of whole models, falling losses,
//! and interruption.
//!
//! Tests run on the CPU device and on an adapter, and fail if there is no adapter.

#[path = "../adapter/mod.rs"]
mod adapter;
mod averages;
mod clipping;
mod config;
mod decay;
mod diagnosis;
mod dropout;
#[path = "../exclusive_adapter/mod.rs"]
mod exclusive_adapter;
mod fit;
mod gradients;
mod loops;
mod memory;
mod mixed;
mod modules;
mod norms;
#[path = "../precisions/mod.rs"]
mod precisions;
mod recompute;
mod repetition;
mod resuming;
mod schedule;
mod sums;
mod varied;
mod watch;
mod weights;
