//! `gather`: elements at given indices along an axis; and `one_hot`, rows of one 1 at given indices.
//!
//! The gradient adds every element of dy to its element of x. Each sum runs in the order of the indices, so it has the
//! same bits every time; a scatter with atomic additions would not.

use super::{INDEX, WORKGROUP, check_axis, check_float, no_constants};
use crate::autograd::record;
use crate::device::DType;
use crate::device::cpu::parallel_rows;
use crate::device::kernel::{Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::reference;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// x is `[outer, extent, inner]`, y is `[outer, indices, inner]`.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    outer: u32,
    extent: u32,
    inner: u32,
    indices: u32,
}

static FORWARD: Kernel<Params> = Kernel {
    name: "gather.forward",
    gpu: Shader {
        source: &[INDEX, include_str!("../../shaders/gather.wgsl")],
        entry: "forward",
        constants: no_constants,
        groups: |p| (p.outer as u64 * p.indices as u64 * p.inner as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |_| 0,
    reference: reference!(forward),
    fast: None,
};
static GRADIENT: Kernel<Params> = Kernel {
    name: "gather.gradient",
    gpu: Shader {
        entry: "gradient",
        groups: |p| (p.outer as u64 * p.extent as u64 * p.inner as u64).div_ceil(WORKGROUP),
        ..FORWARD.gpu
    },
    flops: |p| p.outer as u64 * p.indices as u64 * p.inner as u64,
    reference: reference!(gradient),
    ..FORWARD
};
static ONE_HOT: Kernel<Params> = Kernel {
    name: "gather.one_hot",
    gpu: Shader { entry: "one_hot", ..FORWARD.gpu },
    reference: reference!(one_hot),
    ..FORWARD
};

/// `y[o, j, i] = x[o, index[j], i]`, and NaN for an index beyond the extent.
fn forward<T: Real>(p: &Params, mut args: KernelArgs<T>) {
    let (x, index) = (args.inputs[0].real(), args.inputs[1].index());
    let y = args.outputs.remove(0).real();
    let (extent, inner) = (p.extent as usize, p.inner as usize);
    parallel_rows(y, inner, inner, |first, rows| {
        for (row, y) in (first..).zip(rows.chunks_exact_mut(inner)) {
            let at = index[row % index.len()] as usize;
            match at < extent {
                true => y.copy_from_slice(&x[(row / index.len() * extent + at) * inner..][..inner]),
                false => y.fill(T::of(f64::NAN)),
            }
        }
    });
}

/// `dx[o, r, i] = Σ dy[o, j, i]` over the j with `index[j] = r`.
fn gradient<T: Real>(p: &Params, mut args: KernelArgs<T>) {
    let (dy, index) = (args.inputs[0].real(), args.inputs[1].index());
    let dx = args.outputs.remove(0).real();
    let (extent, inner) = (p.extent as usize, p.inner as usize);
    parallel_rows(dx, extent * inner, index.len() * inner, |first, blocks| {
        blocks.fill(T::ZERO);
        for (o, dx) in (first..).zip(blocks.chunks_exact_mut(extent * inner)) {
            for (j, &r) in index.iter().enumerate().filter(|(_, r)| **r < p.extent) {
                let from = &dy[(o * index.len() + j) * inner..][..inner];
                dx[r as usize * inner..].iter_mut().zip(from).for_each(|(dx, &dy)| *dx += dy);
            }
        }
    });
}

/// `y[j, c]` is 1 where `index[j] = c`, else 0.
fn one_hot<T: Real>(p: &Params, mut args: KernelArgs<T>) {
    let index = args.inputs[0].index();
    let y = args.outputs.remove(0).real();
    for (row, &at) in y.chunks_exact_mut(p.inner as usize).zip(index) {
        row.fill(T::ZERO);
        row.get_mut(at as usize).into_iter().for_each(|one| *one = T::ONE);
    }
}

impl Tensor {
    /// The elements at `indices` (u32, any shape) along `axis`, as NumPy's `take`: the axes of `indices` stand in the
    /// place of `axis`. An index beyond the extent gives NaN. Elements that are taken more than once get the sum of the
    /// gradients.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such axis, and for more than six axes in all; [`Error::DType`] for indices
    /// that are not u32, and for u32 elements; [`Error::Placement`] for two devices.
    pub fn gather(&self, axis: usize, indices: &Tensor) -> Result<Tensor> {
        const OP: &str = "gather";
        check_float(OP, self, self)?;
        check_axis(OP, self, axis)?;
        check_indices(OP, self, indices)?;
        let shape = self.shape();
        let result = [&shape[..axis], &indices.shape(), &shape[axis + 1..]].concat();
        let params = Params {
            outer: shape[..axis].iter().product::<usize>() as u32,
            extent: shape[axis] as u32,
            inner: shape[axis + 1..].iter().product::<usize>() as u32,
            indices: indices.shape().elements() as u32,
        };
        let (x, indices) = (self.packed(OP)?, indices.packed(OP)?);
        let output = Tensor::empty(OP, self.device(), self.dtype(), Shape::new(&result)?)?;
        self.device().run(&FORWARD, &params, &[x.operand(), indices.operand()], &[output.operand()])?;
        Ok(record(OP, output, &[self], move |context| {
            let dy = context.gradient().packed(OP)?;
            let dx = Tensor::empty(OP, dy.device(), dy.dtype(), shape)?;
            dy.device().run(&GRADIENT, &params, &[dy.operand(), indices.operand()], &[dx.operand()])?;
            context.accumulate(0, dx)
        }))
    }

    /// Rows of `classes` elements of the type `dtype`: 1 at the index that this tensor (u32, `[…]`) has in the place of
    /// the row, else 0. The result is `[…, classes]`. An index beyond the classes gives a row of zeros.
    ///
    /// # Errors
    /// [`Error::DType`] if this tensor is not u32, or `dtype` is; [`Error::Shape`] for no classes; [`Error::Argument`]
    /// for more than six axes in all.
    pub fn one_hot(&self, classes: usize, dtype: DType) -> Result<Tensor> {
        const OP: &str = "one_hot";
        check_indices(OP, self, self)?;
        if !dtype.is_float() {
            return Err(Error::DType {
                op: OP,
                found: dtype.name(),
                expected: "f16, f32 or f64".to_string(),
            });
        }
        let output =
            Tensor::empty(OP, self.device(), dtype, Shape::new(&[&*self.shape(), &[classes]].concat())?)?;
        let count = self.shape().elements() as u32;
        let params = Params { outer: 1, extent: 1, inner: classes as u32, indices: count };
        let indices = self.packed(OP)?;
        self.device().run(&ONE_HOT, &params, &[indices.operand()], &[output.operand()])?;
        Ok(output)
    }
}

fn check_indices(op: &'static str, x: &Tensor, indices: &Tensor) -> Result<()> {
    if indices.dtype() != DType::U32 {
        return Err(Error::DType {
            op,
            found: indices.dtype().name(),
            expected: "u32 for indices".to_string(),
        });
    }
    x.device().check_same(op, indices.device())
}
