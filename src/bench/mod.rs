//! Kernels against what their device can do at best.
//!
//! The roofline model (Williams, Waterman and Patterson 2009): work of f operations on b bytes takes at least
//! max(f / peak, b / bandwidth), whichever of the two the device runs out of first. [`Roofline::measure`] finds both
//! limits with kernels of its own ([`ops::probe`](crate::ops::probe)), [`cases`] has work for every family of kernels,
//! and a [`Figure`] says how long it took and how much of that was needed. [`tune`](mod@tune) times the variants of a
//! kernel against each other.

mod cases;
pub mod tune;

pub use cases::{Case, Cost, FAMILIES, cases};

use crate::device::{Device, Kind};
use crate::error::Result;
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::Serialize;
use std::time::Instant;

/// Blocks of calls whose median is taken.
const BLOCKS: usize = 7;

/// A device's two limits, in f32.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Roofline {
    /// Floating-point operations, where nothing is loaded.
    pub flops_per_second: f64,
    /// Bytes read and written, where nothing is computed.
    pub bytes_per_second: f64,
}

impl Roofline {
    /// Runs the two probes for about `seconds` each.
    pub fn measure(device: &Device, seconds: f64) -> Result<Roofline> {
        // Enough for every lane of the largest GPU, and more than any cache holds; what runs on a CPU needs less.
        let (copied, multiplied) = match device.kind() {
            Kind::Gpu => (64 << 20, 8 << 20),
            Kind::Cpu | Kind::Software => (16 << 20, 256 << 10),
        };
        const ROUNDS: u32 = 4096;
        let x = noise(device, [copied])?;
        let mut copy = Case::new("probe", "copy", move || x.probe_copy().map(drop));
        let x = noise(device, [multiplied])?;
        let mut fma = Case::new("probe", "fma", move || x.probe_fma(ROUNDS).map(drop));
        Ok(Roofline {
            flops_per_second: fma.cost(device)?.flops as f64 / median(device, &mut fma, seconds)?,
            bytes_per_second: copy.cost(device)?.bytes as f64 / median(device, &mut copy, seconds)?,
        })
    }

    /// The least time for so much work.
    pub fn least_seconds(&self, flops: u64, bytes: u64) -> f64 {
        (flops as f64 / self.flops_per_second).max(bytes as f64 / self.bytes_per_second)
    }
}

/// How long a piece of work takes.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figure {
    /// One of [`FAMILIES`].
    pub family: &'static str,
    pub name: String,
    /// Of one call, inside its kernels: the median of a few blocks of calls.
    pub seconds: f64,
    pub flops: u64,
    /// Read and written, each operand once.
    pub bytes: u64,
    pub gflops_per_second: f64,
    pub gigabytes_per_second: f64,
    /// The least time by the roofline, as a share of the time it took. Above 1 where operands stay in a cache, or where
    /// a device reads faster than it copies.
    pub attained: f64,
}

impl Figure {
    /// Runs a case for about `seconds`.
    pub fn measure(device: &Device, roofline: &Roofline, case: &mut Case, seconds: f64) -> Result<Figure> {
        let seconds = median(device, case, seconds)?;
        let Cost { flops, bytes } = case.cost(device)?;
        Ok(Figure {
            family: case.family,
            name: case.name.clone(),
            seconds,
            flops,
            bytes,
            gflops_per_second: flops as f64 / seconds / 1e9,
            gigabytes_per_second: bytes as f64 / seconds / 1e9,
            attained: roofline.least_seconds(flops, bytes) / seconds,
        })
    }
}

/// The time of one call: the median of blocks of calls that together last about `seconds`.
fn median(device: &Device, case: &mut Case, seconds: f64) -> Result<f64> {
    // The first call compiles and touches memory, the second says what one is.
    case.seconds(device, 1)?;
    let start = Instant::now();
    case.seconds(device, 1)?;
    let once = start.elapsed().as_secs_f64().max(1e-6);
    let calls = (seconds / BLOCKS as f64 / once).clamp(1.0, 1e4) as u64;
    let mut blocks = [0.0; BLOCKS];
    for block in &mut blocks {
        // A clock may be too coarse for what it is to time.
        *block = (case.seconds(device, calls)? / calls as f64).max(1e-9);
    }
    blocks.sort_by(f64::total_cmp);
    Ok(blocks[BLOCKS / 2])
}

/// Numbers between -1 and 1 that follow no pattern, the same each time.
pub fn noise_values(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// A tensor of [`noise_values`].
pub fn noise(device: &Device, shape: impl Into<Shape>) -> Result<Tensor> {
    let shape = shape.into();
    Tensor::new(device, &noise_values(shape.elements()), shape)
}
