//! The base model with more layers of the same width: MACs and memory grow with the layers.
//!
//! cargo run --release --example depth_scaling
//! cargo run --release --example depth_scaling -- --efficient

#[path = "common/along_axis.rs"]
mod along_axis;
mod common;

fn main() -> allometry::Result<()> {
    along_axis::run(allometry::models::Axis::Depth, &[0.5, 1.0, 2.0])
}
