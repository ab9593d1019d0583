//! The base model with depth, width and resolution together, as EfficientNet scales (Tan and Le 2019); a factor is the
//! multiple of FLOPs.
//!
//! cargo run --release --example compound_scaling
//! cargo run --release --example compound_scaling -- --efficient

#[path = "common/along_axis.rs"]
mod along_axis;
mod common;

fn main() -> allometry::Result<()> {
    along_axis::run(allometry::models::Axis::Compound, &[0.5, 1.0, 2.0])
}
