//! Models as data: architectures, scaling, and cost.
//!
//! In reading order:
//!
//! - [`architecture`]: a model as stages of repeated blocks, read from TOML; `presets/` has examples.
//! - [`stem`], [`stage`], [`head`]: the parts of an architecture.
//! - [`blocks`]: the kinds of block that a stage repeats, one file each.
//! - [`layers`]: builds the layers of [`nn`](crate::nn) from an architecture.
//! - [`axis`]: depth, width, resolution and compound scaling, which map one architecture to another.
//! - [`cost`]: counts parameters, MACs and peak memory of an architecture without a device.
//! - [`predictor`]: saves a trained model, and predicts with it.
//! - [`exchange`]: reads and writes weights of other software's models.

pub mod architecture;
pub mod axis;
pub mod blocks;
pub mod cost;
pub mod exchange;
pub mod head;
mod keys;
pub mod layers;
pub mod predictor;
mod presets;
mod reading;
pub mod stage;
pub mod stem;
mod validate;

pub use architecture::Architecture;
pub use axis::{Axis, Compound, Scale};
pub use cost::{Bytes, Cost};
pub use predictor::{Predictions, Predictor};
