//! The kernels of a product in their variants, and the table that chooses among them.
//!
//! On GPUs a variant is a tile, the rows × columns of the result that a workgroup computes; on software adapters it is
//! what an invocation computes: rows × vectors of four columns, with a workgroup's lanes along the columns, or down
//! along the rows.

use super::Params;
use super::twin::{forward, split};
use crate::device::Kind;
use crate::device::kernel::{Constants, Cooperative, Kernel, Shader, Twin};
use crate::device::variant::Band::{Above64, UpTo8, UpTo16, UpTo32, UpTo64};
use crate::device::variant::{Class, Family, Variant};
use crate::ops::tiled::{
    BLOCKS, SLAB, TILE, TILE_COOPERATIVE, cooperative_tile, fills_fragments, fragment_constants, square,
    tile_constants,
};
use crate::ops::{FUNCTIONS, INDEX, TILE_SOFTWARE, software_stand_in, software_tile, unrolled};
use crate::twin;

/// A variant whose label is that of the family, with the variant's name.
macro_rules! variant {
    ($entry:literal, $twin:ident, $kind:ident, $name:literal, $shader:expr) => {
        variant(Kind::$kind, $name, concat!($entry, "_", $name), $shader, twin!($twin))
    };
}

/// `$entry` is the label of the first variant, and what those of the others begin with.
macro_rules! family {
    ($entry:literal, $twin:ident) => {
        Family {
            name: "matmul",
            variants: &[
                variant(Kind::Gpu, "64x64", $entry, tile::<64, 64, 4, 2>(), twin!($twin)),
                variant!($entry, $twin, Gpu, "32x32", tile::<32, 32, 4, 1>()),
                variant!($entry, $twin, Gpu, "64x128", tile::<64, 128, 4, 2>()),
                variant!($entry, $twin, Gpu, "128x128", tile::<128, 128, 8, 2>()),
                variant!($entry, $twin, Gpu, "16x128", tile::<16, 128, 4, 1>()),
                variant!($entry, $twin, Gpu, "128x16", tile::<128, 16, 4, 1>()),
                variant!($entry, $twin, Software, "4x2", software::<0, 4, 2>()),
                variant!($entry, $twin, Software, "8x1", software::<0, 8, 1>()),
                variant!($entry, $twin, Software, "8x2", software::<0, 8, 2>()),
                variant!($entry, $twin, Software, "16x1", software::<0, 16, 1>()),
                variant!($entry, $twin, Software, "24x1", software::<0, 24, 1>()),
                variant!($entry, $twin, Software, "8x1-down", software::<1, 8, 1>()),
                variant!($entry, $twin, Software, "8x2-down", software::<1, 8, 2>()),
                variant!($entry, $twin, Software, "4x4-down", software::<1, 4, 4>()),
            ],
            class: |p| Class::of(p.m.into(), p.n.into(), p.results()),
            default,
            stand_in: software_stand_in,
        }
    };
}

/// Whole sums.
pub(super) static PRODUCT: Family<Params> = family!("matmul.forward", forward);
/// The pieces of long sums, each with a result of its own.
pub(super) static SPLIT: Family<Params> = family!("matmul.split", split);

/// The table of defaults. Large tiles load less for each product, if there are enough of them to fill a GPU (H100, 1024³:
/// 34 TFLOP/s with 64×64, 22 with 128×128; 512³: 19 with 32×32, 13 with 64×64). On software adapters so do tall ones, as
/// B's values are gathered and A's are not.
fn default(kind: Kind, class: Class) -> &'static str {
    match (kind, class.rows, class.columns) {
        (Kind::Software, UpTo8 | UpTo16, UpTo32 | UpTo64 | Above64) => "4x2",
        (Kind::Software, _, UpTo8) => "8x1-down",
        (Kind::Software, _, UpTo16) => "4x4-down",
        (Kind::Software, _, UpTo32) => "8x1",
        (Kind::Software, UpTo32 | UpTo64, _) => "16x1",
        (Kind::Software, ..) => "24x1",
        (_, _, UpTo8 | UpTo16) => "128x16",
        (_, UpTo8 | UpTo16, _) => "16x128",
        _ => square(class.tiles),
    }
}

/// `shaders/lib/matmul.wgsl`: the scalars, which all kernels of a product share.
pub(super) const SCALARS: &str = include_str!("../../../shaders/lib/matmul.wgsl");
const TEXT: &str = include_str!("../../../shaders/matmul.wgsl");
static TILED: [&str; 6] = [INDEX, FUNCTIONS, SCALARS, TEXT, BLOCKS, TILE];
static FRAGMENTS: [&str; 6] = [INDEX, FUNCTIONS, SCALARS, TEXT, BLOCKS, TILE_COOPERATIVE];
static SOFTWARE: [&str; 5] =
    [INDEX, FUNCTIONS, SCALARS, TILE_SOFTWARE, include_str!("../../../shaders/matmul_software.wgsl")];

const fn variant(
    kind: Kind,
    name: &'static str,
    label: &'static str,
    shader: Shader<Params>,
    twin: Twin<Params>,
) -> Variant<Params> {
    let cooperative = Some(COOPERATIVE);
    let kernel = Kernel { name: label, gpu: shader, software: None, cooperative, flops: Params::flops, twin };
    Variant { name, kind, kernel }
}

