//! Benchmarks: kernels against the roofline of their device.
//!
//! In the roofline model (Williams, Waterman and Patterson 2009), work takes at least the time of its operations at the
//! device's peak throughput, and at least the time of its bytes at the device's bandwidth. [`Roofline::measure`]
//! measures these limits with [`probe`] kernels. [`timed_samples`] lists the work of every family of kernels, which the
//! conformance suite tests; [`cases`] makes it ready to run on a device. A [`Figure`] has the measured time, and the
//! share of it that the roofline explains. [`matrices`] times products on cooperative matrices, [`steps`] times whole
//! training steps, and [`tune`](mod@tune) compares the variants of kernels.

mod cases;
mod families;
pub mod ladder;
pub mod matrices;
pub mod probe;
mod sample;
pub mod shaders;
pub mod steps;
pub mod tune;

pub use cases::{Case, Cost, cases};
pub use families::{DETAILS, FAMILIES, SMALL_ADDS, timed_samples};
pub use sample::{TimedFunction, TimedInput, TimedRow, TimedSample, Values};

use crate::device::{DType, Device, Kind};
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::Serialize;
use std::time::Instant;

/// Number of timed blocks of calls.
const BLOCKS: usize = 7;

/// Number of blocks where one call takes longer than all blocks should: each is one call.
const SLOW_BLOCKS: usize = 3;

/// The limits of a device, in f32.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Roofline {
    /// Floating-point operations per second, without memory traffic.
    pub flops_per_second: f64,
    /// Bytes read per second by a sum, which writes almost nothing.
    pub read_bytes_per_second: f64,
    /// Bytes written per second by a fill, which reads nothing.
    pub written_bytes_per_second: f64,
    /// Bytes read and written per second by a copy.
    pub copied_bytes_per_second: f64,
    /// Size of the tensors that were read, written and copied, in bytes.
    pub tensor_bytes: u64,
}

impl Roofline {
    /// Runs each probe for about `seconds` and takes its fastest block. Halves the size of the tensors until they fit
    /// into memory.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn measure(device: &Device, seconds: f64) -> Result<Roofline> {
        // Enough bytes that the overhead of a dispatch does not count; a CPU needs fewer.
        let elements = match device.kind() {
            Kind::Gpu => 256 << 20,
            Kind::Cpu => 16 << 20,
        };
        let largest = elements.min(device.largest_tensor() as usize / size_of::<f32>());
        halved_until_it_fits(largest, |elements| {
            device.trim();
            Roofline::measure_with(device, seconds, elements)
        })
    }

    /// Measures with probes of `elements` elements.
    fn measure_with(device: &Device, seconds: f64, elements: usize) -> Result<Roofline> {
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
        // Enough elements for every lane of a large GPU.
        let x = repeated_noise(device, elements.div_ceil(if device.kind() == Kind::Gpu { 8 } else { 64 }))?;
        let multiplied = x.shape().elements();
        let rounds = enough_rounds(device, &x, copied * multiplied as f64 / elements as f64)?;
        let computed = fastest(Case::new("probe", "fma", move || probe::fma(&x, rounds).map(drop)))?;
        Ok(Roofline {
            flops_per_second: 2.0 * multiplied as f64 * f64::from(rounds) / computed,
            read_bytes_per_second: bytes as f64 / read,
            written_bytes_per_second: bytes as f64 / written,
            copied_bytes_per_second: 2.0 * bytes as f64 / copied,
            tensor_bytes: bytes as u64,
        })
    }

    /// The shortest possible time of work with this cost, in seconds. Bytes that are both read and written move at the
    /// rate of a copy, the others at the rate of reading or writing.
    pub fn least_seconds(&self, cost: Cost) -> f64 {
        let both = cost.read.min(cost.written);
        let moving = 2.0 * both as f64 / self.copied_bytes_per_second
            + (cost.read - both) as f64 / self.read_bytes_per_second
            + (cost.written - both) as f64 / self.written_bytes_per_second;
        moving.max(cost.flops as f64 / self.flops_per_second)
    }
}

/// The rounds of the FMA probe on `x`: so many that the arithmetic takes 200 times as long as `moving`, the seconds of
/// a copy of `x`, but at most 4096. A device that computes slowly needs few.
fn enough_rounds(device: &Device, x: &Tensor, moving: f64) -> Result<u32> {
    let mut rounds = 64;
    while rounds < 4096 {
        let x = x.clone();
        let mut case = Case::new("probe", "fma", move || probe::fma(&x, rounds).map(drop));
        // Other work on the machine can lengthen a call, but not three.
        let mut fastest = f64::INFINITY;
        for _ in 0..3 {
            fastest = fastest.min(case.seconds(device, 1)?);
        }
        if fastest >= 200.0 * moving {
            break;
        }
        rounds *= 2;
    }
    Ok(rounds)
}

/// The largest plausible share of the roofline. A larger share is a measurement error: operands stayed in a cache, or
/// other work slowed a probe down.
pub const PLAUSIBLE: f64 = 1.05;

