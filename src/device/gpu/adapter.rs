//! Adapters: choosing and opening one, with its limits and features, and reporting its loss.

use super::handles::{Failure, Handles};
use super::{Gpu, TunedVariants, matrices, pipeline::Pipelines, recorder::Recorder, tune};
use crate::cache;
use crate::device::pool::Pool;
use crate::error::{Error, Result};
use std::sync::{Arc, Mutex, RwLock};

/// Options for opening a GPU.
#[derive(Clone, Copy, Debug)]
pub struct GpuOptions {
    /// Pass scalars as immediates if the adapter has them; otherwise in a small buffer.
    pub immediates: bool,
    /// Time dispatches by the adapter's clock if it has one; otherwise by the host's.
    pub timestamps: bool,
    /// Use 16-bit floats if the adapter has them.
    pub f16: bool,
    /// The most rows of the cooperative matrices (tensor cores) to use, if the adapter has them: 16 or 8; 0 for none.
    pub cooperative_matrices: u32,
    /// Use the variants that `allometry tune` chose for this adapter, as [`Device::open`](crate::Device::open) does;
    /// otherwise the default tables, which are the same on every machine.
    pub tuned: bool,
}

impl Default for GpuOptions {
    fn default() -> Self {
        GpuOptions { immediates: true, timestamps: true, f16: true, cooperative_matrices: 16, tuned: false }
    }
}

/// The description of an adapter.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AdapterDescription {
    /// Its name.
    pub name: String,
    /// The graphics interface: Vulkan, Metal, DX12 or OpenGL.
    pub backend: String,
    /// Its kind, such as `discrete GPU`.
    pub kind: String,
    /// The driver's name and version.
    pub driver: String,
    /// Whether kernels can use 16-bit floats.
    pub f16: bool,
    /// Whether kernels can use subgroup operations.
    pub subgroups: bool,
    /// Whether it can time dispatches by its own clock.
    pub timestamps: bool,
    /// Whether it takes scalars as immediates.
    pub immediates: bool,
    /// The extent of the cooperative matrices that products of f16 with f32 sums use, if any.
    pub cooperative_matrices: Option<u32>,
    /// The size limit of a tensor, in bytes.
    pub largest_tensor: u64,
}

const BACKEND: &str = "WGPU_BACKEND";
const NAME: &str = "WGPU_ADAPTER_NAME";

/// The hint for systems without any adapter.
const INSTALL: &str = "Install the GPU's Vulkan driver, or Mesa's software driver (Debian, Ubuntu: apt-get install \
                       mesa-vulkan-drivers), or use --device cpu";

/// All adapters of the system, whatever the environment variables allow.
pub fn adapters() -> Vec<AdapterDescription> {
    let instance = instance(wgpu::Backends::all());
    enumerate(&instance, wgpu::Backends::all()).iter().map(describe).collect()
}

fn instance(backends: wgpu::Backends) -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    wgpu::Instance::new(descriptor)
}

fn enumerate(instance: &wgpu::Instance, backends: wgpu::Backends) -> Vec<wgpu::Adapter> {
    pollster::block_on(instance.enumerate_adapters(backends))
}

fn describe(adapter: &wgpu::Adapter) -> AdapterDescription {
    let (info, features) = (adapter.get_info(), adapter.features());
    AdapterDescription {
        name: info.name,
        backend: info.backend.to_string(),
        kind: kind_name(info.device_type).to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
        f16: features.contains(wgpu::Features::SHADER_F16),
        subgroups: features.contains(wgpu::Features::SUBGROUP),
        timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
        immediates: features.contains(wgpu::Features::IMMEDIATES),
        cooperative_matrices: matrices::fragment(adapter, u32::MAX),
        largest_tensor: largest_binding(&adapter.limits()),
    }
}

fn kind_name(kind: wgpu::DeviceType) -> &'static str {
    match kind {
        wgpu::DeviceType::DiscreteGpu => "discrete GPU",
        wgpu::DeviceType::IntegratedGpu => "integrated GPU",
        wgpu::DeviceType::VirtualGpu => "virtual GPU",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    }
}

/// The rank of a kind of adapter: lower is better, and real GPUs precede software adapters.
fn preference(kind: wgpu::DeviceType) -> u8 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

fn largest_binding(limits: &wgpu::Limits) -> u64 {
    limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
}

/// The adapters that the environment variables allow, best first. An error if they allow none.
fn allowed() -> Result<Vec<wgpu::Adapter>> {
    let backends = wgpu::Backends::from_env().unwrap_or(wgpu::Backends::all());
    let name = std::env::var(NAME).ok().filter(|n| !n.is_empty());
    let instance = instance(wgpu::Backends::all());
    let all = enumerate(&instance, wgpu::Backends::all());
    let fits = |adapter: &wgpu::Adapter| {
        let info = adapter.get_info();
        backends.contains(info.backend.into())
            && name.as_ref().is_none_or(|n| info.name.to_lowercase().contains(&n.to_lowercase()))
            && adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
    };
    let mut fitting: Vec<wgpu::Adapter> = all.iter().filter(|a| fits(a)).cloned().collect();
    let restricted = name.is_some() || std::env::var(BACKEND).is_ok_and(|b| !b.is_empty());
    if fitting.is_empty() && restricted {
        let found: Vec<String> =
            all.iter().map(|a| format!("{} ({})", a.get_info().name, a.get_info().backend)).collect();
        return Err(Error::NoAdapter {
            wanted: format!(
                "{BACKEND}={} and {NAME}={} allow none",
                std::env::var(BACKEND).unwrap_or_default(),
                name.unwrap_or_default()
            ),
            hint: if found.is_empty() {
                INSTALL.into()
            } else {
                format!("Unset {BACKEND} and {NAME} or name one of these")
            },
            found: if found.is_empty() { "no adapters at all".to_string() } else { found.join(", ") },
        });
    }
    fitting.sort_by_key(|adapter| preference(adapter.get_info().device_type));
    Ok(fitting)
}

