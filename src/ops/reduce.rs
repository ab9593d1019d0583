//! Sums, means and maxima over any axes, and the index of the maximum.

use super::{INDEX, check_axis, check_float};
use crate::autograd::{record, wanted};
use crate::device::DType;
use crate::device::cpu::parallel_elements;
use crate::device::cpu::reduce::Reduction;
use crate::device::kernel::{Constants, Kernel, KernelArgs, Out, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::reference;
use crate::shape::Shape;
use crate::tensor::Tensor;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    outer: u32,
    extent: u32,
    inner: u32,
    splits: u32,
    piece: u32,
    maximum: u32,
    divisor: f32,
}

impl Params {
    fn results(&self) -> u64 {
        self.outer as u64 * self.splits as u64 * self.inner as u64
    }
}

const SOURCE: &[&str] = &[INDEX, include_str!("../../shaders/reduce.wgsl")];

fn constants(p: &Params) -> Constants {
    vec![("MAXIMUM", p.maximum), ("ROW_LANES", row_lanes(p))]
}

/// The invocations that reduce one row: a workgroup, or an eighth of it for short rows.
fn row_lanes(p: &Params) -> u32 {
    if p.piece > 256 { 256 } else { 32 }
}

/// For a contiguous axis.
static ROWS: Kernel<Params> = Kernel {
    name: "reduce.rows",
    gpu: Shader {
        source: SOURCE,
        entry: "rows",
        constants,
        groups: |p| p.results().div_ceil(256 / row_lanes(p) as u64),
    },
    cooperative: None,
    flops: |p| p.outer as u64 * p.extent as u64 * p.inner as u64,
    reference: reference!(reduce),
    fast: Some(reduce_fast),
};
/// For an axis whose neighbours belong to different results.
static COLUMNS: Kernel<Params> = Kernel {
    name: "reduce.columns",
    gpu: Shader {
        entry: "columns",
        groups: |p| p.outer as u64 * p.splits as u64 * (p.inner as u64).div_ceil(32),
        ..ROWS.gpu
    },
    ..ROWS
};
static ARGMAX: Kernel<Params> = Kernel {
    name: "reduce.argmax",
    gpu: Shader {
        source: SOURCE,
        entry: "argmax",
        constants: |_| vec![("MAXIMUM", 1), ("ROW_LANES", 256)],
        groups: |p| p.results().div_ceil(64),
    },
    reference: reference!(argmax),
    fast: None,
    ..ROWS
};

/// `y[row, piece, column] = Σ x[row, r, column] / divisor` over the r of the piece, or the maximum.
fn reduce<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    let (inner, splits, piece) = (p.inner as usize, p.splits as usize, p.piece as usize);
    parallel_elements(y, piece, |result| {
        let (row, split, column) = (result / inner / splits, result / inner % splits, result % inner);
        let extent = p.extent as usize;
        let terms = (split * piece..((split + 1) * piece).min(extent))
            .map(|r| x[(row * extent + r) * inner + column]);
        match p.maximum {
            1 => terms.fold(T::NEG_INFINITY, |a, b| if a > b || a.is_nan() { a } else { b }),
            _ => terms.sum::<T>() / T::of(p.divisor as f64),
        }
    });
}

fn reduce_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x], [y]) = args.reals();
    let reduction = Reduction {
        extent: p.extent as usize,
        inner: p.inner as usize,
        splits: p.splits as usize,
        piece: p.piece as usize,
    };
    match p.maximum {
        1 => reduction.max(x, y),
        _ => reduction.sum(p.divisor, x, y),
    }
}

/// The index of the first largest element of each row, or of the first NaN.
fn argmax<T: Real>(p: &Params, mut args: KernelArgs<T>) {
    let x = args.inputs[0].real();
    let Some(Out::Index(y)) = args.outputs.pop() else { unreachable!("argmax writes indices") };
    let (extent, inner) = (p.extent as usize, p.inner as usize);
    parallel_elements(y, extent, |result| {
        let base = result / inner * extent * inner + result % inner;
        let value = |r: usize| x[base + r * inner];
        let larger = |a: T, b: T| a > b || a.is_nan() && !b.is_nan();
        (1..extent).fold(0, |best, r| if larger(value(r), value(best)) { r } else { best }) as u32
    });
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Sum,
    Mean,
    Max,
}

