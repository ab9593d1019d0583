//! Moving elements between layouts.

use super::{INDEX, MergedAxes, WORKGROUP};
use crate::device::kernel::{In, Kernel, KernelArgs, Out, Shader};
use crate::device::real::Real;
use crate::error::Result;
use crate::reference;
use crate::shape::Layout;
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
};
static ACCUMULATE: Kernel<Params> = Kernel {
    name: "copy.accumulate",
    gpu: Shader { entry: "accumulate", ..ASSIGN.gpu },
    flops: |p| p.count as u64,
    reference: reference!(accumulate),
    ..ASSIGN
};

fn assign<T: Real>(p: &Params, args: KernelArgs<T>) {
    let output = args.outputs.into_iter().next().expect("one output");
    match (args.inputs[0], output) {
        (In::Real(x), Out::Real(y)) => each(p, x, y, |y, x| *y = x),
        (In::Index(x), Out::Index(y)) => each(p, x, y, |y, x| *y = x),
        _ => unreachable!("a copy keeps the element type"),
    }
}

fn accumulate<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    each(p, x, y, |y, x| *y += x);
}

/// Walks both sides. The elements of `y` that are written need not be neighbours, so this is a plain loop, and
/// only the case in which they are goes through [`parallel_rows`](crate::device::cpu::parallel_rows).
fn each<E: Copy + Send + Sync>(p: &Params, x: &[E], y: &mut [E], put: impl Fn(&mut E, E) + Sync) {
    let inner = (p.rank as usize).saturating_sub(1);
    let length = if p.rank == 0 { 1 } else { p.extents[inner] as usize };
    let (x_step, y_step) = (p.strides_x[inner] as usize, p.strides_y[inner] as usize);
    let dense =
        Layout::row_major(crate::shape::Shape::truncated(&p.extents.map(|e| e as usize)[..p.rank as usize]));
    let rows = p.count as usize / length;
    let start = |row: usize, strides: &[u32; 6], offset: u32| {
        let mut left = row;
        let mut at = offset as usize;
        for axis in (0..inner).rev() {
            at += left % p.extents[axis] as usize * strides[axis] as usize;
            left /= p.extents[axis] as usize;
        }
        at
    };
    let packed = (0..p.rank as usize).all(|a| p.strides_y[a] as usize == dense.strides[a]);
    if packed {
        let y = &mut y[p.offset_y as usize..][..p.count as usize];
        let copy_row = |row: &mut [E], first: usize| {
            if x_step == 1 {
                row.iter_mut().zip(&x[first..]).for_each(|(y, &x)| put(y, x));
            } else {
                row.iter_mut().enumerate().for_each(|(i, y)| put(y, x[first + i * x_step]));
            }
        };
        if rows == 1 {
            crate::device::cpu::parallel_rows(y, 1, 1, |first, run| {
                copy_row(run, p.offset_x as usize + first * x_step);
            });
        } else {
            crate::device::cpu::parallel_rows(y, length, length, |first, run| {
                for (i, row) in run.chunks_exact_mut(length).enumerate() {
                    copy_row(row, start(first + i, &p.strides_x, p.offset_x));
                }
            });
        }
        return;
    }
    for row in 0..rows {
        let (at_x, at_y) = (start(row, &p.strides_x, p.offset_x), start(row, &p.strides_y, p.offset_y));
        for i in 0..length {
            put(&mut y[at_y + i * y_step], x[at_x + i * x_step]);
        }
    }
}

impl Tensor {
    /// The same elements, row-major from an aligned start: this tensor itself where they lie so, else a copy.
    /// Without a graph.
    pub(crate) fn packed(&self, op: &'static str) -> Result<Tensor> {
        if self.is_packed() {
            return Ok(self.detach());
        }
        let output = Tensor::empty(op, self.device(), self.dtype(), self.shape())?;
        self.copy_into(&output)?;
        Ok(output)
    }

    /// Writes these elements into the memory of `to`, a view of the same shape.
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
