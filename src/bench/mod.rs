//! Kernels against what their device can do at best.
//!
//! The roofline model (Williams, Waterman and Patterson 2009): work takes at least as long as its operations at the
//! device's peak, and as its bytes at the device's bandwidth, whichever is longer. [`Roofline::measure`] finds the limits
//! with kernels of its own ([`probe`]), [`cases`] has work for every family of kernels, and a
//! [`Figure`] says how long it took and how much of that was needed. [`matrices`] tries cooperative
//! matrices, [`steps`] times whole training steps, [`tune`](mod@tune) the variants of a kernel against each other.

mod cases;
pub mod ladder;
pub mod matrices;
pub mod probe;
pub mod shaders;
pub mod steps;
pub mod tune;

pub use cases::{Case, Cost, FAMILIES, cases};

use crate::device::{DType, Device, Kind};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::Serialize;
use std::time::Instant;

/// Blocks of calls whose median is taken.
const BLOCKS: usize = 7;

/// A device's limits, in f32.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Roofline {
    /// Floating-point operations, where nothing is loaded.
    pub flops_per_second: f64,
    /// Bytes read, where next to nothing is written: a sum.
    pub read_bytes_per_second: f64,
    /// Bytes written, where nothing is read: one number everywhere.
    pub written_bytes_per_second: f64,
    /// Bytes read and written by a copy.
    pub copied_bytes_per_second: f64,
    /// The tensors that were read, written and copied.
    pub tensor_bytes: u64,
}

impl Roofline {
    /// Runs each probe for about `seconds` and takes its best block: a limit is what was reached once. Where its tensors
    /// don't fit, half as much is moved.
    pub fn measure(device: &Device, seconds: f64) -> Result<Roofline> {
        // So many bytes that starting a kernel takes no part in the time; what runs on a CPU needs less.
        let elements = match device.kind() {
            Kind::Gpu => 256 << 20,
            Kind::Cpu => 16 << 20,
        };
        let largest = elements.min(device.largest_tensor() as usize / size_of::<f32>());
        halved_until_it_fits(largest, |elements| {
            device.trim();
            Roofline::of(device, seconds, elements)
        })
    }

    /// With probes that move so many elements.
    fn of(device: &Device, seconds: f64, elements: usize) -> Result<Roofline> {
        const ROUNDS: u32 = 4096;
        let fastest = |mut case: Case| Ok::<f64, Error>(blocks(device, &mut case, seconds)?[0]);
        let x = repeated_noise(device, elements)?;
        let elements = x.shape().elements();
        let bytes = size_of::<f32>() * elements;
        let source = x.clone();
        let copied = fastest(Case::new("probe", "copy", move || probe::copy(&source).map(drop)))?;
        let read = fastest(Case::new("probe", "read", move || x.sum(&[], false).map(drop)))?;
        let target = device.clone();
        let write = move || Tensor::full(&target, DType::F32, [elements], 1.0).map(drop);
        let written = fastest(Case::new("probe", "write", write))?;
        // Enough for every lane of the largest GPU.
        let x = repeated_noise(device, elements.div_ceil(if device.kind() == Kind::Gpu { 8 } else { 64 }))?;
        let multiplied = x.shape().elements();
        let computed = fastest(Case::new("probe", "fma", move || probe::fma(&x, ROUNDS).map(drop)))?;
        Ok(Roofline {
            flops_per_second: 2.0 * multiplied as f64 * f64::from(ROUNDS) / computed,
            read_bytes_per_second: bytes as f64 / read,
            written_bytes_per_second: bytes as f64 / written,
            copied_bytes_per_second: 2.0 * bytes as f64 / copied,
            tensor_bytes: bytes as u64,
        })
    }

    /// The least time for so much work. As many bytes as are both read and written take what a copy takes, the others
    /// what reading or writing alone takes.
    pub fn least_seconds(&self, cost: Cost) -> f64 {
        let both = cost.read.min(cost.written);
        let moving = 2.0 * both as f64 / self.copied_bytes_per_second
            + (cost.read - both) as f64 / self.read_bytes_per_second
            + (cost.written - both) as f64 / self.written_bytes_per_second;
        moving.max(cost.flops as f64 / self.flops_per_second)
    }
}

