//! The convnet with larger images: MACs and memory grow with the pixels, parameters stay.
//!
//! cargo run --release --example resolution_scaling

mod common;

fn main() -> allometry::Result<()> {
    common::run(allometry::models::Axis::Resolution, &[0.5, 1.0, 2.0])
}
