//! The GPU behind [`Device`](super::Device). This is the only folder that names wgpu.
//!
//! `adapter` chooses and opens an adapter; `handles` holds the handles that the other files need; `matrices` lists
//! cooperative matrices; `pipeline` compiles kernels; `recorder` submits dispatches; `timestamps` times them; `tune`
//! stores the fastest variants of kernels; `translate` translates kernels to SPIR-V without an adapter.

mod adapter;
mod handles;
mod matrices;
mod pipeline;
mod recorder;
mod specialise;
mod timestamps;
mod translate;
mod tune;

pub use adapter::{AdapterDescription, GpuOptions, adapters};
pub use matrices::CooperativeMatrix;

#[cfg(test)]
pub(crate) use pipeline::translate_cooperative;
pub use translate::Translation;
pub(crate) use translate::Translator;
pub use tune::TunedVariants;

use super::Operand;
use super::kernel::Kernel;
use super::pool::Pool;
use super::profile::Dispatch;
use super::variant::Family;
use crate::cache;
use crate::error::{Error, Result};
use handles::Handles;
pub(crate) use handles::Slot;
use pipeline::{Form, PARAMS_BYTES, Pipelines};
use recorder::Recorder;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// An open adapter.
pub(crate) struct Gpu {
    pub(crate) name: String,
    /// Whether the adapter is a driver that computes on the CPU (lavapipe). It uses the host's memory.
    pub(crate) software: bool,
    /// Whether kernels can load and store 16-bit floats.
    pub(crate) f16: bool,
    /// The extent of the cooperative matrices that kernels use, with f16 factors and f32 sums.
    pub(crate) fragment: Option<u32>,
    /// The cooperative matrices that the adapter lists.
    matrices: Vec<CooperativeMatrix>,
    pub(crate) largest_binding: u64,
    /// Bytes of workgroup memory.
    pub(crate) workgroup_memory: u32,
    pub(crate) pool: Pool<Slot>,
    /// The error of a file of tuned variants that can't be used.
    pub(crate) warning: Option<Error>,
    tuned: RwLock<TunedVariants>,
    subject: tune::Subject,
    handles: Handles,
    pipelines: Pipelines,
    recorder: Recorder,
}

/// Host and GPU exchange whole words of this many bytes.
const COPIED: u64 = wgpu::COPY_BUFFER_ALIGNMENT;

