//! `softmax`: y = eˣ / Σ eˣ along an axis, and its logarithm. The largest x is subtracted first, so that nothing
//! overflows.

use super::{INDEX, MATH, ROW, check_axis, check_float};
use crate::autograd::{record, wanted};
use crate::device::cpu::{parallel_rows, softmax};
use crate::device::kernel::{Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::error::Result;
use crate::reference;
use crate::tensor::Tensor;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    rows: u32,
    extent: u32,
    logarithm: u32,
}

/// `shaders/lib/softmax.wgsl`: the largest element of a row and its sum.
pub(super) const OF_ROW: &str = include_str!("../../shaders/lib/softmax.wgsl");
const TEXT: &str = include_str!("../../shaders/softmax.wgsl");

const GPU: Shader<Params> = Shader {
    source: &[INDEX, MATH, ROW, OF_ROW, TEXT],
    entry: "forward",
    constants: |p| vec![("LOGARITHM", p.logarithm)],
    groups: |p| p.rows as u64,
};

static FORWARD: Kernel<Params> = Kernel {
    name: "softmax.forward",
    gpu: GPU,
    cooperative: None,
    flops: |p| 5 * p.rows as u64 * p.extent as u64,
    reference: reference!(forward),
    fast: Some(forward_fast),
};
static GRADIENT: Kernel<Params> = Kernel {
    name: "softmax.gradient",
    gpu: Shader { entry: "gradient", ..GPU },
    cooperative: None,
    flops: |p| 4 * p.rows as u64 * p.extent as u64,
    reference: reference!(gradient),
    fast: Some(gradient_fast),
};

/// The largest element of a row, and Σ exp(x − largest).
pub(super) fn largest_and_sum<T: Real>(x: &[T]) -> (T, T) {
    let largest = x.iter().copied().fold(T::NEG_INFINITY, T::max);
    (largest, x.iter().map(|&x| (x - largest).exp()).sum())
}

/// y = exp(x − largest) / Σ exp(x − largest) of each row, or its logarithm.
fn forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    let extent = p.extent as usize;
    parallel_rows(y, extent, 20 * extent, |first, rows| {
        for (y, x) in rows.chunks_exact_mut(extent).zip(x[first * extent..].chunks_exact(extent)) {
            let (largest, sum) = largest_and_sum(x);
            for (y, &x) in y.iter_mut().zip(x) {
                *y = if p.logarithm == 1 { x - largest - sum.ln() } else { (x - largest).exp() / sum };
            }
        }
    });
}

/// dx = y·(dy − Σ dy·y) of each row, or dx = dy − eʸ·Σ dy for the logarithm.
fn gradient<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([dy, y], [dx]) = args.reals();
    let extent = p.extent as usize;
    parallel_rows(dx, extent, 20 * extent, |first, rows| {
        let (dy, y) = (dy[first * extent..].chunks_exact(extent), y[first * extent..].chunks_exact(extent));
        for ((dx, dy), y) in rows.chunks_exact_mut(extent).zip(dy).zip(y) {
            let logarithm = p.logarithm == 1;
            let sum: T = dy.iter().zip(y).map(|(&dy, &y)| if logarithm { dy } else { dy * y }).sum();
            for ((dx, &dy), &y) in dx.iter_mut().zip(dy).zip(y) {
                *dx = if logarithm { dy - y.exp() * sum } else { y * (dy - sum) };
            }
        }
    });
}

fn forward_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x], [y]) = args.reals();
    softmax::forward(p.extent as usize, p.logarithm == 1, x, y);
}

fn gradient_fast(p: &Params, args: KernelArgs<f32>) {
    let ([dy, y], [dx]) = args.reals();
    softmax::gradient(p.extent as usize, p.logarithm == 1, [dy, y], dx);
}

impl Tensor {
    /// eˣ / Σ eˣ along `axis`. The gradient reads only the result.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for an axis that does not exist; [`Error::DType`](crate::Error::DType)
    /// for u32.
    pub fn softmax(&self, axis: usize) -> Result<Tensor> {
        self.normalized("softmax", false, axis)
    }

    /// ln(eˣ / Σ eˣ) along `axis`, more precise than the logarithm of a softmax. The gradient reads only the result.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for an axis that does not exist; [`Error::DType`](crate::Error::DType)
    /// for u32.
    pub fn log_softmax(&self, axis: usize) -> Result<Tensor> {
        self.normalized("log_softmax", true, axis)
    }

    fn normalized(&self, op: &'static str, logarithm: bool, axis: usize) -> Result<Tensor> {
        check_float(op, self, self)?;
        check_axis(op, self, axis)?;
        let shape = self.shape();
        let last = shape.rank() - 1;
        if axis != last {
            // Rows are along the last axis. Exchanging two axes twice restores the order.
            let mut axes: Vec<usize> = (0..=last).collect();
            axes.swap(axis, last);
            return self.permute(&axes)?.normalized(op, logarithm, last)?.permute(&axes);
        }
        let extent = shape[last];
        let params = Params {
            rows: (shape.elements() / extent) as u32,
            extent: extent as u32,
            logarithm: logarithm as u32,
        };
        let x = self.packed(op)?;
        let output = Tensor::empty(op, self.device(), self.dtype(), shape)?;
        self.device().run(&FORWARD, &params, &[x.operand()], &[output.operand()])?;
        if !wanted(&[self]) {
            return Ok(output);
        }
        let y = output.detach();
        Ok(record(op, output, &[self], move |context| {
            let dy = context.gradient().packed(op)?;
            let dx = Tensor::empty(op, y.device(), y.dtype(), shape)?;
            y.device().run(&GRADIENT, &params, &[dy.operand(), y.operand()], &[dx.operand()])?;
            context.accumulate(0, dx)
        }))
    }
}
