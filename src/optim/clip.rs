//! Gradient clipping by global norm (Pascanu et al. 2013, [arXiv:1211.5063](https://arxiv.org/abs/1211.5063)): all
//! gradients together are one vector g, which is multiplied by min(1, limit/‖g‖). The device computes the factor, and
//! the optimiser's kernels apply it. Nothing is read back to the host, and clipping writes no gradients.

use crate::device::DType;
use crate::device::cpu::{on_every_core, reduce};
use crate::device::kernel::{Kernel, KernelArgs, Shader};
use crate::device::memory::{Category, allocating};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::ops::{INDEX, ROW, check_float};
use crate::reference;
use crate::shape::Shape;
use crate::tensor::Tensor;

const OP: &str = "clip";

/// Elements whose squares one sum adds. Short sums round less and occupy more of a GPU.
const PIECE: usize = 4096;

#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    first: u32,
    at: u32,
    limit: f32,
}

const TEXT: &str = include_str!("../../shaders/clip.wgsl");

const GPU: Shader<Params> = Shader {
    source: &[INDEX, ROW, TEXT],
    entry: "squares",
    constants: |_| vec![("PIECE", PIECE as u32)],
    groups: |p| (p.count as u64).div_ceil(PIECE as u64),
};

static SQUARES: Kernel<Params> = Kernel {
    name: "clip.squares",
    gpu: GPU,
    cooperative: None,
    flops: |p| 2 * p.count as u64,
    reference: reference!(squares),
    fast: Some(squares_fast),
};
static LOWER: Kernel<Params> = Kernel {
    name: "clip.lower",
    gpu: Shader { entry: "lower", groups: |_| 1, ..GPU },
    flops: |p| p.count as u64,
    reference: reference!(lower),
    fast: Some(lower_fast),
    ..SQUARES
};

/// s = Σ g² of each piece.
fn squares<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([g], [s]) = args.reals();
    for (s, g) in s[p.first as usize..].iter_mut().zip(g.chunks(PIECE)) {
        *s = g.iter().map(|&g| g * g).sum();
    }
}

/// factor = min(factor, limit / √Σ parts).
fn lower<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([parts], [factors]) = args.reals();
    p.lower(parts.iter().copied().sum(), factors);
}

impl Params {
    fn lower<T: Real>(&self, sum_of_squares: T, factors: &mut [T]) {
        let (factor, limit) = (&mut factors[self.at as usize], T::of(self.limit.into()));
        let norm = sum_of_squares.sqrt();
        // A factor of zero means that the step is skipped, because a gradient is not finite.
        if *factor > T::ZERO && *factor * norm > limit {
            *factor = limit / norm;
        }
    }
}

fn squares_fast(p: &Params, args: KernelArgs<f32>) {
    let ([g], [s]) = args.reals();
    let pieces = s[p.first as usize..].iter_mut().zip(g.chunks(PIECE));
    on_every_core(pieces.collect(), 1, &|(s, g)| *s = reduce::sum_of_squares(g));
}

fn lower_fast(p: &Params, args: KernelArgs<f32>) {
    let ([parts], [factors]) = args.reals();
    p.lower(reduce::sum(parts), factors);
}

/// Sets `factors[at]`, the factor that `gradients` are multiplied by, to limit/‖g‖ if that is smaller. ‖g‖ is the
/// norm of all stored gradients together.
///
/// # Errors
/// [`Error::Shape`] if a gradient is not packed, or if `factors` has no element `at`; [`Error::Argument`] for a limit
/// that is not finite and above zero; [`Error::DType`] if the factors have another type than sums of gradients;
/// [`Error::Placement`] for operands on different devices.
pub fn lower_to_norm(gradients: &[Tensor], limit: f64, factors: &Tensor, at: usize) -> Result<()> {
    check_limit(OP, limit)?;
    check_float(OP, factors, factors)?;
    if at >= factors.shape().elements() || !factors.is_packed() {
        return Err(Error::shape(
            OP,
            &[factors.shape()],
            format!("factors must be packed and have an element {at}"),
        ));
    }
    for gradient in gradients {
        let (sums, device) = (gradient.dtype().of_sums(), factors.device());
        if !gradient.dtype().is_float() || (sums != factors.dtype() && gradient.dtype() != DType::F16) {
            let expected = format!("f16 or {} (as the factors are)", factors.dtype());
            return Err(Error::DType { op: OP, found: gradient.dtype().name(), expected });
        }
        device.check_same(OP, gradient.device())?;
        if !gradient.is_packed() {
            return Err(Error::shape(OP, &[gradient.shape()], "gradients must be packed"));
        }
    }
    let pieces = |gradient: &Tensor| gradient.shape().elements().div_ceil(PIECE);
    let total: usize = gradients.iter().map(pieces).sum();
    let _workspace = allocating(Category::Workspace);
    let parts = Tensor::empty(OP, factors.device(), factors.dtype(), Shape::from([total]))?;
    let mut first = 0;
    for gradient in gradients {
        let count = gradient.shape().elements() as u32;
        let params = Params { count, first: first as u32, ..Params::default() };
        factors.device().run(&SQUARES, &params, &[gradient.operand()], &[parts.operand()])?;
        first += pieces(gradient);
    }
    let params = Params { count: total as u32, first: 0, at: at as u32, limit: limit as f32 };
    factors.device().run(&LOWER, &params, &[parts.operand()], &[factors.operand()])
}

/// Checks a norm for clipping.
pub(crate) fn check_limit(op: &'static str, limit: f64) -> Result<()> {
    if limit > 0.0 && limit.is_finite() {
        Ok(())
    } else {
        Err(Error::argument(op, "norm", limit, "finite and above zero"))
    }
}