/// More of the roofline than this share is a fault of the measurement: operands that stayed in a cache, a probe that was
/// disturbed.
pub const PLAUSIBLE: f64 = 1.05;

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
    /// The least time by the roofline, as a share of the time it took.
    pub attained: f64,
}

impl Figure {
    /// Runs a case for about `seconds`.
    pub fn measure(device: &Device, roofline: &Roofline, case: &mut Case, seconds: f64) -> Result<Figure> {
        let seconds = median(device, case, seconds)?;
        let cost = case.cost(device)?;
        Ok(Figure {
            family: case.family,
            name: case.name.clone(),
            seconds,
            flops: cost.flops,
            bytes: cost.bytes(),
            gflops_per_second: cost.flops as f64 / seconds / 1e9,
            gigabytes_per_second: cost.bytes() as f64 / seconds / 1e9,
            attained: roofline.least_seconds(case.bounded(cost)) / seconds,
        })
    }

    /// Whether it claims more than the device can do.
    pub fn is_implausible(&self) -> bool {
        self.attained > PLAUSIBLE
    }
}

/// The time of one call: the median of blocks of calls that together last about `seconds`.
fn median(device: &Device, case: &mut Case, seconds: f64) -> Result<f64> {
    Ok(blocks(device, case, seconds)?[BLOCKS / 2])
}

/// The time of one call in each of a few blocks of calls that together last about `seconds`, the fastest block first.
fn blocks(device: &Device, case: &mut Case, seconds: f64) -> Result<[f64; BLOCKS]> {
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
    Ok(blocks)
}

/// Numbers between -1 and 1 that follow no pattern, the same each time.
pub fn noise_values(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// As [`noise`], with values that repeat, so that the host holds few of them.
fn repeated_noise(device: &Device, elements: usize) -> Result<Tensor> {
    const PERIOD: usize = 1 << 20;
    let rows = elements.div_ceil(PERIOD);
    let columns = elements / rows;
    noise(device, [1, columns])?.broadcast_to([rows, columns])?.reshape([rows * columns])
}

/// What `measure` gives for `largest`, or for half as much as often as there is no memory for more.
fn halved_until_it_fits<T>(largest: usize, mut measure: impl FnMut(usize) -> Result<T>) -> Result<T> {
    let mut size = largest;
    loop {
        match measure(size) {
            Err(error) if error.is_about_memory() && size > 1 => size /= 2,
            measured => return measured,
        }
    }
}

/// A tensor of [`noise_values`].
pub fn noise(device: &Device, shape: impl Into<Shape>) -> Result<Tensor> {
    let shape = shape.into();
    Tensor::new(device, &noise_values(shape.elements()), shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_halved_until_it_does() {
        let device = Device::dry();
        let tried = |fits: usize, largest: usize| {
            let mut sizes = Vec::new();
            let measured = halved_until_it_fits(largest, |size| {
                sizes.push(size);
                if size <= fits {
                    Ok(size)
                } else {
                    device.allocate("probe", DType::F32, usize::MAX).map(|_| size)
                }
            });
            (measured.ok(), sizes)
        };
        assert_eq!(tried(100, 64), (Some(64), vec![64]));
        assert_eq!(tried(100, 500), (Some(62), vec![500, 250, 125, 62]));
        assert_eq!(tried(0, 4), (None, vec![4, 2, 1]));
        // What halving does not mend is not tried again.
        let mut calls = 0;
        let failed: Result<()> = halved_until_it_fits(64, |_| {
            calls += 1;
            Err(Error::Interrupted)
        });
        assert!(matches!(failed, Err(Error::Interrupted)) && calls == 1);
    }

    #[test]
    fn repeated_noise_is_noise_of_that_many_elements() {
        let device = Device::cpu();
        let values = repeated_noise(&device, 1000).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(values, noise_values(1000));
        let long = repeated_noise(&device, (2 << 20) + 1).unwrap().to_vec::<f32>().unwrap();
        assert!((2 << 20..=(2 << 20) + 1).contains(&long.len()), "{}", long.len());
        assert_eq!(long[..1000], long[long.len() / 3..][..1000]);
    }
}
