//! What all benches share: the devices, and how time is taken.

// Each bench is a program of its own and uses a part of this.
#![allow(dead_code)]

use allometry::bench::{Case, cases};
use allometry::device::profile::Clock;
use allometry::device::{Kind, TunedVariants};
use allometry::{Device, DeviceChoice, Result};
use criterion::measurement::WallTime;
use criterion::{Criterion, Throughput};
use std::time::{Duration, Instant};

pub type Group<'a> = criterion::BenchmarkGroup<'a, WallTime>;

/// The CPU device, and the GPU where there is one. (A software driver is timed only where `WGPU_ADAPTER_NAME` names it.)
pub fn devices() -> Vec<(&'static str, Device)> {
    let mut devices = vec![("cpu", Device::cpu())];
    match Device::open(DeviceChoice::Auto) {
        Ok(device) if device.kind() == Kind::Gpu => {
            // The default variants, whatever was tuned here.
            device.set_tuned_variants(TunedVariants::default());
            devices.push(("adapter", device));
        }
        Ok(_) => eprintln!("note: the CPU device only; there is no GPU"),
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

/// Which of its costs a family's rate is counted in.
#[derive(Clone, Copy)]
pub enum Rate {
    Flops,
    Bytes,
}

impl Rate {
    fn of(self, case: &mut Case, device: &Device) -> Throughput {
        let cost = case.cost(device).expect("the case runs");
        match self {
            Rate::Flops => Throughput::Elements(cost.flops),
            Rate::Bytes => Throughput::Bytes(cost.bytes()),
        }
    }
}

/// Measures the cases of a family of kernels on every device: the time inside them, by the device's clock.
pub fn family(criterion: &mut Criterion, family: &str, rate: Rate) {
    let mut group = criterion.benchmark_group(family);
    for (label, device) in devices() {
        for mut case in cases(&device, family).expect("the cases fit the device") {
            group.throughput(rate.of(&mut case, &device));
            group.bench_function(format!("{}/{label}", case.name), |bencher| {
                bencher.iter_custom(|calls| {
                    seconds(case.seconds(&device, calls).expect("the device answers"), calls)
                });
            });
        }
        device.trim();
    }
}

/// Measures cases of families in one group, each with all that it runs. `name` gives the row of a case, or `None` for one
/// that is not measured.
pub fn whole_cases(
    criterion: &mut Criterion,
    group: &str,
    families: &[&str],
    rate: Rate,
    name: impl Fn(&Case) -> Option<String>,
) {
    let mut group = criterion.benchmark_group(group);
    for (label, device) in devices() {
        for family in families {
            for mut case in cases(&device, family).expect("the cases fit the device") {
                let Some(name) = name(&case) else { continue };
                group.throughput(rate.of(&mut case, &device));
                measure(&mut group, format!("{name}/{label}"), &device, || case.call());
            }
        }
    }
}

/// The name of a case with slashes between its parts, in ASCII.
pub fn plain_name(case: &Case) -> String {
    case.name.replace('×', "x").replace('→', "-").replace(", ", "/")
}

/// Measures the kernels of `body`: by the device's own timestamps, or by the wall clock where there are none.
pub fn measure(group: &mut Group<'_>, name: String, device: &Device, mut body: impl FnMut() -> Result<()>) {
    if device.clock() == Clock::Host {
        return measure_wall(group, name, device, body);
    }
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|calls| {
            let (_, profile) = device
                .profile(|| (0..calls).try_for_each(|_| body()))
                .expect("the device answers and the bench's own shapes fit");
            seconds(profile.kernel_seconds(), calls)
        });
    });
    device.trim();
}

/// Measures all of `body`, the host's part too. The device is waited for at the end of every block of iterations, so
/// that what is timed is the work and not its being written down; within a block submissions overlap, as they do in
/// training.
pub fn measure_wall(
    group: &mut Group<'_>,
    name: String,
    device: &Device,
    mut body: impl FnMut() -> Result<()>,
) {
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

/// Measures the host's part of `body` alone: until it is recorded and handed to the device, which is waited for between
/// two iterations.
pub fn measure_recording(
    group: &mut Group<'_>,
    name: String,
    device: &Device,
    mut body: impl FnMut() -> Result<()>,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut recording = Duration::ZERO;
            for _ in 0..iterations {
                device.synchronize().expect("the device answers");
                let start = Instant::now();
                body().expect("the bench's own shapes fit");
                recording += start.elapsed();
            }
            device.synchronize().expect("the device answers");
            recording
        });
    });
    device.trim();
}

/// The time of so many calls; never zero, though a clock may be too coarse for them.
fn seconds(seconds: f64, calls: u64) -> Duration {
    Duration::from_secs_f64(seconds).max(Duration::from_nanos(calls))
}
