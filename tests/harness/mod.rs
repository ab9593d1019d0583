//! The harness: draws samples, runs them everywhere, compares.

mod check;
mod draw;
mod input;
pub mod kernels;
mod sample;

pub use check::check;
pub use draw::Draw;
pub use input::{Input, Storage, input};
pub use sample::{Bound, HALF_ROUNDING, Op, Sample, ones, refuse, sample};
