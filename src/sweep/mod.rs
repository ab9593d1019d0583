//! Trains one architecture at many sizes and records what each size costs and reaches.
//!
//! In reading order:
//!
//! - [`plan`]: which variants and seeds a sweep trains, and how, and the key each run is known by.
//! - [`extension`]: plans that add factors, seeds, samples or epochs to an earlier plan.
//! - [`record`]: what is kept of one run: its size, its cost, its quality, how it ended.
//! - [`prediction`]: the losses of the largest models, predicted before they are trained.
//! - [`migration`]: plans as earlier versions wrote them.
//! - [`store`]: a sweep's directory; a record is in it whole or not at all.
//! - [`measure`]: throughput and memory on a device.
//! - [`run`](mod@run): runs a plan.

pub mod extension;
pub mod measure;
pub mod migration;
pub mod plan;
pub mod prediction;
pub mod record;
pub mod run;
pub mod store;

pub use plan::{Plan, Variant};
pub use prediction::Prediction;
pub use record::{CurvePoint, Outcome, Quality, Record, RunCost, Throughput, Trained};
pub use store::Store;
