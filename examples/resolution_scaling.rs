//! The base model with larger images: MACs and memory grow with the pixels, parameters stay.
//!
//! cargo run --release --example resolution_scaling
//! cargo run --release --example resolution_scaling -- --efficient

#[path = "common/along_axis.rs"]
mod along_axis;
mod common;

fn main() -> allometry::Result<()> {
    along_axis::run(allometry::models::Axis::Resolution, &[0.5, 1.0, 2.0])
}