impl Gpu {
    /// Opens the best real GPU, if there is one. Opens a software adapter only if `WGPU_ADAPTER_NAME` names it.
    pub(crate) fn open_fastest() -> Result<Option<Gpu>> {
        let named = std::env::var(NAME).is_ok_and(|n| !n.is_empty());
        let best = allowed()?.into_iter().next();
        let best = best.filter(|a| named || a.get_info().device_type != wgpu::DeviceType::Cpu);
        let options = GpuOptions { tuned: true, ..GpuOptions::default() };
        best.map(|adapter| Gpu::from_adapter(&adapter, options)).transpose()
    }

    pub(crate) fn open(options: GpuOptions) -> Result<Gpu> {
        let adapter = allowed()?.into_iter().next().ok_or_else(|| Error::NoAdapter {
            wanted: "a GPU or a software Vulkan driver is needed".to_string(),
            found: "none".to_string(),
            hint: INSTALL.into(),
        })?;
        Gpu::from_adapter(&adapter, options)
    }

    fn from_adapter(adapter: &wgpu::Adapter, options: GpuOptions) -> Result<Gpu> {
        let info = adapter.get_info();
        let name = format!("{} ({}, {})", info.name, info.backend, info.driver_info);
        let mut wanted = wgpu::Features::SUBGROUP;
        if options.f16 {
            wanted |= wgpu::Features::SHADER_F16;
        }
        if options.immediates {
            wanted |= wgpu::Features::IMMEDIATES;
        }
        if options.timestamps {
            wanted |= wgpu::Features::TIMESTAMP_QUERY;
        }
        let fragment = matrices::fragment(adapter, options.cooperative_matrices).filter(|_| options.f16);
        if fragment.is_some() {
            wanted |= wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
        }
        let features = adapter.features() & wanted;
        // The adapter's own limits, because the defaults allow bindings of at most 128 MiB.
        let limits = adapter.limits();
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("allometry"),
            required_features: features,
            required_limits: limits.clone(),
            memory_hints: wgpu::MemoryHints::Performance,
            // SAFETY: experimental features may have undefined behaviour in programs that misuse them. This requests
            // only cooperative matrices. Only shaders/lib/tile_cooperative.wgsl uses them. There, a subgroup loads,
            // multiplies and stores whole fragments together, inside its arrays, with types that the adapter lists.
            experimental_features: match fragment {
                Some(_) => unsafe { wgpu::ExperimentalFeatures::enabled() },
                None => wgpu::ExperimentalFeatures::disabled(),
            },
            ..Default::default()
        };
        let (device, queue) =
            pollster::block_on(adapter.request_device(&descriptor)).map_err(|e| Error::NoAdapter {
                wanted: "the adapter refused to open".to_string(),
                found: name.clone(),
                hint: format!("The driver said: {e}. Update it, or use --device cpu"),
            })?;
        let failure: Arc<Mutex<Option<Failure>>> = Arc::default();
        let set = |failure: &Mutex<Option<Failure>>, what: Failure| {
            let mut failure = failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            // The first failure is the cause of later ones, but a lost device must always be reported.
            if failure.is_none() || matches!(what, Failure::Lost(_)) {
                *failure = Some(what);
            }
        };
        let uncaptured = failure.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let what = match error {
                wgpu::Error::OutOfMemory { .. } => Failure::OutOfMemory,
                other => Failure::Refused(other.to_string()),
            };
            set(&uncaptured, what);
        }));
        let lost = failure.clone();
        device.set_device_lost_callback(move |reason, message| {
            set(&lost, Failure::Lost(format!("{reason:?} {message}").trim().to_string()));
        });
        let immediates = features.contains(wgpu::Features::IMMEDIATES) && limits.max_immediate_size >= 128;
        let timestamps = features.contains(wgpu::Features::TIMESTAMP_QUERY);
        let subject = tune::Subject {
            adapter: info.name,
            backend: info.backend.to_string(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
            allometry: env!("CARGO_PKG_VERSION").to_string(),
        };
        let folder = options.tuned.then(cache::folder).flatten();
        let (tuned, warning) =
            match folder.map_or(Ok(TunedVariants::default()), |folder| subject.read(&folder)) {
                Ok(tuned) => (tuned, None),
                Err(error) => (TunedVariants::default(), Some(error)),
            };
        let robust = info.backend == wgpu::Backend::Vulkan;
        let handles = Handles { name: name.clone(), device, queue, immediates, robust, timestamps, failure };
        Ok(Gpu {
            name,
            software: info.device_type == wgpu::DeviceType::Cpu,
            f16: features.contains(wgpu::Features::SHADER_F16),
            fragment,
            matrices: matrices::listed(adapter),
            largest_binding: largest_binding(&limits),
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            pool: Pool::default(),
            warning,
            tuned: RwLock::new(tuned),
            subject,
            pipelines: Pipelines::default(),
            recorder: Recorder::new(&handles),
            handles,
        })
    }
}