impl Gpu {
    pub(crate) fn allocate(&self, bytes: u64) -> Result<Slot> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        self.handles.check()?;
        let scope = self.handles.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = self.handles.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("tensor"),
            size: bytes,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        if pollster::block_on(scope.pop()).is_some() {
            return Err(Error::OutOfMemory { device: self.name.clone(), bytes, live: 0 });
        }
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Slot { buffer, id, last_batch: Arc::default() })
    }

    /// Frees the buffers of the pool. Returns their bytes.
    pub(crate) fn trim(&self) -> u64 {
        self.recorder.forget_bind_groups();
        self.pool.trim()
    }

    /// Whether the GPU's clock can time dispatches.
    pub(crate) fn has_timestamps(&self) -> bool {
        self.handles.timestamps
    }

    /// The dispatches that were timed since the last call. Waits for them.
    pub(crate) fn take_timed(&self) -> Result<Vec<Dispatch>> {
        self.recorder.take_timed(&self.handles)
    }

    /// Records a dispatch. With `timed`, the GPU times it.
    pub(crate) fn record<P: bytemuck::Pod>(
        &self,
        kernel: &'static Kernel<P>,
        params: &P,
        inputs: &[Operand],
        outputs: &[Operand],
        timed: Option<Dispatch>,
    ) -> Result<()> {
        assert!(size_of::<P>() as u64 <= PARAMS_BYTES, "{}: too many scalars", kernel.name);
        self.handles.check()?;
        let form = Form::new(kernel, self.fragment, params, inputs);
        let pipeline = self.pipelines.get(&self.handles, kernel.name, form.text(params), inputs, outputs)?;
        let groups = (form.shader.groups)(params);
        let params = bytemuck::bytes_of(params);
        self.recorder.record(&self.handles, kernel.name, &pipeline, params, inputs, outputs, groups, timed)
    }

    /// The kernel of a family that is chosen for a problem.
    pub(crate) fn choose<P>(&self, family: &'static Family<P>, params: &P) -> &'static Kernel<P> {
        let class = (family.class)(params);
        let choices = self.tuned.read().unwrap_or_else(PoisonError::into_inner);
        family.kernel(class, choices.get(family.name, class), self.workgroup_memory)
    }

    pub(crate) fn tuned_variants(&self) -> TunedVariants {
        self.tuned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_tuned_variants(&self, choices: TunedVariants) {
        *self.tuned.write().unwrap_or_else(PoisonError::into_inner) = choices;
    }

    /// The file of tuned variants that the next process reads.
    pub(crate) fn tuned_variants_file(&self) -> Result<PathBuf> {
        Ok(self.subject.file(&cache::folder_for("tuned variants")?))
    }

    /// Writes the tuned variants to their file. Returns its path.
    pub(crate) fn save_tuned_variants(&self) -> Result<PathBuf> {
        self.subject.write(&cache::folder_for("tuned variants")?, &self.tuned_variants())
    }

    /// Writes bytes into a buffer; `offset` is a multiple of [`COPIED`]. If the number of bytes is not, zeros fill
    /// the last word.
    pub(crate) fn write(&self, slot: &Slot, offset: u64, bytes: &[u8]) -> Result<()> {
        if (bytes.len() as u64).is_multiple_of(COPIED) {
            return self.recorder.write(&self.handles, slot, offset, bytes);
        }
        let mut whole = bytes.to_vec();
        whole.resize(bytes.len().next_multiple_of(COPIED as usize), 0);
        self.recorder.write(&self.handles, slot, offset, &whole)
    }

    pub(crate) fn read(&self, slot: &Slot, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let before = offset % COPIED;
        let whole = (before + bytes.len() as u64).next_multiple_of(COPIED);
        if whole == bytes.len() as u64 {
            return self.recorder.read(&self.handles, slot, offset, bytes);
        }
        let mut words = vec![0; whole as usize];
        self.recorder.read(&self.handles, slot, offset - before, &mut words)?;
        bytes.copy_from_slice(&words[before as usize..][..bytes.len()]);
        Ok(())
    }

    pub(crate) fn synchronize(&self) -> Result<()> {
        self.recorder.synchronize(&self.handles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Backend, DType, Device};
    use crate::tensor::Tensor;

    /// One shader computes whole sums and the pieces of long sums.
    #[test]
    fn kernels_that_share_a_shader_share_a_pipeline_and_keep_their_labels() {
        let device = Device::gpu(GpuOptions::default()).expect("these tests need an adapter");
        let Backend::Gpu(gpu) = &device.0.backend else { unreachable!("a GPU was opened") };
        let ones = |m, n| Tensor::ones(&device, DType::F32, [m, n]).unwrap();
        // The terms of both are a multiple of the slab.
        let (short, long) = ((ones(64, 304), ones(304, 64)), (ones(64, 1024), ones(1024, 64)));
        let before = gpu.pipelines.count();
        let product = |(a, b): &(Tensor, Tensor)| {
            let (result, profile) = device.profile(|| a.matmul(b)).unwrap();
            assert_eq!(result.to_vec::<f32>().unwrap(), vec![a.shape()[1] as f32; 64 * 64]);
            let labels = profile.dispatches.iter().map(|d| d.kernel).collect::<Vec<_>>();
            (gpu.pipelines.count() - before, labels)
        };
        let (compiled, labels) = product(&short);
        assert!(compiled == 1 && labels[0].starts_with("matmul.forward"), "{compiled} {labels:?}");
        // One more pipeline, which joins the pieces.
        let (compiled, labels) = product(&long);
        assert!(compiled == 2 && labels[0].starts_with("matmul.split"), "{compiled} {labels:?}");
        assert_eq!(labels[1..], ["matmul.join"]);
    }

    #[test]
    fn threads_that_want_one_kernel_compile_it_once() {
        let device = Device::gpu(GpuOptions::default()).expect("these tests need an adapter");
        let Backend::Gpu(gpu) = &device.0.backend else { unreachable!("a GPU was opened") };
        let x = Tensor::new(&device, &[-1.0f32, 2.0], [2]).unwrap();
        let before = gpu.pipelines.count();
        std::thread::scope(|scope| {
            for i in 0..8 {
                let x = &x;
                scope.spawn(move || {
                    let y = if i % 2 == 0 { x.relu() } else { x.sum(&[], false) }.unwrap();
                    let want: &[f32] = if i % 2 == 0 { &[0.0, 2.0] } else { &[1.0] };
                    assert_eq!(y.to_vec::<f32>().unwrap(), want);
                });
            }
        });
        assert_eq!(gpu.pipelines.count() - before, 2);
    }

    #[test]
    fn a_thousand_ops_are_one_submission() {
        for immediates in [true, false] {
            let device = Device::gpu(GpuOptions { immediates, ..GpuOptions::default() });
            let device = device.expect("these tests need an adapter");
            let Backend::Gpu(gpu) = &device.0.backend else { unreachable!("a GPU was opened") };
            let one = Tensor::ones(&device, DType::F32, [3]).unwrap();
            let before = gpu.recorder.batch();
            let sum = (0..1000).try_fold(one.clone(), |sum, _| sum.add(&one)).unwrap();
            assert_eq!(gpu.recorder.batch(), before);
            assert_eq!(sum.to_vec::<f32>().unwrap(), [1001.0; 3]);
            assert_eq!(gpu.recorder.batch(), before + 1);
        }
    }

    #[test]
    fn a_lost_device_is_an_error_and_stays_one() {
        let device = Device::gpu(GpuOptions::default()).expect("these tests need an adapter");
        let before = Tensor::new(&device, &[1.0f32, 2.0], [2]).unwrap();
        let Backend::Gpu(gpu) = &device.0.backend else { unreachable!("a GPU was opened") };
        gpu.handles.device.destroy();
        let lost = |result: Result<()>| matches!(result, Err(Error::DeviceLost { .. }));
        assert!(lost(before.to_vec::<f32>().map(drop)));
        assert!(lost(before.relu().map(drop)));
        assert!(lost(device.synchronize()));
    }
}
