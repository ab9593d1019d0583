//! The convnet with more layers of the same width: MACs and memory grow with the layers.
//!
//! cargo run --release --example depth_scaling

mod common;

fn main() -> allometry::Result<()> {
    common::run(allometry::models::Axis::Depth, &[0.5, 1.0, 2.0])
}
