//! The laboratory: one model at many sizes, what each size costs, and the law that links size to quality.
//!
//! In reading order:
//!
//! - [`architecture`]: a model as data, stages of repeated blocks; TOML; the presets.
//! - [`layers`]: from that data to the layers of `nn`.
//! - [`axis`]: depth, width, resolution and compound scaling, each a map from architecture to architecture.
//! - [`step`]: how a training step computes: batch, optimiser, precision, recomputation, clipping.
//! - [`cost`]: parameters, MACs and peak memory of an architecture, before it is built.
//! - [`measure`]: throughput and memory on a device.
//! - [`schedule`]: how each model is trained.
//! - [`plan`]: which variants, seeds and schedule a sweep trains, and the key each run is known by.
//! - [`extension`]: plans that go on with more factors, seeds, samples or epochs.
//! - [`record`]: what is kept of one run: its size, its cost, its quality, how it ended.
//! - [`predict`]: what the largest models' losses will be, said before they are trained.
//! - [`store`]: a sweep's directory; a record is in it whole or not at all.
//! - [`sweep`]: runs a plan.
//! - [`law`]: scaling laws: forms, fits, confidence intervals, compute-optimal allocation.
//! - [`recommend`]: which training to run within a budget, from the laws and from what the device can do.
//! - [`benchmark`]: how well predictions hold on recorded sweeps.
//! - [`soundness`]: whether a sweep can answer what its law is asked.
//! - [`report`]: terminal table, CSV, SVG plots, one self-contained HTML page.

pub mod architecture;
pub mod axis;
pub mod benchmark;
pub mod cost;
pub mod extension;
pub mod law;
pub mod layers;
pub mod measure;
pub mod plan;
pub mod predict;
mod presets;
pub mod recommend;
pub mod record;
pub mod report;
pub mod schedule;
pub mod soundness;
pub mod step;
pub mod store;
pub mod sweep;

pub use architecture::Architecture;
pub use axis::{Axis, Compound, Scale};
pub use law::PowerLaw;
pub use plan::{Plan, Variant};
pub use predict::Prediction;
pub use record::{Bytes, CurvePoint, Record, Status, Throughput};
pub use schedule::Schedule;
pub use step::StepOptions;
pub use store::Store;
