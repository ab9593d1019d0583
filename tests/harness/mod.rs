//! The harness: draws samples, runs them everywhere, compares.

mod check;
mod draw;
mod sample;

pub use check::check;
pub use draw::Draw;
pub use sample::{Bound, HALF_ROUNDING, Input, Op, Sample, Storage, input, ones, refuse, sample};
