//! The kernels of element-wise functions, with their references and their loops on the CPU device.

use super::table::{
    Function, Reads, apply, derivative, gradient_run, gradient_run_in_place, map, map_in_place,
};
use crate::device::cpu::norm::Slope;
use crate::device::cpu::{Strided, elementwise, parallel_elements, parallel_rows};
use crate::device::kernel::{Constants, Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::ops::{FUNCTIONS, INDEX, MATH, WORKGROUP};
use crate::reference;
use crate::shape::place;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Params {
    pub(super) count: u32,
    pub(super) rank: u32,
    pub(super) function: u32,
    pub(super) offset_a: u32,
    pub(super) offset_b: u32,
    pub(super) extents: [u32; 6],
    pub(super) strides_a: [u32; 6],
    pub(super) strides_b: [u32; 6],
}

const SOURCE: &[&str] = &[INDEX, MATH, FUNCTIONS, include_str!("../../../shaders/unary.wgsl")];

fn constants(p: &Params) -> Constants {
    vec![("FUNCTION", p.function), ("RANK", p.rank)]
}

pub(super) static FORWARD: Kernel<Params> = Kernel {
    name: "unary.forward",
    gpu: Shader {
        source: SOURCE,
        entry: "forward",
        constants,
        groups: |p| (p.count.div_ceil(4) as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |p| p.count as u64,
    reference: reference!(forward),
    fast: Some(forward_fast),
};
pub(super) static FORWARD_STRIDED: Kernel<Params> = Kernel {
    name: "unary.forward_strided",
    gpu: Shader { entry: "forward_strided", groups: |p| (p.count as u64).div_ceil(WORKGROUP), ..FORWARD.gpu },
    ..FORWARD
};
pub(super) static GRADIENT: Kernel<Params> = Kernel {
    name: "unary.gradient",
    gpu: Shader { entry: "gradient", ..FORWARD.gpu },
    flops: |p| 2 * p.count as u64,
    reference: reference!(gradient),
    fast: Some(gradient_fast),
    ..FORWARD
};
pub(super) static GRADIENT_STRIDED: Kernel<Params> = Kernel {
    name: "unary.gradient_strided",
    gpu: Shader { entry: "gradient_strided", ..FORWARD_STRIDED.gpu },
    ..GRADIENT
};
pub(super) static GRADIENT_IN_PLACE: Kernel<Params> = Kernel {
    name: "unary.gradient_in_place",
    gpu: Shader { entry: "gradient_in_place", ..GRADIENT.gpu },
    reference: reference!(gradient_in_place),
    fast: Some(gradient_in_place_fast),
    ..GRADIENT
};

impl Params {
    /// The position of element `index` of the first operand.
    fn place_a(&self, index: usize) -> usize {
        let rank = self.rank as usize;
        place(index, &self.extents[..rank], &self.strides_a[..rank], self.offset_a)
    }

    fn place_b(&self, index: usize) -> usize {
        let rank = self.rank as usize;
        place(index, &self.extents[..rank], &self.strides_b[..rank], self.offset_b)
    }
}

/// y = f(x).
fn forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    parallel_elements(y, 8, |i| apply(Function::of(p.function), x[p.place_a(i)]));
}

/// dx = dy·f′(s).
fn gradient<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([dy, s], [dx]) = args.reals();
    let slope = |i: usize| derivative(Function::of(p.function), s[p.place_b(i)]);
    parallel_elements(dx, 8, |i| dy[p.place_a(i)] * slope(i));
}

/// dy = dy·f′(s).
fn gradient_in_place<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([s], [dy]) = args.reals();
    dy.iter_mut().zip(s).for_each(|(dy, &s)| *dy *= derivative(Function::of(p.function), s));
}

fn forward_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x], [y]) = args.reals();
    let function = Function::of(p.function);
    let axes = Strided { rank: p.rank, extents: &p.extents, strides: [&p.strides_a], offsets: [p.offset_a] };
    axes.for_each_run(y, 4, |run, [start], [step]| map(function, run, &x[start..], step));
}

fn gradient_fast(p: &Params, args: KernelArgs<f32>) {
    let ([dy, s], [dx]) = args.reals();
    let function = Function::of(p.function);
    let strides = [&p.strides_a, &p.strides_b];
    let axes = Strided { rank: p.rank, extents: &p.extents, strides, offsets: [p.offset_a, p.offset_b] };
    axes.for_each_run(dx, 4, |run, [a, b], [a_step, b_step]| {
        gradient_run(function, run, (&dy[a..], a_step), (&s[b..], b_step))
    });
}

fn gradient_in_place_fast(p: &Params, args: KernelArgs<f32>) {
    let ([s], [dy]) = args.reals();
    let function = Function::of(p.function);
    parallel_rows(dy, 1, 4, |first, run| gradient_run_in_place(function, run, &s[first..]));
}

/// Adds the bias to each row and applies the function. Fast paths of ops that end with these call it while the rows
/// are in cache.
pub(crate) fn finish(rows: &mut [f32], bias: Option<&[f32]>, function: Function) {
    if let Some(bias) = bias {
        elementwise::add_to_rows(rows, bias);
    }
    if function != Function::Linear {
        map_in_place(function, rows);
    }
}

/// Calls `body` with what multiplies gradients dy by f′(z), where z is the function's argument; with none for the
/// identity.
pub(in crate::ops) fn with_slope(function: Function, body: impl FnOnce(Option<Slope>)) {
    match (function, function.reads()) {
        (Function::Linear, _) => body(None),
        (Function::Relu, _) => body(Some(Slope::Window(0.0, f32::INFINITY))),
        (Function::Relu6, _) => body(Some(Slope::Window(0.0, 6.0))),
        (_, Reads::Input) => {
            body(Some(Slope::Function(&|dy, z| gradient_run_in_place(function, dy, z))));
        }
        (_, Reads::Output) => body(Some(Slope::Function(&|dy, z| {
            map_in_place(function, z);
            gradient_run_in_place(function, dy, z);
        }))),
    }
}
