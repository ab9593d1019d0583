//! Compiled kernels. Each WGSL text is compiled once, for all kernels that use it.

use super::handles::Handles;
use super::specialise;
use crate::device::kernel::{Constants, Kernel, Shader};
use crate::device::{DType, Operand};
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// The most operands of a kernel.
const OPERANDS: usize = 8;

/// The most bytes of a kernel's scalars.
pub(super) const PARAMS_BYTES: u64 = 128;

pub(super) struct Pipeline {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) operands: wgpu::BindGroupLayout,
    pub(super) id: u64,
}

/// The key of a compiled text.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// The address and the length of the list of texts, which are fast to compare. Kernels with the same text share
    /// the list.
    source: (usize, usize),
    entry: &'static str,
    constants: Constants,
    types: Vec<DType>,
}

/// The pipeline of a text once it is compiled. The first thread that locks it compiles; others wait. Compiling takes
/// up to a second, so other texts have locks of their own.
type Compiled = Arc<Mutex<Option<Arc<Pipeline>>>>;

#[derive(Default)]
pub(super) struct Pipelines {
    compiled: Mutex<HashMap<Key, Compiled>>,
    /// The number of the next pipeline.
    next: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The shader of `kernel` for an adapter and a problem.
pub(super) struct Form<P: 'static> {
    pub(super) shader: &'static Shader<P>,
    /// The extent of the cooperative matrices that it uses, if any.
    fragment: Option<u32>,
}

impl<P> Form<P> {
    pub(super) fn new(
        kernel: &'static Kernel<P>,
        fragment: Option<u32>,
        params: &P,
        inputs: &[Operand],
    ) -> Form<P> {
        let halves = inputs.len() >= 2 && inputs[..2].iter().all(|operand| operand.dtype == DType::F16);
        let cooperative = kernel.cooperative.as_ref().filter(|form| halves && (form.pays)(params));
        match (cooperative, fragment) {
            (Some(form), Some(_)) => Form { shader: &form.shader, fragment },
            _ => Form { shader: &kernel.gpu, fragment: None },
        }
    }
}

/// The text of a kernel for a problem. It does not depend on the type of the kernel's scalars, so the code that
/// compiles it exists once.
pub(super) struct Text {
    /// The texts that are joined.
    pieces: &'static [&'static str],
    /// The entry point.
    entry: &'static str,
    /// The extent of cooperative matrices, if any.
    fragment: Option<u32>,
    /// Constants that precede the text.
    constants: Constants,
}

impl<P> Form<P> {
    /// The text for a problem.
    pub(super) fn text(&self, params: &P) -> Text {
        let mut constants = (self.shader.constants)(params);
        constants.extend(self.fragment.map(|fragment| ("FRAGMENT", fragment)));
        Text { pieces: self.shader.source, entry: self.shader.entry, fragment: self.fragment, constants }
    }
}

impl Pipelines {
    /// The number of compiled pipelines.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.compiled).values().filter(|compiled| lock(compiled).is_some()).count()
    }

    /// The pipeline of a kernel's text for these operands. `name` is the kernel's.
    pub(super) fn get(
        &self,
        handles: &Handles,
        name: &'static str,
        text: Text,
        inputs: &[Operand],
        outputs: &[Operand],
    ) -> Result<Arc<Pipeline>> {
        let Text { pieces, entry, fragment, constants } = text;
        let types = inputs.iter().chain(outputs).map(|operand| operand.dtype).collect();
        let key = Key { source: (pieces.as_ptr().addr(), pieces.len()), entry, constants, types };
        let mut all = lock(&self.compiled);
        let compiled = match all.get(&key) {
            Some(compiled) => compiled.clone(),
            None => all.entry(key.clone()).or_default().clone(),
        };
        drop(all);
        let mut compiled = lock(&compiled);
        if let Some(pipeline) = &*compiled {
            return Ok(pipeline.clone());
        }
        let text = whole(pieces, &key.constants, &key.types, fragment, handles.immediates);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let pipeline = compile(handles, name, entry, &text, inputs.len(), outputs.len(), id)?;
        let pipeline = Arc::new(pipeline);
        *compiled = Some(pipeline.clone());
        Ok(pipeline)
    }
}

/// The WGSL that is compiled: operand types, constants, the binding of the scalars, then the texts. A text may
/// declare bindings that this entry point does not use; their types have no effect.
fn whole(
    pieces: &[&str],
    constants: &Constants,
    types: &[DType],
    fragment: Option<u32>,
    immediates: bool,
) -> String {
    let mut text = String::new();
    if fragment.is_some() {
        text.push_str("enable wgpu_cooperative_matrix;\n");
    }
    if types.contains(&DType::F16) {
        text.push_str("enable f16;\n");
    }
    if fragment.is_some() {
        // Naga treats function arguments as values that differ between invocations, and so every loop over them as
        // non-uniform. The shader states beside its use of matrices that they are uniform.
        text.push_str("diagnostic(off, derivative_uniformity);\n");
    }
    for binding in 0..OPERANDS {
        let dtype = types.get(binding).copied().unwrap_or(DType::F32);
        let _ = writeln!(text, "alias Element{binding} = {dtype};");
    }
    if let Some(n) = fragment {
        for (role, dtype) in [("A", "f16"), ("B", "f16"), ("C", "f32")] {
            let _ = writeln!(text, "alias Fragment{role} = coop_mat{n}x{n}<{dtype}, {role}>;");
        }
    }
    for (name, value) in constants {
        let _ = writeln!(text, "const {name}: u32 = {value}u;");
    }
    text.push_str(if immediates {
        "var<immediate> p: Params;\n"
    } else {
        "@group(1) @binding(0) var<storage, read> p: Params;\n"
    });
    for piece in pieces {
        text.push_str(piece);
        text.push('\n');
    }
    text
}

