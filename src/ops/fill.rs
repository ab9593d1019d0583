//! Tensors of one value.

use super::{INDEX, WORKGROUP, no_constants};
use crate::device::cpu::parallel_elements;
use crate::device::kernel::{Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::device::{DType, Device};
use crate::error::{Error, Result};
use crate::reference;
use crate::shape::Shape;
use crate::tensor::Tensor;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    value: f32,
}

static FORWARD: Kernel<Params> = Kernel {
    name: "fill.forward",
    gpu: Shader {
        source: &[INDEX, include_str!("../../shaders/fill.wgsl")],
        entry: "forward",
        constants: no_constants,
        groups: |p| (p.count as u64).div_ceil(4).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |_| 0,
    reference: reference!(forward),
    fast: None,
};

fn forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    parallel_elements(args.output(), 1, |_| T::of(p.value as f64));
}

impl Tensor {
    /// A tensor of floats that are all `value`.
    ///
    /// # Errors
    /// [`Error::DType`] for u32, and for a type that the device does not have.
    pub fn full(device: &Device, dtype: DType, shape: impl Into<Shape>, value: f32) -> Result<Tensor> {
        if dtype == DType::U32 {
            let expected = "f16, f32 or f64".to_string();
            return Err(Error::DType { op: "full", found: dtype.name(), expected });
        }
        let output = Tensor::empty("full", device, dtype, shape.into())?;
        output.fill(value)?;
        Ok(output)
    }

    /// A tensor of zeros.
    ///
    /// # Errors
    /// Errors of [`full`](Tensor::full).
    pub fn zeros(device: &Device, dtype: DType, shape: impl Into<Shape>) -> Result<Tensor> {
        Tensor::full(device, dtype, shape, 0.0)
    }

    /// A tensor of ones.
    ///
    /// # Errors
    /// Errors of [`full`](Tensor::full).
    pub fn ones(device: &Device, dtype: DType, shape: impl Into<Shape>) -> Result<Tensor> {
        Tensor::full(device, dtype, shape, 1.0)
    }

    /// Sets all elements of this tensor, which must be packed.
    pub(crate) fn fill(&self, value: f32) -> Result<()> {
        let params = Params { count: self.shape().elements() as u32, value };
        self.device().run(&FORWARD, &params, &[], &[self.operand()])
    }
}
