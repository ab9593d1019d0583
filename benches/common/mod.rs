//! What all benches share: the devices, and how time is taken.

// Each bench is a program of its own and uses a part of this.
#![allow(dead_code)]

use allometry::device::GpuOptions;
use allometry::{Device, Result, Shape, Tensor};
use criterion::Criterion;
use criterion::measurement::WallTime;
use std::time::{Duration, Instant};

pub type Group<'a> = criterion::BenchmarkGroup<'a, WallTime>;

/// The CPU device, and the adapter where there is one.
pub fn devices() -> Vec<(&'static str, Device)> {
    let mut devices = vec![("cpu", Device::cpu())];
    match Device::gpu(GpuOptions::default()) {
        Ok(device) => devices.push(("adapter", device)),
        Err(error) => eprintln!("note: the CPU device only; {error}"),
    }
    devices.iter().for_each(|(label, device)| eprintln!("{label}: {}", device.name()));
    devices
}

/// Few samples and little time for each: a bench is to be run often.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(2500))
        .configure_from_args()
}

/// Measures `body`. The device is waited for at the end of every block of iterations, so that what is timed is
/// the work and not its being written down; within a block submissions overlap, as they do in training.
pub fn measure(group: &mut Group<'_>, name: String, device: &Device, mut body: impl FnMut() -> Result<()>) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            device.synchronize().expect("the device answers");
            let start = Instant::now();
            for _ in 0..iterations {
                body().expect("the bench's own shapes fit");
            }
            device.synchronize().expect("the device answers");
            start.elapsed()
        });
    });
    // What the next bench asks for has other sizes.
    device.trim();
}

/// A tensor of numbers between -1 and 1 that follow no pattern.
pub fn noise(device: &Device, shape: impl Into<Shape>) -> Tensor {
    let shape = shape.into();
    Tensor::new(device, &noise_values(shape.elements()), shape).expect("the tensor fits the device")
}

/// The numbers of [`noise`], on the host.
pub fn noise_values(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}