/// The measured time of a case.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figure {
    /// One of [`FAMILIES`].
    pub family: &'static str,
    /// Name of the case.
    pub name: String,
    /// Seconds of one call inside its kernels: the median over a few blocks of calls.
    pub seconds: f64,
    /// Floating-point operations of one call.
    pub flops: u64,
    /// Bytes read and written by one call, each operand once.
    pub bytes: u64,
    /// Throughput in GFLOP/s.
    pub gflops_per_second: f64,
    /// Bandwidth in GB/s.
    pub gigabytes_per_second: f64,
    /// The shortest time by the roofline, divided by the measured time.
    pub attained: f64,
}

impl Figure {
    /// Times a case for about `seconds`.
    ///
    /// # Errors
    /// Errors of the device.
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

    /// Whether the measured time is shorter than the device allows: [`attained`](Figure::attained) is above
    /// [`PLAUSIBLE`].
    pub fn is_implausible(&self) -> bool {
        self.attained > PLAUSIBLE
    }
}

/// Seconds of one call: the median over blocks of calls that together take about `seconds`.
fn median(device: &Device, case: &mut Case, seconds: f64) -> Result<f64> {
    let blocks = blocks(device, case, seconds)?;
    Ok(blocks[blocks.len() / 2])
}

/// Seconds of one call in each block of calls, fastest first. All blocks together take about `seconds`; if one call
/// takes longer, there are [`SLOW_BLOCKS`].
fn blocks(device: &Device, case: &mut Case, seconds: f64) -> Result<Vec<f64>> {
    // The first call compiles kernels and allocates memory.
    case.seconds(device, 1)?;
    let once = warm_up(device, seconds, |calls| case.seconds(device, calls).map(drop))?;
    let calls = (seconds / BLOCKS as f64 / once).clamp(1.0, 1e4) as u64;
    let mut blocks = vec![0.0; if once > seconds { SLOW_BLOCKS } else { BLOCKS }];
    for block in &mut blocks {
        // A coarse clock may return 0.
        *block = (case.seconds(device, calls)? / calls as f64).max(1e-9);
    }
    blocks.sort_by(f64::total_cmp);
    Ok(blocks)
}

/// Lets a GPU do `work`, which takes a number of calls and returns when they have ended, until its clock is at full
/// speed: an idle H200 runs at a sixth of it, and takes 0.2 s of work to reach it. Returns the seconds of one call
/// then. `seconds` is the time of the measurement that follows; a short one is not worth a long warm-up.
fn warm_up(device: &Device, seconds: f64, mut work: impl FnMut(u64) -> Result<()>) -> Result<f64> {
    let mut timed = |calls: u64| -> Result<f64> {
        let start = Instant::now();
        work(calls)?;
        Ok((start.elapsed().as_secs_f64() / calls as f64).max(1e-6))
    };
    let mut once = timed(1)?;
    let needed = if device.kind() == Kind::Gpu { (2.0 * seconds).min(0.3) } else { 0.0 };
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < needed {
        once = timed((0.02 / once).clamp(1.0, 1e4) as u64)?;
    }
    Ok(once)
}

/// Pseudo-random numbers between -1 and 1, the same on every call.
pub fn noise_values(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// As [`noise`], in one dimension and with repeating values, so that the host allocates few of them.
fn repeated_noise(device: &Device, elements: usize) -> Result<Tensor> {
    const PERIOD: usize = 1 << 20;
    let rows = elements.div_ceil(PERIOD);
    let columns = elements / rows;
    noise(device, [1, columns])?.broadcast_to([rows, columns])?.reshape([rows * columns])
}

/// Calls `measure` with `largest`, and with half the size after each error about memory.
fn halved_until_it_fits<T>(largest: usize, mut measure: impl FnMut(usize) -> Result<T>) -> Result<T> {
    let mut size = largest;
    loop {
        match measure(size) {
            Err(error) if error.is_about_memory() && size > 1 => size /= 2,
            measured => return measured,
        }
    }
}

/// An f32 tensor of [`noise_values`].
///
/// # Errors
/// Errors of the device.
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
        // Other errors are returned at once.
        let mut calls = 0;
        let failed: Result<()> = halved_until_it_fits(64, |_| {
            calls += 1;
            Err(Error::Interrupted)
        });
        assert!(matches!(failed, Err(Error::Interrupted)) && calls == 1);
    }

    #[test]
    fn rounds_grow_until_the_copy_does_not_count() {
        let device = Device::cpu();
        let x = noise(&device, [64]).unwrap();
        let rounds = |moving| enough_rounds(&device, &x, moving).unwrap();
        assert_eq!((rounds(0.0), rounds(f64::INFINITY)), (64, 4096));
    }

    #[test]
    fn slow_calls_are_few() {
        let device = Device::cpu();
        let x = noise(&device, [64]).unwrap();
        let mut case = Case::new("probe", "copy", move || probe::copy(&x).map(drop));
        let mut count = |seconds| blocks(&device, &mut case, seconds).unwrap().len();
        // The host's clock counts at least a microsecond.
        assert_eq!((count(1e-9), count(0.1)), (SLOW_BLOCKS, BLOCKS));
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
