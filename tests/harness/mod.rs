//! The test harness of ops: draws samples, runs them on every device, and compares the results.

mod check;
mod draw;
mod input;
pub mod kernels;
mod sample;

pub use check::check;
pub use draw::Draw;
pub use input::{Input, Storage, input};
pub use sample::{Bound, HALF_ROUNDING, Op, Sample, ones, refuse, sample};