impl Tensor {
    /// The sum over `axes`, or over all axes if `axes` is empty. With `keep` they stay as axes of extent 1.
    ///
    /// # Errors
    /// [`Error::Argument`] for an axis that does not exist or occurs twice; [`Error::DType`] for u32.
    pub fn sum(&self, axes: &[usize], keep: bool) -> Result<Tensor> {
        self.sum_or_mean("sum", How::Sum, axes, keep)
    }

    /// The mean over `axes`, or over all axes if `axes` is empty. With `keep` they stay as axes of extent 1.
    ///
    /// # Errors
    /// Errors of [`sum`](Tensor::sum).
    pub fn mean(&self, axes: &[usize], keep: bool) -> Result<Tensor> {
        self.sum_or_mean("mean", How::Mean, axes, keep)
    }

    /// The largest value over `axes`, or over all axes if `axes` is empty. With `keep` they stay as axes of extent 1.
    /// If several elements are largest, they share the gradient equally. The maximum is NaN if an element is.
    ///
    /// # Errors
    /// Errors of [`sum`](Tensor::sum).
    pub fn max(&self, axes: &[usize], keep: bool) -> Result<Tensor> {
        let (axes, kept, squeezed) = plan("max", self, axes)?;
        let output = over_axes("max", self, &axes, How::Max, self.dtype())?;
        let shape = if keep { kept } else { squeezed };
        let largest = output.reshape(kept)?;
        let result = output.reshape(shape)?;
        if !wanted(&[self]) {
            return Ok(result);
        }
        let x = self.detach();
        Ok(record("max", result, &[self], move |context| {
            let dy = context.gradient().reshape(kept)?;
            let hit = x.equal(&largest)?;
            // There may be as many hits as elements, more than f16 can count.
            let hits = over_axes("max", &hit, &axes, How::Sum, x.dtype().of_sums())?;
            let share = dy.cast(hits.dtype())?.div(&hits)?.cast(x.dtype())?;
            context.accumulate(0, hit.mul(&share)?)
        }))
    }

    /// The index of the largest value along `axis`; of several, the first, and the first NaN if there is one. The
    /// result is u32, has no gradient, and lacks the axis.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such axis; [`Error::DType`] for u32.
    pub fn argmax(&self, axis: usize) -> Result<Tensor> {
        check_float("argmax", self, self)?;
        check_axis("argmax", self, axis)?;
        let shape = self.shape();
        let x = self.packed("argmax")?;
        let mut left = shape.to_vec();
        left.remove(axis);
        let output = Tensor::empty("argmax", self.device(), DType::U32, Shape::truncated(&left))?;
        let params = params_of(&shape, axis, axis + 1, 1, How::Max, 1.0);
        self.device().run(&ARGMAX, &params, &[x.operand()], &[output.operand()])?;
        Ok(output)
    }

    fn sum_or_mean(&self, op: &'static str, how: How, axes: &[usize], keep: bool) -> Result<Tensor> {
        let (axes, kept, squeezed) = plan(op, self, axes)?;
        let shape = self.shape();
        let output = over_axes(op, self, &axes, how, self.dtype())?;
        let output = output.reshape(if keep { kept } else { squeezed })?;
        let (count, x_dtype) = (shape.elements() / kept.elements(), self.dtype());
        Ok(record(op, output, &[self], move |context| {
            let dy = context.gradient();
            let dy = match how {
                // The number of elements may exceed the range of f16.
                How::Mean => {
                    let dy = dy.cast(dy.dtype().of_sums())?;
                    dy.div(&Tensor::full(dy.device(), dy.dtype(), [], count as f32)?)?.cast(x_dtype)?
                }
                _ => dy,
            };
            context.accumulate(0, dy.reshape(kept)?.broadcast_to(shape)?)
        }))
    }
}

/// The axes in order (all of them if `axes` is empty), the shape with these as 1, and the shape without them.
pub(super) fn plan(op: &'static str, x: &Tensor, axes: &[usize]) -> Result<(Vec<usize>, Shape, Shape)> {
    check_float(op, x, x)?;
    let rank = x.shape().rank();
    let mut sorted = if axes.is_empty() { (0..rank).collect() } else { axes.to_vec() };
    sorted.sort_unstable();
    sorted.iter().try_for_each(|&axis| check_axis(op, x, axis))?;
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::argument(op, "axes", format!("{axes:?}"), "each axis once"));
    }
    let mut kept = x.shape();
    for &axis in &sorted {
        kept = kept.with(axis, 1);
    }
    let left: Vec<usize> = (0..rank).filter(|a| !sorted.contains(a)).map(|a| x.shape()[a]).collect();
    Ok((sorted, kept, Shape::truncated(&left)))
}

