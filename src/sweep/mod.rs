//! Trains one architecture at many sizes and records what each size costs and reaches.
//!
//! In reading order:
//!
//! - [`schedule`]: how each model is trained.
//! - [`plan`]: which variants, seeds and schedule a sweep trains, and the key each run is known by.
//! - [`extension`]: plans that add factors, seeds, samples or epochs to an earlier plan.
//! - [`record`]: what is kept of one run: its size, its cost, its quality, how it ended.
//! - [`prediction`]: the losses of the largest models, predicted before they are trained.
//! - [`store`]: a sweep's directory; a record is in it whole or not at all.
//! - [`measure`]: throughput and memory on a device.
//! - [`run`](mod@run): runs a plan.

pub mod extension;
pub mod measure;
pub mod plan;
pub mod prediction;
pub mod record;
pub mod run;
pub mod schedule;
pub mod store;

pub use plan::{Plan, Variant};
pub use prediction::Prediction;
pub use record::{CurvePoint, Record, Status, Throughput};
pub use schedule::Schedule;
pub use store::Store;
