//! The matmul ladder: one matrix product, computed by each of five kernels that lead to the kernels in use.
//!
//! `docs/matmul-ladder.md` explains the steps.

use crate::device::kernel::{Kernel, Shader};
use crate::error::{Error, Result};
use crate::ops::matmul::{
    MatmulParams, MatrixProduct, Operand, SCALARS, forward, forward_fast, product_operands,
};
use crate::ops::tiled::{shader, tile};
use crate::ops::unary::Function;
use crate::ops::{INDEX, check_float, check_not_half, no_constants};
use crate::reference;
use crate::tensor::Tensor;

/// A kernel for matrix products. Each step adds one idea to the previous one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// An invocation computes one element and reads all operands from memory.
    Naive,
    /// Tiles of 16 × 16 are loaded into workgroup memory.
    WorkgroupTile,
    /// An invocation keeps 4 × 4 sums in registers.
    RegisterTile,
    /// Vectors of four, and the next slab is loaded while the current one is multiplied: the kernel for results of
    /// medium size.
    Vectors,
    /// 8 × 8 sums per invocation: the kernel for large results.
    LargeTile,
}

impl Step {
    /// All steps, from the slowest to the fastest.
    pub const ALL: [Step; 5] =
        [Step::Naive, Step::WorkgroupTile, Step::RegisterTile, Step::Vectors, Step::LargeTile];

    /// Name of the step in tables.
    pub fn name(self) -> &'static str {
        match self {
            Step::Naive => "naive",
            Step::WorkgroupTile => "workgroup tile",
            Step::RegisterTile => "register tile",
            Step::Vectors => "vectors",
            Step::LargeTile => "large tile",
        }
    }

    fn kernel(self) -> &'static Kernel<MatmulParams> {
        match self {
            Step::Naive => &NAIVE,
            Step::WorkgroupTile => &WORKGROUP_TILE,
            Step::RegisterTile => &REGISTER_TILE,
            Step::Vectors => &VECTORS,
            Step::LargeTile => &LARGE_TILE,
        }
    }
}

const fn step(name: &'static str, gpu: Shader<MatmulParams>) -> Kernel<MatmulParams> {
    Kernel {
        name,
        gpu,
        cooperative: None,
        flops: MatmulParams::flops,
        reference: reference!(forward),
        fast: Some(forward_fast),
    }
}

const SOURCE: &[&str] = &[INDEX, SCALARS, include_str!("../../shaders/matmul_ladder.wgsl")];

static NAIVE: Kernel<MatmulParams> = step(
    "matmul.step_naive",
    Shader {
        source: SOURCE,
        entry: "naive",
        constants: no_constants,
        groups: |p| p.m.div_ceil(16) as u64 * p.n.div_ceil(16) as u64,
    },
);
static WORKGROUP_TILE: Kernel<MatmulParams> =
    step("matmul.step_workgroup_tile", Shader { entry: "workgroup_tile", ..NAIVE.gpu });
static REGISTER_TILE: Kernel<MatmulParams> = step(
    "matmul.step_register_tile",
    Shader {
        entry: "register_tile",
        groups: |p| p.m.div_ceil(64) as u64 * p.n.div_ceil(64) as u64,
        ..NAIVE.gpu
    },
);
static VECTORS: Kernel<MatmulParams> =
    step("matmul.step_vectors", shader::<MatrixProduct, { tile("64x64") }>());
static LARGE_TILE: Kernel<MatmulParams> =
    step("matmul.step_large_tile", shader::<MatrixProduct, { tile("128x128") }>());

/// Computes the product `[m, n]` of `left` `[m, k]` and `right` `[k, n]` with one step of the ladder, for any shape.
/// The result has no graph. On the CPU device all steps run the reference.
///
/// # Errors
/// [`Error::Shape`] unless both operands are matrices with equal inner extents; [`Error::DType`] for f16 and u32.
pub fn product(left: &Tensor, right: &Tensor, step: Step) -> Result<Tensor> {
    const OP: &str = "ladder";
    check_float(OP, left, left)?;
    check_float(OP, right, left)?;
    check_not_half(OP, left)?;
    let shapes = [left.shape(), right.shape()];
    if shapes[0].rank() != 2 || shapes[1].rank() != 2 || shapes[0][1] != shapes[1][0] {
        return Err(Error::shape(OP, &shapes, "[m, k] and [k, n] are needed"));
    }
    let [m, k, n] = [shapes[0][0], shapes[0][1], shapes[1][1]];
    let (a, b) = (Operand::packed(OP, left)?, Operand::packed(OP, right)?);
    let output = Tensor::empty(OP, left.device(), left.dtype(), [m, n].into())?;
    let params = MatmulParams::new(1, [m, k, n], &a, &b, Function::Linear, false);
    left.device().run(step.kernel(), &params, &product_operands(&a, &b, None), &[output.operand()])?;
    Ok(output)
}
