//! The convnet with wider layers: parameters and MACs grow with the square of the width, memory with the width.
//!
//! cargo run --release --example width_scaling

mod common;

fn main() -> allometry::Result<()> {
    common::run(allometry::models::Axis::Width, &[0.5, 1.0, 2.0])
}