/// Reduces each run of neighbouring axes to extent 1, the innermost run first. The result is stored as `dtype`,
/// intermediate results in the type of [sums](DType::of_sums).
fn over_axes(op: &'static str, x: &Tensor, axes: &[usize], how: How, dtype: DType) -> Result<Tensor> {
    let mut x = x.packed(op)?;
    let count: usize = axes.iter().map(|&a| x.shape()[a]).product();
    let mut end = axes.len();
    while end > 0 {
        let mut begin = end - 1;
        while begin > 0 && axes[begin - 1] + 1 == axes[begin] {
            begin -= 1;
        }
        let divisor = if begin == 0 && how == How::Mean { count as f32 } else { 1.0 };
        let stored = if begin == 0 { dtype } else { dtype.of_sums() };
        x = over_run(op, &x, axes[begin], axes[end - 1] + 1, how, divisor, Target::New(stored))?;
        end = begin;
    }
    Ok(x)
}

fn params_of(shape: &Shape, begin: usize, end: usize, splits: usize, how: How, divisor: f32) -> Params {
    let extent: usize = shape[begin..end].iter().product();
    Params {
        outer: shape[..begin].iter().product::<usize>() as u32,
        extent: extent as u32,
        inner: shape[end..].iter().product::<usize>() as u32,
        splits: splits as u32,
        piece: extent.div_ceil(splits) as u32,
        maximum: (how == How::Max) as u32,
        divisor,
    }
}

/// The sum of the rows of a packed matrix, written to `slot` if there is one. This is the gradient of a bias.
pub(crate) fn sum_rows(op: &'static str, x: &Tensor, slot: Option<Tensor>) -> Result<Tensor> {
    let target = slot.map_or(Target::New(x.dtype()), Target::Slot);
    over_run(op, x, 0, 1, How::Sum, 1.0, target)?.reshape([x.shape()[1]])
}

/// The memory of a result: new memory of this type, or a slot.
enum Target {
    New(DType),
    Slot(Tensor),
}

/// Reduces the axes `begin..end` of a packed tensor to extent 1.
fn over_run(
    op: &'static str,
    x: &Tensor,
    begin: usize,
    end: usize,
    how: How,
    divisor: f32,
    target: Target,
) -> Result<Tensor> {
    /// For fewer results than this, splitting the reduction into two dispatches saves time.
    const ENOUGH_RESULTS: usize = 4096;
    /// The same limit for results that are neighbours, which take fewer invocations each.
    const ENOUGH_NEIGHBOURS: usize = 32_768;
    /// The fewest elements of a piece.
    const SHORTEST_PIECE: usize = 512;
    let shape = x.shape();
    let mut result = shape;
    for axis in begin..end {
        result = result.with(axis, 1);
    }
    let extent: usize = shape[begin..end].iter().product();
    let enough = if end == shape.rank() { ENOUGH_RESULTS } else { ENOUGH_NEIGHBOURS };
    let splits = (extent / SHORTEST_PIECE).min(enough / result.elements()).max(1);
    // No more pieces than that length needs, so that none is empty.
    let splits = extent.div_ceil(extent.div_ceil(splits));
    if splits == 1 {
        let output = match target {
            Target::Slot(slot) => slot,
            Target::New(dtype) => Tensor::empty(op, x.device(), dtype, result)?,
        };
        launch(x, &output, &params_of(&shape, begin, end, 1, how, divisor))?;
        return output.reshape(result);
    }
    let params = params_of(&shape, begin, end, splits, how, 1.0);
    let pieces = Shape::from([params.outer as usize, splits, params.inner as usize]);
    let partial = Tensor::empty(op, x.device(), x.dtype().of_sums(), pieces)?;
    launch(x, &partial, &params)?;
    over_run(op, &partial, 1, 2, how, divisor, target)?.reshape(result)
}

fn launch(x: &Tensor, output: &Tensor, params: &Params) -> Result<()> {
    let kernel = if params.inner == 1 { &ROWS } else { &COLUMNS };
    x.device().run(kernel, params, &[x.operand()], &[output.operand()])
}
