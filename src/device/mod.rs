//! Devices: they allocate memory, run kernels, and read results back. A GPU and the CPU have the same interface.
//!
//! Reading order: [`kernel`] (what a device runs), [`real`], [`cpu`] and `convert` (how references compute),
//! [`memory`], `pool` and `buffer` (where elements are stored), `operations` (allocating, copying, running), [`class`]
//! and [`variant`] (which of several kernels runs), `gpu` (the only folder that names wgpu), [`profile`] (the time of
//! each dispatch).

mod buffer;
pub mod class;
mod convert;
pub mod cpu;
mod gpu;
mod host;
pub mod kernel;
pub mod memory;
mod operand;
mod operations;
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
use buffer::Line;
use memory::{Ledger, Usage};
use pool::Pool;
use profile::{Clock, Profile, Profiler};
use std::fmt;
use std::sync::Arc;

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
    /// [`Error::NoAdapter`] for [`DeviceChoice::Gpu`] if there is no adapter, and for `Gpu` and `Auto` if the
    /// environment variables `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` allow no adapter.
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
        cpu::threads::join_threads();
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

    /// Raises the peak to these bytes of each category if it is lower: the peak of an earlier process, whose work this
    /// one continues.
    pub(crate) fn raise_peak(&self, by_category: [u64; 5]) {
        self.0.ledger.raise_peak(by_category);
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
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Device({})", self.name())
    }
}
