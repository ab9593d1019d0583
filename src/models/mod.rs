//! Models as data, and what scaling does to them.
//!
//! In reading order:
//!
//! - [`architecture`]: a model as data: stages of repeated blocks, read from TOML; the presets in `presets/`.
//! - [`stage`], [`blocks`]: a stage as data, and the layers of its blocks, one file each.
//! - [`layers`]: builds the layers of [`nn`](crate::nn) from that data.
//! - [`axis`]: depth, width, resolution and compound scaling, each a map from architecture to architecture.
//! - [`cost`]: parameters, MACs and peak memory of an architecture, before it is built on a device.

pub mod architecture;
pub mod axis;
pub mod blocks;
pub mod cost;
pub mod layers;
mod presets;
pub mod stage;

pub use architecture::Architecture;
pub use axis::{Axis, Compound, Scale};
pub use cost::{Bytes, Cost};