fn compile(
    handles: &Handles,
    name: &'static str,
    entry: &str,
    text: &str,
    inputs: usize,
    outputs: usize,
    id: u64,
) -> Result<Pipeline> {
    let device = &handles.device;
    let failed =
        |reason: String| Error::Kernel { op: name.to_string(), device: handles.name.clone(), reason };
    let module = specialise::parse(text, entry).map_err(failed)?;
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let source = wgpu::ShaderSource::Naga(Cow::Owned(module));
    let descriptor = wgpu::ShaderModuleDescriptor { label: Some(name), source };
    // SAFETY: the disabled checks guard against infinite loops and division by zero. Every loop in shaders/ is
    // bounded by a scalar or a constant, and every divisor is an extent, which is never zero. Indices into buffers
    // stay checked: by the text, or by the driver if `robust`. Other indices are bounded by constants.
    let module = unsafe {
        let checks = wgpu::ShaderRuntimeChecks {
            bounds_checks: !handles.robust,
            ..wgpu::ShaderRuntimeChecks::unchecked()
        };
        device.create_shader_module_trusted(descriptor, checks)
    };
    let entries: Vec<wgpu::BindGroupLayoutEntry> =
        (0..inputs + outputs).map(|binding| storage_entry(binding as u32, binding < inputs, false)).collect();
    let operands = device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(name), entries: &entries });
    let scalars = scalars_layout(device);
    let layouts: &[Option<&wgpu::BindGroupLayout>] =
        if handles.immediates { &[Some(&operands)] } else { &[Some(&operands), Some(&scalars)] };
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(name),
        bind_group_layouts: layouts,
        immediate_size: if handles.immediates { PARAMS_BYTES as u32 } else { 0 },
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(name),
        layout: Some(&layout),
        module: &module,
        entry_point: Some(entry),
        // Every kernel writes its workgroup memory before it reads it.
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    });
    if let Some(error) = pollster::block_on(scope.pop()) {
        return Err(failed(error.to_string()));
    }
    Ok(Pipeline { pipeline, operands, id })
}

fn storage_entry(binding: u32, read_only: bool, dynamic: bool) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only },
            has_dynamic_offset: dynamic,
            min_binding_size: None,
        },
        count: None,
    }
}

/// The SPIR-V that a Vulkan driver gets for a kernel: wgpu's translation of the WGSL for this entry point, with
/// scalars as immediates.
pub(super) fn spirv(text: Text, types: &[DType]) -> std::result::Result<Vec<u32>, String> {
    use wgpu::naga::back::spv;
    use wgpu::naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
    use wgpu::naga::valid::{Capabilities, ValidationFlags, Validator};
    let Text { pieces, entry, fragment, constants } = text;
    let text = whole(pieces, &constants, types, fragment, true);
    let module = specialise::parse(&text, entry)?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::all())
        .validate(&module)
        .map_err(|e| e.emit_to_string(&text))?;
    let unchecked = BoundsCheckPolicy::Unchecked;
    // The same options that `compile` requests from wgpu if the driver keeps kernels inside their buffers.
    let options = spv::Options {
        lang_version: (1, 6),
        flags: spv::WriterFlags::empty(),
        bounds_check_policies: BoundsCheckPolicies {
            index: unchecked,
            buffer: unchecked,
            image_load: unchecked,
            binding_array: unchecked,
        },
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: false,
        emit_int_div_checks: false,
        ..spv::Options::default()
    };
    let entry = spv::PipelineOptions {
        entry_point: entry.to_string(),
        shader_stage: wgpu::naga::ShaderStage::Compute,
    };
    spv::write_vec(&module, &info, &options, Some(&entry)).map_err(|e| e.to_string())
}

/// Translates a kernel's form for cooperative matrices of this extent. Needs no adapter.
#[cfg(test)]
pub(crate) fn translate_cooperative<P>(
    kernel: &'static Kernel<P>,
    params: &P,
    fragment: u32,
) -> std::result::Result<Vec<u32>, String> {
    let shader = &kernel.cooperative.as_ref().expect("a kernel that has such a form").shader;
    spirv(Form { shader, fragment: Some(fragment) }.text(params), &[DType::F16; 4])
}

/// The layout of the scalars' buffer, for adapters without immediates. A dynamic offset selects the scalars of a
/// dispatch.
pub(super) fn scalars_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("scalars"),
        entries: &[storage_entry(0, true, true)],
    })
}
