//! The kernels of a matrix product, one variant for each tile, and the table of default variants.

use super::MatmulParams;
use super::reference::{forward, forward_fast, split_fast};
use crate::device::class::Band::{UpTo8, UpTo16};
use crate::device::class::Class;
use crate::device::kernel::Constants;
use crate::device::variant::Family;
use crate::ops::tiled::{BLOCKS, OCTETS, Product, TILE, TILE_COOPERATIVE, Tile, square, tiled_family};
use crate::ops::{FUNCTIONS, INDEX, MATH};

/// Kernels for whole sums.
pub(super) static PRODUCT: Family<MatmulParams> = tiled_family!(
    "matmul",
    MatrixProduct,
    "matmul.forward",
    forward,
    forward_fast,
    ["64x64", "32x32", "64x128", "128x128", "16x128", "128x16"]
);
/// Kernels for the pieces of long sums, each with a result of its own.
pub(super) static SPLIT: Family<MatmulParams> = tiled_family!(
    "matmul",
    MatrixProduct,
    "matmul.split",
    forward,
    split_fast,
    ["64x64", "32x32", "64x128", "128x128", "16x128", "128x16"]
);

/// The default variant for a class. Large tiles load less for each product, if there are enough of them for a GPU
/// (H100, 1024³: 34 TFLOP/s with 64×64, 22 with 128×128; 512³: 19 with 32×32, 13 with 64×64).
fn default(class: Class) -> &'static str {
    match (class.rows, class.columns) {
        (_, UpTo8 | UpTo16) => "128x16",
        (UpTo8 | UpTo16, _) => "16x128",
        _ => square(class.tiles),
    }
}

/// `shaders/lib/matmul.wgsl`: the scalars of all kernels of a product.
pub(crate) const SCALARS: &str = include_str!("../../../shaders/lib/matmul.wgsl");

/// What A, B and C are.
const OPERANDS: &str = include_str!("../../../shaders/matmul.wgsl");

static SOURCE: [&str; 8] = [
    INDEX,
    MATH,
    FUNCTIONS,
    SCALARS,
    OPERANDS,
    // Blocks of A and B, how slabs of these are loaded, and how a tile of C is computed from slabs.
    include_str!("../../../shaders/matmul_blocks.wgsl"),
    BLOCKS,
    TILE,
];
static SOURCE_ON_MATRICES: [&str; 8] = [
    INDEX,
    MATH,
    FUNCTIONS,
    SCALARS,
    OPERANDS,
    // The same from octets.
    include_str!("../../../shaders/matmul_octets.wgsl"),
    OCTETS,
    TILE_COOPERATIVE,
];

pub(crate) struct MatrixProduct;

impl Product for MatrixProduct {
    type Params = MatmulParams;
    const SOURCE: &'static [&'static str] = &SOURCE;
    const SOURCE_ON_MATRICES: &'static [&'static str] = &SOURCE_ON_MATRICES;

    fn flops(p: &MatmulParams) -> u64 {
        p.flops()
    }

    fn results(p: &MatmulParams) -> u64 {
        p.results()
    }

    fn rows(p: &MatmulParams) -> u64 {
        p.m.into()
    }

    fn columns(p: &MatmulParams) -> u64 {
        p.n.into()
    }

    fn products(p: &MatmulParams) -> u64 {
        p.k.into()
    }

    fn constants(p: &MatmulParams, tile: &Tile) -> Constants {
        let whole_slabs = (p.k | p.piece).is_multiple_of(tile.slab());
        let mut constants = vec![
            ("A_WHOLE", (whole_slabs && p.m.is_multiple_of(tile.rows)) as u32),
            ("B_WHOLE", (whole_slabs && p.n.is_multiple_of(tile.columns)) as u32),
            ("FUNCTION", p.function),
            ("HAS_BIAS", p.has_bias),
            ("A_ALONG_K", (p.a_column == 1) as u32),
            ("B_ALONG_N", (p.b_column == 1) as u32),
        ];
        // A constant that the text does not read would only make more pipelines of it.
        if tile.is_on_matrices() {
            constants.extend([("A_OCTETS", a_octets(p)), ("B_OCTETS", b_octets(p))]);
        } else {
            constants.extend([
                ("A_VECTOR", a_vector(p)),
                ("A_ALONG_M", a_along_m(p)),
                ("B_VECTOR", b_vector(p)),
                ("B_ALONG_K", b_along_k(p)),
            ]);
        }
        constants
    }
}

