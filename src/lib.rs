//! *Allometry is the study of how a body's parts grow with its size.* This crate does that for neural networks. It has
//! a small tensor engine for GPUs, written from scratch. On top of it, it trains a model at many sizes, measures the
//! cost of each size, fits the scaling law that links size to quality, and recommends a size.
//!
//! # The modules, in reading order
//!
//! | module | contents |
//! |---|---|
//! | [`shape`] | shapes, strides, broadcasting: arithmetic on small arrays |
//! | [`device`] | allocates, runs kernels, reads back; the same interface for a GPU and the CPU |
//! | [`tensor`] | tensors: views of buffers, with the node of the graph that computed them |
//! | [`autograd`] | the graph and the backward pass, independent of ops |
//! | [`ops`] | one file per op: shape rule, kernel with its reference, gradient |
//! | [`gradcheck`](mod@gradcheck) | checks gradients of any function or model in f64 |
//! | [`nn`] | modules, containers, layers, initialisers, models, weights files |
//! | [`optim`] | update rules with their kernels, schedules, clipping, loss scaling |
//! | [`data`] | data sets, and the loader that prepares batches on another thread |
//! | [`train`] | the training configuration, a step, the loop, progress on the terminal |
//! | [`files`] | atomic file writes, locks of folders |
//! | [`cache`] | the folder for files that can be made or downloaded again |
//! | [`arguments`] | parsing numbers of the command line |
//! | [`output`] | standard output and standard error, without panics |
//! | [`units`] | formats of bytes, counts, compute and durations |
//! | [`terminal`] | tables that fit the width of the terminal |
//! | [`tables`] | reading CSV and JSON-lines tables |
//! | [`rounding`] | equality up to rounding |
//! | [`mod@bench`] | kernels against the roofline of their device |
//! | [`laws`] | scaling laws: forms, fits, intervals, compute-optimal allocation |
//! | [`models`] | architectures as data, scaling axes, cost counted before a model is built |
//! | [`sweep`] | trains one architecture at many sizes and records each run |
//! | [`planner`] | which training to run within a budget; whether a sweep is sound |
//! | [`report`] | terminal table, CSV, plots, one self-contained page |
//!
//! Imports go one way: `device ← tensor, autograd ← ops ← nn ← optim ← train ← models ← sweep ← planner ← report`;
//! `data` and `laws` import only errors, units and tables. Nothing below [`models`] knows that models are scaled;
//! nothing outside `device/gpu` names wgpu.
//!
//! # Every kernel has a reference
//!
//! A kernel is a WGSL function with a *reference*: the same function in Rust over slices, generic over f32 and f64. In
//! f64 the reference is the oracle that everything is tested against; to a reader it is the kernel's explanation. Where
//! a plain loop would cost users of the CPU device time, a kernel also has a *fast path* in f32, by the library in
//! [`device::cpu`]. An op never asks where it runs: it hands the device a dispatch, a GPU records it, the CPU runs it.
//!
//! # One number, from the call to the gradient
//!
//! ```
//! use allometry::{Device, Tensor};
//!
//! let device = Device::cpu();
//! let x = Tensor::new(&device, &[1.0f32, -2.0, 3.0], [3])?.requires_grad();
//! let y = x.square()?.sum(&[], false)?;
//! let gradients = y.backward()?;
//! assert_eq!(y.item()?, 14.0);
//! assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>()?, [2.0, -4.0, 6.0]);
//! # Ok::<(), allometry::Error>(())
//! ```

#![warn(missing_docs)]
// Whether a tensor may go to another thread is a question about wgpu's types, which are nested deeply.
#![recursion_limit = "256"]

pub mod arguments;
pub mod autograd;
pub mod bench;
pub mod cache;
pub mod data;
pub mod device;
pub mod error;
pub mod files;
pub mod gradcheck;
pub mod laws;
pub mod models;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod output;
pub mod planner;
mod quantile;
pub mod report;
pub mod rounding;
pub mod shape;
pub mod sweep;
pub mod tables;
pub mod tensor;
pub mod terminal;
pub mod train;
pub mod units;

pub use autograd::{Gradients, no_grad};
pub use device::{DType, Device, DeviceChoice};
pub use error::{Error, Result};
pub use shape::Shape;
pub use tensor::Tensor;

/// Compiles and runs the example of the README as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Compiles and runs the example of the page on the architecture.
#[cfg(doctest)]
#[doc = include_str!("../docs/architecture.md")]
struct ArchitecturePage;
