//! Trains one architecture at many sizes and records the cost and the quality of each.
//!
//! In reading order:
//!
//! - [`plan`]: which models a sweep trains, on which data, with which configuration.
//! - [`variant`], [`variants`]: one run of a plan, and the list of all runs with their keys.
//! - [`extent`], [`extension`]: adding factors, seeds, samples or epochs to an existing plan.
//! - [`record`]: the record of a run: its size, its cost, its quality, how it ended.
//! - [`prediction`]: predicts the losses of the largest models before they are trained.
//! - [`migration`]: reads plans of earlier versions.
//! - [`store`]: a sweep's directory; [`log`]: the file to which records are appended atomically.
//! - [`measure`]: throughput, memory and kernel times on a device.
//! - [`run`](mod@run): runs a plan.
//! - [`compound`]: searches the coefficients of compound scaling; [`comparison`]: compares models by trainings with
//!   several seeds.

pub mod comparison;
pub mod compound;
pub mod extension;
pub mod extent;
pub mod log;
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
