//! Profiles: every dispatch with its time, its FLOPs and its memory traffic.

use super::kernel::DType;
use super::operand::Operand;
use crate::error::{Error, Result};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// The clock that times dispatches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The GPU's clock, read at the start and the end of each dispatch.
    Timestamps,
    /// The host's clock. On the CPU device it is read before and after each kernel. On an adapter without timestamps
    /// each dispatch is submitted alone and waited for, so its time includes that of a submission.
    Host,
}

/// One dispatch of a kernel.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Dispatch {
    /// The kernel's name: `op.entry`, and the variant if there are several.
    pub kernel: &'static str,
    /// Seconds since the start of the profile; for [`Clock::Timestamps`] since the start of the first dispatch.
    pub start: f64,
    /// Its duration in seconds.
    pub seconds: f64,
    /// FLOPs, as the kernel counts them.
    pub flops: u64,
    /// Bytes of the inputs. An operand that is bound twice counts once.
    pub read: u64,
    /// Bytes of the outputs. What a kernel changes in place counts only here.
    pub written: u64,
}

impl Dispatch {
    /// A dispatch that has not run yet.
    pub(super) fn new(kernel: &'static str, flops: u64, inputs: &[Operand], outputs: &[Operand]) -> Dispatch {
        let bytes = |o: &Operand| (o.len * o.dtype.size()) as u64;
        // Kernels with an optional operand bind another one in its place.
        let again = |i: usize| inputs[..i].iter().any(|o| same(o, &inputs[i]));
        let read = (0..inputs.len()).filter(|&i| !again(i)).map(|i| bytes(&inputs[i])).sum();
        let written = outputs.iter().map(bytes).sum();
        Dispatch { kernel, start: 0.0, seconds: 0.0, flops, read, written }
    }
}

fn same(a: &Operand, b: &Operand) -> bool {
    let place = |o: &Operand| -> (DType, usize, usize) { (o.dtype, o.offset, o.len) };
    a.buffer.same(b.buffer) && place(a) == place(b)
}

/// All dispatches of a profile, in the order in which they ran.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Profile {
    /// The clock that timed the dispatches.
    pub clock: Clock,
    /// Seconds on the host's clock, from the first call to the end of the last dispatch.
    pub wall: f64,
    /// The dispatches.
    pub dispatches: Vec<Dispatch>,
}

/// All dispatches of one kernel.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct KernelTime {
    /// The kernel's name.
    pub kernel: &'static str,
    /// The number of dispatches.
    pub calls: u64,
    /// Seconds of all dispatches together.
    pub seconds: f64,
    /// FLOPs of all dispatches together.
    pub flops: u64,
    /// Bytes that all dispatches read.
    pub read: u64,
    /// Bytes that all dispatches wrote.
    pub written: u64,
}

impl KernelTime {
    /// FLOPs per second.
    pub fn flops_per_second(&self) -> f64 {
        self.flops as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }

    /// Bytes read and written per second.
    pub fn bytes_per_second(&self) -> f64 {
        (self.read + self.written) as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }
}

impl Profile {
    /// Seconds inside kernels: the sum over all dispatches.
    pub fn kernel_seconds(&self) -> f64 {
        self.dispatches.iter().map(|d| d.seconds).sum()
    }

    /// The sums of each kernel, the slowest first.
    pub fn kernels(&self) -> Vec<KernelTime> {
        let mut kernels: Vec<KernelTime> = Vec::new();
        for d in &self.dispatches {
            let at = kernels.iter().position(|k| k.kernel == d.kernel).unwrap_or_else(|| {
                let none =
                    KernelTime { kernel: d.kernel, calls: 0, seconds: 0.0, flops: 0, read: 0, written: 0 };
                kernels.push(none);
                kernels.len() - 1
            });
            let sum = &mut kernels[at];
            sum.calls += 1;
            sum.seconds += d.seconds;
            sum.flops += d.flops;
            sum.read += d.read;
            sum.written += d.written;
        }
        kernels.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        kernels
    }

    /// The dispatches as JSON trace events, for Perfetto or `chrome://tracing`. `device` is the name of their row.
    pub fn chrome_trace(&self, device: &str) -> serde_json::Value {
        let microseconds = |seconds: f64| seconds * 1e6;
        let name = serde_json::json!({
            "name": "thread_name", "ph": "M", "pid": 0, "tid": 0, "args": { "name": device }
        });
        let events = self.dispatches.iter().map(|d| {
            serde_json::json!({
                "name": d.kernel, "cat": "kernel", "ph": "X", "pid": 0, "tid": 0,
                "ts": microseconds(d.start), "dur": microseconds(d.seconds),
                "args": { "flops": d.flops, "read": d.read, "written": d.written },
            })
        });
        let events: Vec<_> = [name].into_iter().chain(events).collect();
        serde_json::json!({ "traceEvents": events })
    }
}

/// Whether a device is being profiled, and the dispatches timed by the host's clock.
#[derive(Default)]
pub(super) struct Profiler {
    on: AtomicBool,
    timed: Mutex<Vec<(Instant, Dispatch)>>,
}

/// A running profile. Dropping it ends the profile.
pub(super) struct Session<'a> {
    profiler: &'a Profiler,
    begun: Instant,
}

impl Profiler {
    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// # Errors
    /// [`Error::Config`] if a profile of this device is already running.
    pub(super) fn start(&self) -> Result<Session<'_>> {
        if self.on.swap(true, Ordering::Relaxed) {
            let problem = "this device is being profiled already".to_string();
            return Err(Error::Config { what: "profile".to_string(), problem });
        }
        self.timed().clear();
        Ok(Session { profiler: self, begun: Instant::now() })
    }

    /// Adds a dispatch that ran on the host's clock from `begun` until now.
    pub(super) fn add(&self, dispatch: Dispatch, begun: Instant) {
        let seconds = begun.elapsed().as_secs_f64();
        self.timed().push((begun, Dispatch { seconds, ..dispatch }));
    }

    fn timed(&self) -> MutexGuard<'_, Vec<(Instant, Dispatch)>> {
        self.timed.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Session<'_> {
    /// Seconds since the start.
    pub(super) fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// The dispatches that [`Profiler::add`] added, with their start times.
    pub(super) fn take(&self) -> Vec<Dispatch> {
        let timed = std::mem::take(&mut *self.profiler.timed());
        let since = |at: Instant| at.saturating_duration_since(self.begun).as_secs_f64();
        timed.into_iter().map(|(at, dispatch)| Dispatch { start: since(at), ..dispatch }).collect()
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.profiler.on.store(false, Ordering::Relaxed);
    }
}
