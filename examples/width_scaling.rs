//! The base model with wider layers: parameters and MACs grow with the square of the width, memory with the width.
//!
//! cargo run --release --example width_scaling
//! cargo run --release --example width_scaling -- --efficient

#[path = "common/along_axis.rs"]
mod along_axis;
mod common;

fn main() -> allometry::Result<()> {
    along_axis::run(allometry::models::Axis::Width, &[0.5, 1.0, 2.0])
}
