//! Devices: they allocate memory, run kernels, and read results back. A GPU and the CPU have the same interface.
//!
//! Reading order: [`kernel`] (what a device runs), [`real`], [`cpu`] and `convert` (how references compute),
//! [`memory`], `pool` and `buffer` (where elements are stored), [`class`] and [`variant`] (which of several kernels
//! runs), `gpu` (the only folder that names wgpu), [`profile`] (the time of each dispatch).

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

/// The type of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    /// The cores of the CPU.
    Cpu,
    /// A GPU, or a software Vulkan driver (lavapipe).
    Gpu,
}

/// The device to open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DeviceChoice {
    /// The fastest GPU that `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` allow; the CPU if there is none.
    #[default]
    Auto,
    /// A GPU. A software adapter if there is no GPU, or if `WGPU_ADAPTER_NAME` names it.
    Gpu,
    /// The CPU device.
    Cpu,
}

/// A handle to a device; clones are handles to the same device.
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
    /// Computes nothing. With a translator, it translates kernels to SPIR-V.
    Dry(Option<gpu::Translator>),
}

impl Device {
    /// Opens a device. A GPU uses the kernel variants that `allometry tune` chose for it.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] for [`DeviceChoice::Gpu`] if there is no adapter, and for `Gpu` and `Auto` if the environment
    /// variables `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` allow no adapter.
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

    /// The CPU device. It uses all cores, through the threads of the crate `rayon`. If a program calls this first
    /// from its main thread, that thread becomes one of them (`ThreadPoolBuilder::use_current_thread`).
    pub fn cpu() -> Device {
        cpu::join_threads();
        Device::from(Backend::Cpu(Pool::default()))
    }

    /// Opens a GPU; a software adapter if there is no GPU.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] if no adapter is suitable; it lists those found.
    pub fn gpu(options: GpuOptions) -> Result<Device> {
        Ok(Device::from(Backend::Gpu(gpu::Gpu::open(options)?)))
    }

    /// A device that counts memory and computes nothing. It tells how much memory a run would allocate: ops allocate
    /// the same on every device.
    pub fn dry() -> Device {
        Device::from(Backend::Dry(None))
    }

    fn from(backend: Backend) -> Device {
        Device(Arc::new(Inner { backend, ledger: Ledger::default(), profiler: Profiler::default() }))
    }

    /// The type of the device.
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
    /// [`Error::Placement`] if they are on different devices.
    pub(crate) fn check_same(&self, op: &'static str, other: &Device) -> Result<()> {
        if self.same(other) {
            return Ok(());
        }
        let problem = format!(
            "operands on {} and on {}, which were opened separately; open one device and clone it for every tensor",
            self.name(),
            other.name()
        );
        Err(Error::Placement { op, problem })
    }

    /// Whether this device only counts memory.
    pub fn is_dry(&self) -> bool {
        matches!(self.0.backend, Backend::Dry(_))
    }

    /// The adapter's name and driver, or the number of CPU threads.
    pub fn name(&self) -> String {
        match &self.0.backend {
            Backend::Cpu(_) => format!("CPU ({} threads)", rayon::current_num_threads()),
            Backend::Gpu(gpu) => gpu.name.clone(),
            Backend::Dry(_) => "no device (memory is only counted)".to_string(),
        }
    }

    /// Live, peak and reserved bytes.
    pub fn usage(&self) -> Usage {
        self.0.ledger.usage()
    }

    /// Resets the peak to the bytes currently live.
    pub fn reset_peak(&self) {
        self.0.ledger.reset_peak();
    }

    /// Returns the free buffers of the pool to the system.
    pub fn trim(&self) {
        let freed = match &self.0.backend {
            Backend::Cpu(pool) => pool.trim(),
            Backend::Gpu(gpu) => gpu.trim(),
            Backend::Dry(_) => 0,
        };
        self.0.ledger.release(freed);
    }