/// Whether four neighbours of A along k are in one aligned vector.
fn a_vector(p: &MatmulParams) -> u32 {
    (p.a_column == 1 && (p.a_row | p.a_batch | p.k).is_multiple_of(4)) as u32
}

/// Whether four neighbours of B along n are in one aligned vector.
fn b_vector(p: &MatmulParams) -> u32 {
    (p.b_column == 1 && (p.b_row | p.b_batch | p.n).is_multiple_of(4)) as u32
}

/// Whether four neighbours of A along m are in one aligned vector.
fn a_along_m(p: &MatmulParams) -> u32 {
    (p.a_row == 1 && p.a_column > 1 && (p.a_column | p.a_batch | p.m).is_multiple_of(4)) as u32
}

/// Whether four neighbours of B along k are in one aligned vector.
fn b_along_k(p: &MatmulParams) -> u32 {
    (p.b_row == 1 && p.b_column > 1 && (p.b_column | p.b_batch | p.k | p.piece).is_multiple_of(4)) as u32
}

/// Whether eight neighbours along the contiguous direction of A lie in two aligned vectors, inside or outside together.
fn a_octets(p: &MatmulParams) -> u32 {
    let [along, across, extent] = match p.a_column {
        1 => [p.a_column, p.a_row, p.k | p.piece],
        _ => [p.a_row, p.a_column, p.m],
    };
    (along == 1 && (across | p.a_batch | extent).is_multiple_of(8)) as u32
}

/// The same of B.
fn b_octets(p: &MatmulParams) -> u32 {
    let [along, across, extent] = match p.b_column {
        1 => [p.b_column, p.b_row, p.n],
        _ => [p.b_row, p.b_column, p.k | p.piece],
    };
    (along == 1 && (across | p.b_batch | extent).is_multiple_of(8)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::translate_cooperative;
    use crate::ops::tiled::matrix_tile;

    #[test]
    fn the_first_variant_stands_for_those_that_need_more_workgroup_memory() {
        let large = Class::of(4096, 4096, 1);
        let name = |class, chosen, memory| PRODUCT.kernel(class, chosen, memory).name;
        assert_eq!(name(large, None, 32 << 10), "matmul.forward_128x128");
        assert_eq!(name(large, None, 16 << 10), "matmul.forward");
        assert_eq!(name(large, Some("64x128"), 24 << 10), "matmul.forward_64x128");
        assert_eq!(name(large, Some("64x128"), 16 << 10), "matmul.forward");
        assert_eq!(name(large, Some("32x32"), 16 << 10), "matmul.forward_32x32");
        assert_eq!(name(large, Some("3x3"), 32 << 10), "matmul.forward_128x128");
    }

    /// Few adapters have cooperative matrices, and none has both extents; the text is one.
    #[test]
    fn the_form_for_cooperative_matrices_translates_for_either_extent() {
        let small =
            MatmulParams { batch: 1, splits: 1, m: 65, n: 66, k: 33, piece: 33, ..MatmulParams::default() };
        let large = MatmulParams { m: 2048, n: 2048, ..small };
        let side = |params| matrix_tile::<MatrixProduct>(params).rows;
        assert_eq!((side(&small), side(&large)), (64, 128));
        for params in [small, large] {
            for (along_k, fragment) in [(1, 8), (1, 16), (0, 16)] {
                let (a_row, a_column) = if along_k == 1 { (params.k, 1) } else { (1, params.m) };
                let params = MatmulParams { a_row, a_column, b_row: params.n, b_column: 1, ..params };
                let translated = translate_cooperative(&PRODUCT.variants[0].kernel, &params, fragment);
                let words = translated.unwrap_or_else(|e| panic!("extent {fragment}: {e}"));
                assert!(words.len() > 1000, "{} words", words.len());
            }
        }
    }
}
