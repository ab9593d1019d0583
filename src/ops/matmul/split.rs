//! Split products. A product with few results and long sums occupies only a part of a GPU. So its sums are split into
//! pieces, each with a result of its own, and a second kernel adds the results.

use super::kernels::SPLIT;
use super::{MatmulParams, Operand, product_operands};
use crate::device::cpu::elementwise::zip_in_place;
use crate::device::cpu::parallel_rows;
use crate::device::kernel::{Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::error::Result;
use crate::ops::unary::{Function, apply, finish};
use crate::ops::{FUNCTIONS, INDEX, MATH, WORKGROUP};
use crate::reference;
use crate::tensor::Tensor;

/// Computes the pieces of a product's operands, as many as the scalars say, and joins them into `output`.
pub(super) fn split_product(
    op: &'static str,
    params: &MatmulParams,
    a: &Operand,
    b: &Operand,
    bias: Option<&Tensor>,
    output: &Tensor,
) -> Result<()> {
    let shape = [params.splits as usize, output.shape().elements()];
    let pieces = Tensor::empty(op, output.device(), output.dtype().of_sums(), shape.into())?;
    let plain = MatmulParams { function: Function::Linear as u32, has_bias: 0, ..*params };
    output.device().run_variant(&SPLIT, &plain, &product_operands(a, b, None), &[pieces.operand()])?;
    let join = JoinParams {
        count: output.shape().elements() as u32,
        n: params.n,
        splits: params.splits,
        function: params.function,
        has_bias: params.has_bias,
    };
    // Without a bias another operand is bound in its place. The kernel does not read it.
    let second = bias.unwrap_or(&pieces).operand();
    output.device().run(&JOIN, &join, &[pieces.operand(), second], &[output.operand()])
}

/// The number of pieces into which a product's sums are split, and the terms of each.
pub(super) fn pieces([batch, m, n, k]: [u32; 4]) -> (u32, u32) {
    /// Tiles of 64 × 64 that keep a device busy: large GPUs have more than a hundred cores, and each works on several
    /// tiles at a time. The same on every device, because pieces take memory, which the dry device predicts.
    const ENOUGH_TILES: u64 = 256;
    /// A shorter piece is not worth the second dispatch. (H200: with pieces of 256, 64×3136×128 takes 0.022 instead of
    /// 0.026 ms, but 512³ 0.028 instead of 0.022.)
    const SHORTEST_PIECE: u32 = 512;
    let tiles = (m as u64).div_ceil(64) * (n as u64).div_ceil(64) * batch as u64;
    let wanted = (ENOUGH_TILES / tiles) as u32;
    let splits = if batch == 1 { wanted.min(k / SHORTEST_PIECE).max(1) } else { 1 };
    // A multiple of every kernel's slab, so that no slab extends into the next piece.
    let piece = k.div_ceil(splits).next_multiple_of(16);
    (k.div_ceil(piece), piece)
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct JoinParams {
    count: u32,
    n: u32,
    splits: u32,
    function: u32,
    has_bias: u32,
}

static JOIN: Kernel<JoinParams> = Kernel {
    name: "matmul.join",
    gpu: Shader {
        source: &[INDEX, MATH, FUNCTIONS, include_str!("../../../shaders/matmul_join.wgsl")],
        entry: "join",
        constants: |p| vec![("FUNCTION", p.function), ("HAS_BIAS", p.has_bias)],
        groups: |p| (p.count as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |p| p.count as u64 * (p.splits - 1) as u64,
    reference: reference!(join),
    fast: Some(join_fast),
};

fn join<T: Real>(p: &JoinParams, args: KernelArgs<T>) {
    let ([x, bias], [y]) = args.reals();
    let (count, n) = (p.count as usize, p.n as usize);
    let function = Function::of(p.function);
    parallel_rows(y, n, n * p.splits as usize, |first, rows| {
        rows.copy_from_slice(&x[first * n..][..rows.len()]);
        for s in 1..p.splits as usize {
            rows.iter_mut().zip(&x[s * count + first * n..]).for_each(|(z, &x)| *z += x);
        }
        for row in rows.chunks_exact_mut(n) {
            for (j, z) in row.iter_mut().enumerate() {
                *z = apply(function, if p.has_bias == 1 { *z + bias[j] } else { *z });
            }
        }
    });
}

fn join_fast(p: &JoinParams, args: KernelArgs<f32>) {
    let ([x, bias], [y]) = args.reals();
    let (count, n) = (p.count as usize, p.n as usize);
    let (bias, function) = ((p.has_bias == 1).then_some(bias), Function::of(p.function));
    parallel_rows(y, n, n * p.splits as usize, |first, rows| {
        rows.copy_from_slice(&x[first * n..][..rows.len()]);
        for s in 1..p.splits as usize {
            zip_in_place(rows, &x[s * count + first * n..], |z, x| z + x);
        }
        finish(rows, bias, function);
    });
}
