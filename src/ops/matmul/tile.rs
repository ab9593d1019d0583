//! How a product is cut: which tile a workgroup of a GPU computes, and into how many pieces a long sum falls.

use super::twin::{epilogue, forward, split};
use super::{
    FORWARD, FUNCTIONS, INDEX, Operand, Params, SCALARS, TEXT, constants_of_operands, product_operands,
};
use crate::device::cpu::parallel_rows;
use crate::device::kernel::{Call, Constants, Kernel, Shader};
use crate::device::real::Real;
use crate::error::Result;
use crate::ops::WORKGROUP;
use crate::ops::unary::Function;
use crate::tensor::Tensor;
use crate::twin;

/// The kernel for a product: the table of shape classes. On software adapters all are the same.
pub(super) fn kernel(p: &Params) -> &'static Kernel<Params> {
    /// Results of at least this many elements have enough large tiles to fill a GPU.
    const LARGE_RESULT: u64 = 512 * 512;
    /// The short side of the tiles for narrow results.
    const NARROW: u32 = 16;
    match (p.m, p.n) {
        (_, n) if n <= NARROW => &FEW_COLUMNS,
        (m, _) if m <= NARROW => &FEW_ROWS,
        (m, n) if m >= 128 && n >= 128 && m as u64 * n as u64 >= LARGE_RESULT => &LARGE,
        _ => &FORWARD,
    }
}

/// 128 × 128, with 8 × 8 elements per invocation.
static LARGE: Kernel<Params> = large::<128, 128, 8, 2>("matmul.large");
static FEW_ROWS: Kernel<Params> = large::<16, 128, 2, 1>("matmul.few_rows");
static FEW_COLUMNS: Kernel<Params> = large::<128, 16, 2, 1>("matmul.few_columns");

/// The shader with tiles of `M` × `N`, of which an invocation computes `ROWS` rows of `VECTORS` vectors.
pub(super) const fn large_shader<const M: u32, const N: u32, const ROWS: u32, const VECTORS: u32>()
-> Shader<Params> {
    assert!(M <= 128 && N <= 128 && M / ROWS * (N / 4 / VECTORS) == 256, "a tile for 256 invocations");
    fn constants<const M: u32, const N: u32, const ROWS: u32, const VECTORS: u32>(p: &Params) -> Constants {
        let tile = [("TILE_M", M), ("TILE_N", N), ("ROWS", ROWS), ("VECTORS", VECTORS)];
        constants_of_operands(p).into_iter().chain(tile).collect()
    }
    Shader {
        source: &[INDEX, FUNCTIONS, SCALARS, include_str!("../../../shaders/lib/tile_large.wgsl"), TEXT],
        entry: "tiled",
        constants: constants::<M, N, ROWS, VECTORS>,
        groups: |p| p.results() * p.m.div_ceil(M) as u64 * p.n.div_ceil(N) as u64,
    }
}

const fn large<const M: u32, const N: u32, const ROWS: u32, const VECTORS: u32>(
    name: &'static str,
) -> Kernel<Params> {
    let (software, cooperative) = (FORWARD.software, FORWARD.cooperative);
    Kernel {
        name,
        gpu: large_shader::<M, N, ROWS, VECTORS>(),
        software,
        cooperative,
        flops: Params::flops,
        twin: twin!(forward),
    }
}

/// A product with few results and long sums leaves most of a GPU idle, so its sums are cut into pieces, each with a
/// result of its own.
static SPLIT: Kernel<Params> = Kernel { name: "matmul.split", twin: twin!(split), ..FORWARD };

/// With a product's operands, computes the pieces, whose number the scalars say, and joins them into `output`.
pub(super) fn split_product(
    op: &'static str,
    params: &Params,
    a: &Operand,
    b: &Operand,
    bias: Option<&Tensor>,
    output: &Tensor,
) -> Result<()> {
    let shape = [params.splits as usize, output.shape().elements()];
    let pieces = Tensor::empty(op, output.device(), output.dtype().of_sums(), shape.into())?;
    let plain = Params { function: Function::Linear as u32, has_bias: 0, ..*params };
    output.device().run(&SPLIT, &plain, &product_operands(a, b, None), &[pieces.operand()])?;
    let join = JoinParams {
        count: output.shape().elements() as u32,
        n: params.n,
        splits: params.splits,
        function: params.function,
        has_bias: params.has_bias,
    };
    // Without a bias something has to be bound in its place; it is not read.
    let second = bias.unwrap_or(&pieces).operand();
    output.device().run(&JOIN, &join, &[pieces.operand(), second], &[output.operand()])
}

/// Into how many pieces the sums of a product are cut, and the terms of each.
pub(super) fn pieces(batch: u32, m: u32, n: u32, k: u32) -> (u32, u32) {
    /// This many tiles keep a GPU busy.
    const ENOUGH_TILES: u32 = 64;
    /// A shorter piece is not worth the second dispatch.
    const SHORTEST_PIECE: u32 = 512;
    let tiles = (m as u64).div_ceil(64) * (n as u64).div_ceil(64) * batch as u64;
    let wanted = (ENOUGH_TILES as u64 / tiles) as u32;
    let splits = if batch == 1 { wanted.min(k / SHORTEST_PIECE).max(1) } else { 1 };
    // Whole slabs of every kernel, so that none reaches into the next piece.
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
        source: &[INDEX, FUNCTIONS, include_str!("../../../shaders/matmul_join.wgsl")],
        entry: "join",
        constants: |p| vec![("FUNCTION", p.function), ("HAS_BIAS", p.has_bias)],
        groups: |p| (p.count as u64).div_ceil(WORKGROUP),
    },
    software: None,
    cooperative: None,
    flops: |p| p.count as u64 * (p.splits - 1) as u64,
    twin: twin!(join),
};

fn join<T: Real>(p: &JoinParams, call: Call<T>) {
    let ([x, bias], [y]) = call.reals();
    let (count, n, splits) = (p.count as usize, p.n as usize, p.splits as usize);
    let function = Function::ALL[p.function as usize];
    parallel_rows(y, n, n * splits, |first, rows| {
        let piece = |s: usize| &x[s * count + first * n..][..rows.len()];
        rows.copy_from_slice(piece(0));
        for s in 1..splits {
            rows.iter_mut().zip(&x[s * count + first * n..]).for_each(|(z, &x)| *z += x);
        }
        epilogue(rows, n, (p.has_bias == 1).then_some(bias), function);
    });
}