    /// The size limit of a tensor, in bytes.
    pub fn largest_tensor(&self) -> u64 {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.largest_binding,
            _ => isize::MAX as u64,
        }
    }

    /// Whether both handles are handles to the same device.
    pub fn same(&self, other: &Device) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Waits until all recorded work is done.
    ///
    /// # Errors
    /// The first failure that the driver has reported since the last call: [`Error::Kernel`], [`Error::DeviceLost`],
    /// [`Error::OutOfMemory`].
    pub fn synchronize(&self) -> Result<()> {
        match &self.0.backend {
            Backend::Gpu(gpu) => gpu.synchronize(),
            _ => Ok(()),
        }
    }

    /// The clock that [`profile`](Device::profile) uses.
    pub fn clock(&self) -> Clock {
        match &self.0.backend {
            Backend::Gpu(gpu) if gpu.has_timestamps() => Clock::Timestamps,
            _ => Clock::Host,
        }
    }

    /// Runs `body` and measures every dispatch of this device meanwhile, including those of other threads. Waits for
    /// the device before and after. Recording a timed dispatch takes longer; its execution takes as long as without
    /// timing.
    ///
    /// # Errors
    /// Errors of `body`; [`Error::Config`] if a profile of this device is already running.
    pub fn profile<R>(&self, body: impl FnOnce() -> Result<R>) -> Result<(R, Profile)> {
        self.synchronize()?;
        let session = self.0.profiler.start()?;
        if let Backend::Gpu(gpu) = &self.0.backend {
            // Discards the timings of an earlier profile that failed.
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

    /// Allocates memory for `len` elements, with undefined contents. `op` names the caller in errors.
    ///
    /// # Errors
    /// [`Error::TooManyElements`] above [`MAX_ELEMENTS`]; [`Error::TooLarge`] above the adapter's binding limit;
    /// [`Error::OutOfMemory`]; [`Error::DType`] for f64 on a GPU, and for f16 on a GPU without 16-bit floats.
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
                        // Buffers in the pool may occupy the memory that is needed.
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

    /// Checks that a buffer is on this device and has the elements `offset..offset + len`.
    fn check_range(
        &self,
        op: &'static str,
        buffer: &Buffer,
        dtype: DType,
        offset: usize,
        len: usize,
    ) -> Result<()> {
        self.check_same(op, buffer.device())?;
        let (end, elements) = (offset.saturating_add(len), buffer.bytes() / dtype.size() as u64);
        if end as u64 > elements {
            let expected = format!("within 0..{elements}, the buffer's elements of {dtype}");
            return Err(Error::argument(op, "range", format!("{offset}..{end}"), expected));
        }
        Ok(())
    }

    /// Copies values from the host into a buffer, from element `offset` on.
    ///
    /// # Errors
    /// [`Error::Argument`] if the values do not fit into the buffer; [`Error::Placement`] for a buffer of another device;
    /// [`Error::Kernel`], [`Error::DeviceLost`] and [`Error::OutOfMemory`] from the driver.
    pub fn write<E: Element>(&self, buffer: &Buffer, offset: usize, values: &[E]) -> Result<()> {
        self.check_range("write", buffer, E::DTYPE, offset, values.len())?;
        buffer.touch();
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

    /// Copies `len` elements of a buffer, from element `offset` on, to the host. Waits until they are computed. A dry
    /// device returns zeros.
    ///
    /// # Errors
    /// [`Error::Argument`] if the buffer has fewer elements; [`Error::Placement`] for a buffer of another device;
    /// [`Error::Kernel`], [`Error::DeviceLost`] and [`Error::OutOfMemory`] from the driver.
    pub fn read<E: Element>(&self, buffer: &Buffer, offset: usize, len: usize) -> Result<Vec<E>> {
        self.check_range("read", buffer, E::DTYPE, offset, len)?;
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

    /// Runs `kernel` on the CPU; records it on a GPU. Inputs and outputs are in the order of the kernel's bindings.
    ///
    /// # Errors
    /// [`Error::Placement`] if an operand is on another device, or if the buffer of an output is also another operand;
    /// [`Error::Argument`] if an operand ends beyond its buffer; [`Error::Kernel`], [`Error::DeviceLost`] and [`Error::OutOfMemory`] from the driver.
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
                    "the buffer of an output is also another operand; copy one of the two first".to_string();
                return Err(Error::Placement { op: kernel.name, problem });
            }
        }
        let mut operands = inputs.iter().chain(outputs);
        operands.try_for_each(|o| self.check_range(kernel.name, o.buffer, o.dtype, o.offset, o.len))?;
        outputs.iter().for_each(|output| output.buffer.touch());
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
