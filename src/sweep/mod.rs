//! Trains one architecture at many sizes and records what each size costs and reaches.
//!
//! In reading order:
//!
//! - [`plan`]: what a sweep covers, and how its models are trained.
//! - [`variant`], [`variants`]: one run of a plan, and all of them, each with the key it is known by.
//! - [`extent`], [`extension`]: plans that add factors, seeds, samples or epochs to an earlier plan.
//! - [`record`]: what is kept of one run: its size, its cost, its quality, how it ended.
//! - [`prediction`]: the losses of the largest models, predicted before they are trained.
//! - [`migration`]: plans as earlier versions wrote them.
//! - [`store`]: a sweep's directory; a record is in it whole or not at all.
//! - [`measure`]: throughput and memory on a device.
//! - [`run`](mod@run): runs a plan.

pub mod extension;
pub mod extent;
pub mod measure;
pub mod migration;
pub mod plan;
pub mod prediction;
pub mod record;
pub mod run;
pub mod store;
pub mod variant;
pub mod variants;

pub use plan::Plan;
pub use prediction::Prediction;
pub use record::{CurvePoint, Outcome, Quality, Record, RunCost, RunVariant, Throughput};
pub use store::Store;
pub use variant::Variant;
