//! Copies between layouts.

use super::{INDEX, MergedAxes, WORKGROUP};
use crate::device::cpu::copy::{self, Side};
use crate::device::kernel::{In, Kernel, KernelArgs, Out, Shader};
use crate::device::real::Real;
use crate::error::Result;
use crate::reference;
use crate::shape::place;
use crate::tensor::Tensor;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rank: u32,
    offset_x: u32,
    offset_y: u32,
    extents: [u32; 6],
    strides_x: [u32; 6],
    strides_y: [u32; 6],
}

static ASSIGN: Kernel<Params> = Kernel {
    name: "copy.assign",
    gpu: Shader {
        source: &[INDEX, include_str!("../../shaders/copy.wgsl")],
        entry: "assign",
        constants: |p| vec![("RANK", p.rank)],
        groups: |p| (p.count as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |_| 0,
    reference: reference!(assign),
    fast: Some(assign_fast),
};
static ACCUMULATE: Kernel<Params> = Kernel {
    name: "copy.accumulate",
    gpu: Shader { entry: "accumulate", ..ASSIGN.gpu },
    flops: |p| p.count as u64,
    reference: reference!(accumulate),
    fast: Some(accumulate_fast),
    ..ASSIGN
};

/// y = x, at every index.
fn assign<T: Real>(p: &Params, args: KernelArgs<T>) {
    let output = args.outputs.into_iter().next().expect("one output");
    match (args.inputs[0], output) {
        (In::Real(x), Out::Real(y)) => p.each(x, y, |y, x| *y = x),
        (In::Index(x), Out::Index(y)) => p.each(x, y, |y, x| *y = x),
        _ => unreachable!("a copy keeps the element type"),
    }
}

/// y = y + x, at every index.
fn accumulate<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    p.each(x, y, |y, x| *y += x);
}

fn assign_fast(p: &Params, args: KernelArgs<f32>) {
    let output = args.outputs.into_iter().next().expect("one output");
    match (args.inputs[0], output) {
        (In::Real(x), Out::Real(y)) => p.each_fast(x, y, |y, x| *y = x),
        (In::Index(x), Out::Index(y)) => p.each_fast(x, y, |y, x| *y = x),
        _ => unreachable!("a copy keeps the element type"),
    }
}

fn accumulate_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x], [y]) = args.reals();
    p.each_fast(x, y, |y, x| *y += x);
}

impl Params {
    fn each<E: Copy>(&self, x: &[E], y: &mut [E], put: impl Fn(&mut E, E)) {
        let rank = self.rank as usize;
        let at = |i, strides: &[u32; 6], offset| place(i, &self.extents[..rank], &strides[..rank], offset);
        for i in 0..self.count as usize {
            put(&mut y[at(i, &self.strides_y, self.offset_y)], x[at(i, &self.strides_x, self.offset_x)]);
        }
    }

    fn each_fast<E: Copy + Send + Sync>(&self, x: &[E], y: &mut [E], put: impl Fn(&mut E, E) + Sync) {
        let rank = self.rank as usize;
        let from = Side { strides: &self.strides_x[..rank], offset: self.offset_x };
        let to = Side { strides: &self.strides_y[..rank], offset: self.offset_y };
        copy::each(&self.extents[..rank], (x, from), (y, to), put);
    }
}

impl Tensor {
    /// The same elements, row-major from an aligned start: this tensor itself if it is so, else a copy. Without a
    /// graph.
    pub(crate) fn packed(&self, op: &'static str) -> Result<Tensor> {
        if self.is_packed() {
            return Ok(self.detach());
        }
        let output = Tensor::empty(op, self.device(), self.dtype(), self.shape())?;
        self.copy_into(&output)?;
        Ok(output)
    }

    /// Writes these elements to the memory of `to`, a view of the same shape.
    pub(crate) fn copy_into(&self, to: &Tensor) -> Result<()> {
        self.move_into(to, &ASSIGN)
    }

    /// Adds these elements to the memory of `to`, a view of the same shape.
    pub(crate) fn add_into(&self, to: &Tensor) -> Result<()> {
        self.move_into(to, &ACCUMULATE)
    }

    fn move_into(&self, to: &Tensor, kernel: &'static Kernel<Params>) -> Result<()> {
        debug_assert_eq!(self.shape(), to.shape());
        let axes = MergedAxes::new(&[*self.layout(), *to.layout()]);
        let ((x, offset_x), (y, offset_y)) = (self.strided_operand(), to.strided_operand());
        let params = Params {
            count: self.shape().elements() as u32,
            rank: axes.rank,
            offset_x: offset_x as u32,
            offset_y: offset_y as u32,
            extents: axes.extents,
            strides_x: axes.strides[0],
            strides_y: axes.strides[1],
        };
        self.device().run(kernel, &params, &[x], &[y])
    }
}
