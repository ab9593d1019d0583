//! Differentiable ops. Each has one file with its shape rule, its kernels with their references, and its gradient.
//!
//! [`dropout`] is a short op to read from end to end: the kernel, the reference, the dispatch, the gradient. To add
//! an op, write `src/ops/x.rs`, `shaders/x.wgsl` and samples in `tests/ops/x.rs`; `CONTRIBUTING.md` lists the lines
//! to add.

pub mod batch_norm;
pub mod binary;
pub mod binary_cross_entropy;
pub mod cast;
mod columns;
pub mod conv2d;
mod convolution;
pub mod copy;
pub mod cross_entropy;
pub mod custom;
pub mod depthwise_conv2d;
pub mod dropout;
pub mod fill;
pub mod gather;
pub mod gradient;
pub mod group_norm;
pub mod huber;
pub mod logsumexp;
pub mod mae;
pub mod matmul;
pub mod mse;
pub mod pad;
pub mod padding;
pub mod parametric;
pub mod pool2d;
pub mod reduce;
pub mod resize;
pub mod select;
pub mod softmax;
pub(crate) mod tiled;
pub mod unary;
pub mod variance;
pub mod view;

use crate::device::kernel::Constants;
use crate::error::{Error, Result};
use crate::shape::{Layout, MAX_RANK, Shape, merge};
use crate::tensor::Tensor;

pub use convolution::ConvOptions;
pub use dropout::RandomKey;
pub use pad::PadMode;
pub use padding::Padding;
pub use resize::Interpolation;
pub use unary::Function;

/// `shaders/lib/index.wgsl`, the first text of every kernel. It defines `group_index(workgroup_id, num_workgroups)`,
/// the index of a workgroup.
pub const INDEX: &str = include_str!("../../shaders/lib/index.wgsl");
/// `shaders/lib/math.wgsl`: exp, ln, tanh and other functions of one number.
pub(crate) const MATH: &str = include_str!("../../shaders/lib/math.wgsl");
/// `shaders/lib/functions.wgsl`, after [`MATH`]: the element-wise function that the constant FUNCTION selects.
pub(crate) const FUNCTIONS: &str = include_str!("../../shaders/lib/functions.wgsl");

/// `shaders/lib/power.wgsl`: powers and their derivatives.
pub(crate) const POWER: &str = include_str!("../../shaders/lib/power.wgsl");

/// `shaders/lib/row.wgsl`: reductions of a row by one workgroup.
pub(crate) const ROW: &str = include_str!("../../shaders/lib/row.wgsl");

/// Invocations of a workgroup, for kernels in which an invocation computes one element or vector.
pub(crate) const WORKGROUP: u64 = 256;

pub(crate) fn no_constants<P>(_: &P) -> Constants {
    Vec::new()
}

/// The merged axes of operands of one shape, as scalars of a kernel.
pub(crate) struct MergedAxes<const N: usize> {
    pub rank: u32,
    pub extents: [u32; MAX_RANK],
    pub strides: [[u32; MAX_RANK]; N],
}

impl<const N: usize> MergedAxes<N> {
    /// The merged axes of layouts of one shape.
    pub(crate) fn new(layouts: &[Layout; N]) -> MergedAxes<N> {
        let merged = merge(layouts);
        let mut axes =
            MergedAxes { rank: merged.len() as u32, extents: [1; MAX_RANK], strides: [[0; MAX_RANK]; N] };
        for (axis, (extent, steps)) in merged.into_iter().enumerate() {
            axes.extents[axis] = extent as u32;
            for (strides, step) in axes.strides.iter_mut().zip(steps) {
                strides[axis] = step as u32;
            }
        }
        axes
    }
}

/// The common shape of operands by NumPy's broadcasting rule.
pub(crate) fn broadcast(op: &'static str, operands: &[&Tensor]) -> Result<Shape> {
    let mut shape = Shape::SCALAR;
    for operand in operands {
        shape = shape.broadcast(&operand.shape()).ok_or_else(|| {
            let shapes: Vec<Shape> = operands.iter().map(|t| t.shape()).collect();
            Error::shape(op, &shapes, "aligned at the last axis, extents must be equal or 1 to broadcast")
        })?;
    }
    Ok(shape)
}

/// Checks that an operand is of floats and has the type and device of `like`.
///
/// # Errors
/// [`Error::DType`] for u32 and for another type than `like`; [`Error::Placement`] for another device.
pub fn check_float(op: &'static str, tensor: &Tensor, like: &Tensor) -> Result<()> {
    use crate::device::DType;
    if tensor.dtype() == DType::U32 || tensor.dtype() != like.dtype() {
        let expected =
            if like.dtype() == DType::U32 { "f16, f32 or f64".into() } else { like.dtype().to_string() };
        return Err(Error::DType { op, found: tensor.dtype().name(), expected });
    }
    like.device().check_same(op, tensor.device())
}

/// Checks that an operand is not f16, for kernels that have no form for it.
pub(crate) fn check_not_half(op: &'static str, tensor: &Tensor) -> Result<()> {
    use crate::device::DType;
    if tensor.dtype() == DType::F16 {
        let expected = "f32 or f64 (this kernel has no form for f16)".to_string();
        return Err(Error::DType { op, found: tensor.dtype().name(), expected });
    }
    Ok(())
}

/// Checks that `tensor` has this axis.
pub(crate) fn check_axis(op: &'static str, tensor: &Tensor, axis: usize) -> Result<()> {
    let rank = tensor.shape().rank();
    if axis < rank {
        Ok(())
    } else {
        Err(Error::argument(op, "axis", axis, format!("below the rank {rank}")))
    }
}