/// Tiles of `M` × `N`, of which an invocation computes `ROWS` rows of `VECTORS` vectors.
pub(super) const fn tile<const M: u32, const N: u32, const ROWS: u32, const VECTORS: u32>() -> Shader<Params>
{
    Shader {
        source: &TILED,
        entry: "tiled",
        constants: |p| {
            tiled_constants(p, M, N).into_iter().chain(tile_constants(M, N, ROWS, VECTORS)).collect()
        },
        groups: |p| p.results() * p.m.div_ceil(M) as u64 * p.n.div_ceil(N) as u64,
    }
}

/// An invocation computes `ROWS` rows of `VECTORS` vectors of four columns, a workgroup eight times as many columns, or
/// with `ALONG_ROWS` rows.
pub(super) const fn software<const ALONG_ROWS: u32, const ROWS: u32, const VECTORS: u32>() -> Shader<Params> {
    Shader {
        source: &SOFTWARE,
        entry: "software",
        constants: |p| {
            vec![
                ("FUNCTION", p.function),
                ("HAS_BIAS", p.has_bias),
                ("A_VECTOR", a_vector(p)),
                ("B_VECTOR", b_vector(p)),
                ("A_ALONG_M", a_along_m(p) * (1 - ALONG_ROWS)),
                ("B_ALONG_K", b_along_k(p)),
                ("ALONG_ROWS", ALONG_ROWS),
                ("UNROLLED", unrolled(p.piece, p.flops())),
                ("WHOLE", p.k.is_multiple_of(4) as u32),
                ("ROWS", ROWS),
                ("VECTORS", VECTORS),
            ]
        },
        groups: |p| {
            let (rows, columns) = software_tile(ALONG_ROWS, ROWS, VECTORS);
            p.results() * p.m.div_ceil(rows) as u64 * p.n.div_ceil(columns) as u64
        },
    }
}

/// Of two factors in f16, where there are cooperative matrices: instead of every variant for GPUs.
const COOPERATIVE: Cooperative<Params> = Cooperative {
    shader: Shader {
        source: &FRAGMENTS,
        entry: "cooperative",
        constants: |p| {
            let tile = fragments_tile(p);
            tiled_constants(p, tile, tile).into_iter().chain(fragment_constants(tile)).collect()
        },
        groups: |p| {
            let tile = fragments_tile(p);
            p.results() * p.m.div_ceil(tile) as u64 * p.n.div_ceil(tile) as u64
        },
    },
    pays: |p| fills_fragments(p.m.into(), p.n.into(), p.k.into()),
};

/// The tile of a workgroup on cooperative matrices.
fn fragments_tile(p: &Params) -> u32 {
    cooperative_tile(p.results(), p.m.into(), p.n.into())
}

/// What the shaders of a tile of `m` × `n` know of their operands when they are compiled.
fn tiled_constants(p: &Params, m: u32, n: u32) -> Constants {
    let whole_slabs = (p.k | p.piece).is_multiple_of(SLAB);
    vec![
        ("A_WHOLE", (whole_slabs && p.m.is_multiple_of(m)) as u32),
        ("B_WHOLE", (whole_slabs && p.n.is_multiple_of(n)) as u32),
        ("FUNCTION", p.function),
        ("HAS_BIAS", p.has_bias),
        ("A_VECTOR", a_vector(p)),
        ("A_ALONG_M", a_along_m(p)),
        ("B_VECTOR", b_vector(p)),
        ("B_ALONG_K", b_along_k(p)),
        ("A_ALONG_K", (p.a_column == 1) as u32),
        ("B_ALONG_N", (p.b_column == 1) as u32),
    ]
}

/// Whether four neighbours along k lie in one aligned vector.
fn a_vector(p: &Params) -> u32 {
    (p.a_column == 1 && (p.a_row | p.a_batch | p.k).is_multiple_of(4)) as u32
}

/// Whether four neighbours along n lie in one aligned vector.
fn b_vector(p: &Params) -> u32 {
    (p.b_column == 1 && (p.b_row | p.b_batch | p.n).is_multiple_of(4)) as u32
}

/// Whether four neighbours along m lie in one aligned vector of A.
fn a_along_m(p: &Params) -> u32 {
    (p.a_row == 1 && p.a_column > 1 && (p.a_column | p.a_batch | p.m).is_multiple_of(4)) as u32
}

/// Whether four neighbours along k lie in one aligned vector of B.
fn b_along_k(p: &Params) -> u32 {
    (p.b_row == 1 && p.b_column > 1 && (p.b_column | p.b_batch | p.k | p.piece).is_multiple_of(4)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::translate_cooperative;

    /// Few adapters have cooperative matrices, and none has both extents; the text is one.
    #[test]
    fn the_form_for_cooperative_matrices_translates_for_either_extent() {
        let small = Params { batch: 1, splits: 1, m: 65, n: 66, k: 33, piece: 33, ..Params::default() };
        let large = Params { m: 2048, n: 2048, ..small };
        assert_eq!((fragments_tile(&small), fragments_tile(&large)), (64, 128));
        for params in [small, large] {
            for (along_k, fragment) in [(1, 8), (1, 16), (0, 16)] {
                let (a_row, a_column) = if along_k == 1 { (params.k, 1) } else { (1, params.m) };
                let params = Params { a_row, a_column, b_row: params.n, b_column: 1, ..params };
                let translated = translate_cooperative(&PRODUCT.variants[0].kernel, &params, fragment);
                let words = translated.unwrap_or_else(|e| panic!("extent {fragment}: {e}"));
                assert!(words.len() > 1000, "{} words", words.len());
            }
        }
    }
}
