//! `pad`: elements around a tensor, constant or reflected.

use super::{INDEX, WORKGROUP, check_float, no_constants};
use crate::autograd::record;
use crate::device::cpu::parallel_elements;
use crate::device::kernel::{Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::reference;
use crate::shape::{MAX_RANK, Shape};
use crate::tensor::Tensor;

/// The values around a tensor.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum PadMode {
    /// This number.
    Constant(f32),
    /// The elements next to the edge in reverse order, without the edge itself: `c b | a b c | b a`.
    Reflect,
}

/// The row-major output and the strided input. In the gradient `inner` is dx and `strides` are those of dy.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rank: u32,
    reflect: u32,
    value: f32,
    offset: u32,
    before: [u32; MAX_RANK],
    inner: [u32; MAX_RANK],
    outer: [u32; MAX_RANK],
    strides: [u32; MAX_RANK],
}

static FORWARD: Kernel<Params> = Kernel {
    name: "pad.forward",
    gpu: Shader {
        source: &[INDEX, include_str!("../../shaders/pad.wgsl")],
        entry: "forward",
        constants: no_constants,
        groups: |p| (p.count as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |_| 0,
    reference: reference!(forward),
    fast: None,
};
static REFLECT_GRADIENT: Kernel<Params> = Kernel {
    name: "pad.reflect_gradient",
    gpu: Shader { entry: "reflect_gradient", ..FORWARD.gpu },
    flops: |p| p.count as u64,
    reference: reference!(reflect_gradient),
    ..FORWARD
};

impl Params {
    /// The position in the input of element `i` of the padded tensor; `None` outside.
    fn source(&self, i: usize) -> Option<usize> {
        let (mut left, mut at) = (i, self.offset as usize);
        for axis in (0..self.rank as usize).rev() {
            let (outer, inner) = (self.outer[axis] as usize, self.inner[axis] as i64);
            let place = (left % outer) as i64 - i64::from(self.before[axis]);
            left /= outer;
            let place = match self.reflect {
                1 if place < 0 => -place,
                1 if place >= inner => 2 * (inner - 1) - place,
                _ => place,
            };
            if !(0..inner).contains(&place) {
                return None;
            }
            at += place as usize * self.strides[axis] as usize;
        }
        Some(at)
    }

    /// The places along an axis of the padded tensor that hold element `i` of this axis: its own, that before the first
    /// element, and that after the last.
    fn images(&self, axis: usize, i: i64) -> impl Iterator<Item = i64> + Clone {
        let (before, last) = (i64::from(self.before[axis]), i64::from(self.inner[axis]) - 1);
        let outer = i64::from(self.outer[axis]);
        let reflected = [-i, 2 * last - i].map(|place| place + before);
        let reflected = reflected.into_iter().filter(move |place| {
            // An edge is its own reflection.
            (0..outer).contains(place) && *place != i + before
        });
        std::iter::once(i + before).chain(reflected)
    }
}

/// y = x inside, and the constant or the reflected x around it.
fn forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    parallel_elements(y, 16, |i| p.source(i).map_or(T::of(p.value.into()), |at| x[at]));
}

/// dx = Σ dy over the element and its reflections.
fn reflect_gradient<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([dy], [dx]) = args.reals();
    parallel_elements(dx, 64, |i| {
        let (mut left, mut places) = (i, vec![p.offset as i64]);
        for axis in (0..p.rank as usize).rev() {
            let (extent, stride) = (p.inner[axis] as usize, i64::from(p.strides[axis]));
            let along = p.images(axis, (left % extent) as i64).map(|place| place * stride);
            places = along.flat_map(|step| places.iter().map(move |place| place + step)).collect();
            left /= extent;
        }
        places.into_iter().map(|place| dy[place as usize]).sum()
    });
}

impl Tensor {
    /// This tensor with `pads[axis]` = [before, after] elements more along each axis.
    ///
    /// # Errors
    /// [`Error::Argument`] for another number of pads than axes, and for reflected pads that are as large as the extent
    /// or larger; [`Error::TooManyElements`]; [`Error::DType`] for u32.
    pub fn pad(&self, pads: &[[usize; 2]], mode: PadMode) -> Result<Tensor> {
        const OP: &str = "pad";
        check_float(OP, self, self)?;
        let shape = self.shape();
        if pads.len() != shape.rank() {
            let expected = format!("one pair for each of the {} axes", shape.rank());
            return Err(Error::argument(OP, "pads", format!("{pads:?}"), expected));
        }
        let mut result = shape;
        for (axis, &[before, after]) in pads.iter().enumerate() {
            if mode == PadMode::Reflect && before.max(after) >= shape[axis] {
                let expected = format!("below the extent {} of axis {axis} to be reflected", shape[axis]);
                return Err(Error::argument(OP, "pads", format!("{pads:?}"), expected));
            }
            result = result.with(axis, shape[axis].saturating_add(before).saturating_add(after));
        }
        let output = Tensor::empty(OP, self.device(), self.dtype(), result)?;
        let (x, offset) = self.strided_operand();
        let params = params_of(shape, result, pads, mode, (self.layout().strides, offset), result.elements());
        self.device().run(&FORWARD, &params, &[x], &[output.operand()])?;
        let pads = pads.to_vec();
        Ok(record(OP, output, &[self], move |context| {
            let dy = context.gradient();
            if mode != PadMode::Reflect {
                let inside = pads
                    .iter()
                    .enumerate()
                    .try_fold(dy, |dy, (axis, &[before, _])| dy.slice(axis, before..before + shape[axis]))?;
                return context.accumulate(0, inside);
            }
            let dx = Tensor::empty(OP, dy.device(), dy.dtype(), shape)?;
            let (operand, offset) = dy.strided_operand();
            let params =
                params_of(shape, result, &pads, mode, (dy.layout().strides, offset), shape.elements());
            dy.device().run(&REFLECT_GRADIENT, &params, &[operand], &[dx.operand()])?;
            context.accumulate(0, dx)
        }))
    }
}

/// The scalars, for an operand of these strides and offset and an output of `count` elements.
fn params_of(
    inner: Shape,
    outer: Shape,
    pads: &[[usize; 2]],
    mode: PadMode,
    (strides, offset): ([usize; MAX_RANK], usize),
    count: usize,
) -> Params {
    let all = |value: &dyn Fn(usize) -> usize| -> [u32; MAX_RANK] {
        std::array::from_fn(|axis| if axis < inner.rank() { value(axis) as u32 } else { 1 })
    };
    Params {
        count: count as u32,
        rank: inner.rank() as u32,
        reflect: (mode == PadMode::Reflect) as u32,
        value: if let PadMode::Constant(value) = mode { value } else { 0.0 },
        offset: offset as u32,
        before: all(&|axis| pads[axis][0]),
        inner: all(&|axis| inner[axis]),
        outer: all(&|axis| outer[axis]),
        strides: all(&|axis| strides[axis]),
    }
}
