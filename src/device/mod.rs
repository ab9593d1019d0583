//! Devices: allocate, run a kernel, read back. A GPU or the CPU behind one face.
//!
//! Reading order: [`kernel`] (what is run), [`real`], [`cpu`] and `convert` (how references compute), [`memory`], `pool`
//! and `buffer` (what it is stored in), [`class`] and [`variant`] (which of several kernels), `gpu` (the only folder that names wgpu),
//! [`profile`] (where time goes).

mod buffer;
pub mod class;
mod convert;
pub mod cpu;
mod gpu;
mod host;
pub mod kernel;
pub mod memory;
mod operand;
mod pool;
pub mod profile;
pub mod real;
pub mod variant;

pub use buffer::Buffer;
#[cfg(test)]
pub(crate) use gpu::translate_cooperative;
pub use gpu::{AdapterDescription, CooperativeMatrix, GpuOptions, Translation, TunedVariants, adapters};
pub use kernel::{DType, Element};
pub use operand::Operand;
pub use pool::ALIGNMENT;

use crate::error::{Error, Result};
use crate::shape::MAX_ELEMENTS;
use buffer::{Line, Storage};
use cpu::{lock_read, lock_write, run_on_cpu};
use kernel::Kernel;
use memory::{Ledger, Usage};
use pool::{Pool, size_class};
use profile::{Clock, Dispatch, Profile, Profiler};
use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Instant;

/// What kind of machine a device is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    /// The CPU's cores.
    Cpu,
    /// A graphics processor, or a Vulkan driver that stands for one on the CPU (lavapipe).
    Gpu,
}

/// Which device to open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DeviceChoice {
    /// The fastest real GPU that `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` allow, else the CPU.
    #[default]
    Auto,
    /// A GPU; a software adapter if there is no other, or if `WGPU_ADAPTER_NAME` names it.
    Gpu,
    /// The CPU device.
    Cpu,
}

/// A device; clones share it.
#[derive(Clone)]
pub struct Device(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    backend: Backend,
    ledger: Ledger,
    profiler: Profiler,
}

#[allow(clippy::large_enum_variant)] // There is one of these in a process.
enum Backend {
    Cpu(Pool<Vec<Line>>),
    Gpu(gpu::Gpu),
    /// Computes nothing, and translates kernels if it is to.
    Dry(Option<gpu::Translator>),
}

impl Device {
    /// Opens a device, on an adapter with the variants of kernels that `allometry tune` has chosen there.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] for [`DeviceChoice::Gpu`] where there is none, or where the environment variables
    /// `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` exclude all there are. `Auto` fails only in the second case.
    pub fn open(choice: DeviceChoice) -> Result<Device> {
        match choice {
            DeviceChoice::Cpu => Ok(Device::cpu()),
            DeviceChoice::Gpu => Device::gpu(GpuOptions { tuned: true, ..GpuOptions::default() }),
            DeviceChoice::Auto => Ok(match gpu::Gpu::open_fastest()? {
                Some(gpu) => Device::from(Backend::Gpu(gpu)),
                None => Device::cpu(),
            }),
        }
    }

    /// The CPU device: all cores, by the threads of the crate `rayon`. Called first from a program's main thread,
    /// it makes that one of them (`ThreadPoolBuilder::use_current_thread`).
    pub fn cpu() -> Device {
        cpu::join_threads();
        Device::from(Backend::Cpu(Pool::default()))
    }

    /// A GPU, or a software adapter where there is no GPU.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] when nothing fits, with what was found.
    pub fn gpu(options: GpuOptions) -> Result<Device> {
        Ok(Device::from(Backend::Gpu(gpu::Gpu::open(options)?)))
    }

    /// A device that keeps the ledger and computes nothing: what would a run allocate? Ops allocate the same
    /// everywhere, so it stands for every device.
    pub fn dry() -> Device {
        Device::from(Backend::Dry(None))
    }

    fn from(backend: Backend) -> Device {
        Device(Arc::new(Inner { backend, ledger: Ledger::default(), profiler: Profiler::default() }))
    }

    /// What kind of machine this is.
    pub fn kind(&self) -> Kind {
        match &self.0.backend {
            Backend::Cpu(_) => Kind::Cpu,
            Backend::Gpu(_) => Kind::Gpu,
            Backend::Dry(_) => Kind::Cpu,
        }
    }

    /// Checks that an operand of `op` on `other` is on this device.
    ///
    /// # Errors
    /// [`Error::Placement`].
    pub(crate) fn check_same(&self, op: &'static str, other: &Device) -> Result<()> {
        if self.same(other) {
            return Ok(());
        }
        let problem = format!(
            "operands on {} and on {}, two devices that were opened separately; open one, and clone it where it is needed",
            self.name(),
            other.name()
        );
        Err(Error::Placement { op, problem })
    }

    /// Whether this device only keeps the books.
    pub fn is_dry(&self) -> bool {
        matches!(self.0.backend, Backend::Dry(_))
    }

    /// The adapter's name and driver, or the number of threads.
    pub fn name(&self) -> String {
        match &self.0.backend {
            Backend::Cpu(_) => format!("CPU ({} threads)", rayon::current_num_threads()),
            Backend::Gpu(gpu) => gpu.name.clone(),
            Backend::Dry(_) => "no device (memory is only counted)".to_string(),
        }
    }

    /// Bytes now and at the peak.
    pub fn usage(&self) -> Usage {
        self.0.ledger.usage()
    }

    /// Resets the peak to the bytes currently live.
    pub fn reset_peak(&self) {
        self.0.ledger.reset_peak();
    }

    /// Gives pooled buffers back to the system.
    pub fn trim(&self) {
        let freed = match &self.0.backend {
            Backend::Cpu(pool) => pool.trim(),
            Backend::Gpu(gpu) => gpu.trim(),
            Backend::Dry(_) => 0,
        };
        self.0.ledger.release(freed);
    }

    /// The largest tensor, in bytes.
    pub fn largest_tensor(&self) -> u64 {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.largest_binding,
            _ => isize::MAX as u64,
        }
    }

    /// Whether two handles mean the same device.
    pub fn same(&self, other: &Device) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Waits until all that was asked for is done, and reports what went wrong on the way.
    pub fn synchronize(&self) -> Result<()> {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.synchronize(),
            _ => Ok(()),
        }
    }

    /// What [`profile`](Device::profile) takes its times from.
    pub fn clock(&self) -> Clock {
        match &self.0.backend {
            Backend::Gpu(gpu) if gpu.has_timestamps() => Clock::Timestamps,
            _ => Clock::Host,
        }
    }

    /// Runs `body` and tells how long every dispatch took that this device ran meanwhile, those of other threads
    /// included. Waits for the device before and after. A dispatch is slower to record while it is timed; its own time
    /// is as always.
    ///
    /// # Errors
    /// Those of `body`; [`Error::Config`] if the device is being profiled already.
    pub fn profile<R>(&self, body: impl FnOnce() -> Result<R>) -> Result<(R, Profile)> {
        self.synchronize()?;
        let session = self.0.profiler.start()?;
        if let Backend::Gpu(gpu) = &self.0.backend {
            // What a profile that failed has left.
            gpu.take_timed()?;
        }
        let result = body()?;
        self.synchronize()?;
        let wall = session.seconds();
        let dispatches = match &self.0.backend {
            Backend::Gpu(gpu) if gpu.has_timestamps() => gpu.take_timed()?,
            _ => session.take(),
        };
        Ok((result, Profile { clock: self.clock(), wall, dispatches }))
    }

    /// Memory for `len` elements; what it holds is not defined.
    ///
    /// # Errors
    /// [`Error::TooManyElements`] beyond [`MAX_ELEMENTS`], [`Error::TooLarge`] beyond the adapter's binding limit,
    /// [`Error::OutOfMemory`],
    /// [`Error::DType`] for f64 on a GPU, and for f16 on one that can't load and store it.
    pub fn allocate(&self, op: &'static str, dtype: DType, len: usize) -> Result<Buffer> {
        if dtype == DType::F64 && !matches!(self.kind(), Kind::Cpu) {
            let expected = format!("f32 (f64 is for the CPU device; this is {})", self.name());
            return Err(Error::DType { op, found: dtype.name(), expected });
        }
        if let (DType::F16, Backend::Gpu(gpu::Gpu { f16: false, .. })) = (dtype, &self.0.backend) {
            let expected = format!("f32 ({} has no 16-bit floats; train in f32 there)", self.name());
            return Err(Error::DType { op, found: dtype.name(), expected });
        }
        let size = dtype.size() as u64;
        if len > MAX_ELEMENTS {
            return Err(Error::TooManyElements { what: op.to_string(), elements: len });
        }
        let limit = self.largest_tensor();
        let bytes = (len as u64 * size).next_multiple_of(ALIGNMENT);
        if bytes > limit {
            return Err(Error::TooLarge { op, bytes, limit, device: self.name() });
        }
        let class = size_class(bytes).min(limit.next_multiple_of(ALIGNMENT));
        let ledger = &self.0.ledger;
        let storage = match &self.0.backend {
            Backend::Cpu(pool) => Storage::Host(RwLock::new(match pool.take(class) {
                Some(lines) => lines,
                None => {
                    let lines = class as usize / size_of::<Line>();
                    let fresh = bytemuck::allocation::try_zeroed_vec(lines).map_err(|()| {
                        Error::OutOfMemory { device: self.name(), bytes, live: self.usage().live }
                    })?;
                    ledger.reserve(class);
                    fresh
                }
            })),
            Backend::Gpu(gpu) => Storage::Gpu(match gpu.pool.take(class) {
                Some(slot) => slot,
                None => {
                    let slot = gpu.allocate(class).or_else(|_| {
                        // What waits in the pool may be all that stands in the way.
                        ledger.release(gpu.trim());
                        gpu.allocate(class)
                    });
                    let live = self.usage().live;
                    let slot = slot.map_err(|e| match e {
                        Error::OutOfMemory { device, bytes, .. } => {
                            Error::OutOfMemory { device, bytes, live }
                        }
                        other => other,
                    })?;
                    ledger.reserve(class);
                    slot
                }
            }),
            Backend::Dry(_) => {
                ledger.reserve(class);
                Storage::Dry
            }
        };
        Ok(Buffer::new(self.clone(), storage, bytes, class, memory::current()))
    }

    /// Copies host values into a buffer, from element `offset` on.
    pub fn write<E: Element>(&self, buffer: &Buffer, offset: usize, values: &[E]) -> Result<()> {
        match (&self.0.backend, buffer.storage()) {
            (Backend::Gpu(gpu), Storage::Gpu(slot)) => {
                gpu.write(slot, (offset * size_of::<E>()) as u64, bytemuck::cast_slice(values))
            }
            (_, Storage::Host(lines)) => {
                let mut lines = lock_write(lines);
                let all: &mut [E] = bytemuck::cast_slice_mut(&mut lines);
                all[offset..offset + values.len()].copy_from_slice(values);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Copies a buffer's elements to the host; waits for what computes them. A dry device reads zeros.
    pub fn read<E: Element>(&self, buffer: &Buffer, offset: usize, len: usize) -> Result<Vec<E>> {
        let mut values = vec![E::zeroed(); len];
        match (&self.0.backend, buffer.storage()) {
            (Backend::Gpu(gpu), Storage::Gpu(slot)) => {
                gpu.read(slot, (offset * size_of::<E>()) as u64, bytemuck::cast_slice_mut(&mut values))?;
            }
            (_, Storage::Host(lines)) => {
                values.copy_from_slice(&bytemuck::cast_slice(&lock_read(lines))[offset..offset + len]);
            }
            _ => {}
        }
        Ok(values)
    }

    /// Runs `kernel` (on a GPU: records it). Inputs and outputs are bound in the order of the kernel's bindings.
    ///
    /// # Errors
    /// [`Error::Placement`] when operands are on other devices, or one buffer is both input and output;
    /// [`Error::Kernel`], [`Error::DeviceLost`] and [`Error::OutOfMemory`] from the driver.
    pub fn run<P: bytemuck::Pod>(
        &self,
        kernel: &'static Kernel<P>,
        params: &P,
        inputs: &[Operand],
        outputs: &[Operand],
    ) -> Result<()> {
        for (i, output) in outputs.iter().enumerate() {
            let again = inputs.iter().chain(&outputs[..i]).any(|other| other.buffer.same(output.buffer));
            if again {
                let problem =
                    "one buffer is bound twice, once to be written; copy one of the two first".to_string();
                return Err(Error::Placement { op: kernel.name, problem });
            }
        }
        let mut operands = inputs.iter().chain(outputs);
        operands.try_for_each(|operand| self.check_same(kernel.name, operand.buffer.device()))?;
        let profiler = &self.0.profiler;
        let timed = profiler
            .is_on()
            .then(|| (Dispatch::new(kernel.name, (kernel.flops)(params), inputs, outputs), Instant::now()));
        match &self.0.backend {
            Backend::Cpu(_) => {
                if inputs.iter().chain(outputs).any(|o| o.dtype == DType::F64) {
                    run_on_cpu(kernel.reference.f64, params, inputs, outputs);
                } else {
                    let function = kernel.fast.unwrap_or(kernel.reference.f32);
                    run_on_cpu(function, params, inputs, outputs);
                }
                if let Some((dispatch, begun)) = timed {
                    profiler.add(dispatch, begun);
                }
                Ok(())
            }
            Backend::Gpu(gpu) => match timed {
                Some((dispatch, _)) if !gpu.has_timestamps() => {
                    gpu.synchronize()?;
                    let begun = Instant::now();
                    gpu.record(kernel, params, inputs, outputs, None)?;
                    gpu.synchronize()?;
                    profiler.add(dispatch, begun);
                    Ok(())
                }
                timed => gpu.record(kernel, params, inputs, outputs, timed.map(|(dispatch, _)| dispatch)),
            },
            Backend::Dry(None) => Ok(()),
            Backend::Dry(Some(translator)) => translator.add(kernel, params, inputs, outputs),
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Device({})", self.name())
    }
}
