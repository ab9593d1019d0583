//! What products and convolutions share on GPUs: the tiles, the kernels that are made of them, and which tile suits
//! which result.
//!
//! To a tile everything is a matrix product C = A·B ([`Product`]). A workgroup computes a tile of C and passes A and B
//! through workgroup memory in slabs: in registers from blocks of 4 × 4 (`shaders/lib/blocks.wgsl`), on cooperative
//! matrices from octets (`shaders/lib/octets.wgsl`).

use crate::device::class::{Class, Tiles};
use crate::device::kernel::{Constants, Cooperative, FastPath, Kernel, Reference, Shader};
use crate::device::variant::Variant;

/// `shaders/lib/blocks.wgsl`: loads slabs of the operands.
pub(crate) const BLOCKS: &str = include_str!("../../shaders/lib/blocks.wgsl");
/// `shaders/lib/tile.wgsl`: a tile in registers.
pub(crate) const TILE: &str = include_str!("../../shaders/lib/tile.wgsl");
/// `shaders/lib/octets.wgsl`: how slabs of operands in f16 are loaded.
pub(crate) const OCTETS: &str = include_str!("../../shaders/lib/octets.wgsl");
/// `shaders/lib/tile_cooperative.wgsl`: a tile on cooperative matrices.
pub(crate) const TILE_COOPERATIVE: &str = include_str!("../../shaders/lib/tile_cooperative.wgsl");

/// Terms that a slab of either operand spans, of a tile in registers and of one on cooperative matrices.
const SLABS: [u32; 2] = [16, 32];
/// The columns of a vector.
const VECTOR: u32 = 4;

/// A tile: the part of a result that a workgroup computes.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// Its name in tables and files: rows and columns.
    pub(crate) name: &'static str,
    pub(crate) rows: u32,
    pub(crate) columns: u32,
    /// The invocations of the workgroup.
    workgroup: u32,
    sums: Sums,
}

/// The place of a tile's sums.
#[derive(Clone, Copy)]
enum Sums {
    /// Each invocation has `rows` rows of `vectors` vectors in registers. For adapters with enough workgroup memory.
    Registers { rows: u32, vectors: u32 },
    /// The lanes of a subgroup hold cooperative matrices together. For adapters with these, and operands in f16.
    Matrices,
}

impl Tile {
    const fn in_registers(name: &'static str, [m, n]: [u32; 2], [rows, vectors]: [u32; 2]) -> Tile {
        let workgroup = m / rows * (n / VECTOR / vectors);
        Tile { name, rows: m, columns: n, workgroup, sums: Sums::Registers { rows, vectors } }
    }

    const fn on_matrices(name: &'static str, side: u32) -> Tile {
        Tile { name, rows: side, columns: side, workgroup: side * side / 64, sums: Sums::Matrices }
    }

    /// Bytes of workgroup memory of a tile in registers: two slabs of each operand, in f32.
    const fn workgroup_memory(&self) -> u32 {
        2 * self.slab() * (self.rows + self.columns) * size_of::<f32>() as u32
    }

    /// Whether the tile is on cooperative matrices, and its operands are loaded in octets instead of blocks.
    pub(crate) const fn is_on_matrices(&self) -> bool {
        matches!(self.sums, Sums::Matrices)
    }

    /// Terms that a slab of either operand spans.
    pub(crate) const fn slab(&self) -> u32 {
        match self.sums {
            Sums::Registers { .. } => SLABS[0],
            Sums::Matrices => SLABS[1],
        }
    }
}

/// The tiles in registers: rows and columns, and the rows and vectors of an invocation.
pub(crate) const TILES: [Tile; 7] = [
    // 128 invocations and 16 KiB, which WebGPU guarantees. It is the first of every family.
    Tile::in_registers("64x64", [64, 64], [4, 2]),
    // 64 invocations, 8 KiB: for few results.
    Tile::in_registers("32x32", [32, 32], [4, 1]),
    // 256 invocations, 24 KiB.
    Tile::in_registers("64x128", [64, 128], [4, 2]),
    // 256 invocations, 32 KiB: for large results.
    Tile::in_registers("128x128", [128, 128], [8, 2]),
    // 128 invocations, 18 KiB: for few rows or columns.
    Tile::in_registers("16x128", [16, 128], [4, 1]),
    Tile::in_registers("128x16", [128, 16], [4, 1]),
    // 256 invocations, 20 KiB: for results of convolutions with few channels.
    Tile::in_registers("128x32", [128, 32], [4, 1]),
];

/// The tiles on cooperative matrices.
const MATRIX_TILES: [Tile; 2] = [Tile::on_matrices("64x64", 64), Tile::on_matrices("128x128", 128)];

/// The index in [`TILES`] of the tile with this name. Panics if there is none.
pub(crate) const fn tile(name: &str) -> usize {
    let mut i = 0;
    while i < TILES.len() {
        let (a, b) = (TILES[i].name.as_bytes(), name.as_bytes());
        let mut same = 0;
        while same < a.len() && same < b.len() && a[same] == b[same] {
            same += 1;
        }
        if same == a.len() && same == b.len() {
            return i;
        }
        i += 1;
    }
    panic!("no tile has this name")
}

/// A computation as a matrix product, described by the scalars of its kernel.
pub(crate) trait Product {
    type Params: 'static;
    /// The texts of the WGSL, in reading order, with the tile in registers last.
    const SOURCE: &'static [&'static str];
    /// The WGSL with the tile on cooperative matrices last.
    const SOURCE_ON_MATRICES: &'static [&'static str];
    fn flops(p: &Self::Params) -> u64;
    /// The number of results of these extents: matrices of a batch, groups of channels, pieces of long sums.
    fn results(p: &Self::Params) -> u64;
    fn rows(p: &Self::Params) -> u64;
    fn columns(p: &Self::Params) -> u64;
    /// The average number of products that an element of a result sums.
    fn products(p: &Self::Params) -> u64;
    /// The constants of the texts that precede the tile.
    fn constants(p: &Self::Params, tile: &Tile) -> Constants;
}

/// The variant of a product's kernel with tile number `TILE` of [`TILES`].
pub(crate) const fn variant<P: Product, const TILE: usize>(
    label: &'static str,
    reference: Reference<P::Params>,
    fast: FastPath<P::Params>,
) -> Variant<P::Params> {
    let gpu = shader::<P, TILE>();
    let kernel = Kernel {
        name: label,
        gpu,
        cooperative: Some(cooperative::<P>()),
        flops: P::flops,
        reference,
        fast: Some(fast),
    };
    Variant { name: TILES[TILE].name, workgroup_memory: TILES[TILE].workgroup_memory(), kernel }
}

pub(crate) const fn shader<P: Product, const TILE: usize>() -> Shader<P::Params> {
    Shader {
        source: P::SOURCE,
        entry: "tiled",
        constants: |p| constants::<P>(p, &TILES[TILE]),
        groups: |p| groups::<P>(p, &TILES[TILE]),
    }
}

/// The form for two factors in f16 on adapters with cooperative matrices. It replaces every variant.
const fn cooperative<P: Product>() -> Cooperative<P::Params> {
    Cooperative {
        shader: Shader {
            source: P::SOURCE_ON_MATRICES,
            entry: "cooperative",
            constants: |p| constants::<P>(p, matrix_tile::<P>(p)),
            groups: |p| groups::<P>(p, matrix_tile::<P>(p)),
        },
        // Every extent fills at least one fragment.
        pays: |p| P::rows(p).min(P::columns(p)).min(P::products(p)) >= 16,
    }
}

fn constants<P: Product>(p: &P::Params, tile: &Tile) -> Constants {
    let mut constants = P::constants(p, tile);
    constants.extend([("TILE_M", tile.rows), ("TILE_N", tile.columns), ("THREADS", tile.workgroup)]);
    if let Sums::Registers { rows, vectors } = tile.sums {
        constants.extend([("ROWS", rows), ("VECTORS", vectors)]);
    }
    constants
}

/// The number of tiles of all results.
fn groups<P: Product>(p: &P::Params, tile: &Tile) -> u64 {
    P::results(p) * P::rows(p).div_ceil(tile.rows.into()) * P::columns(p).div_ceil(tile.columns.into())
}

/// The tile on cooperative matrices. Large tiles load less, small ones give more tiles. The large tile is used if
/// there are enough of them for a GPU.
pub(crate) fn matrix_tile<P: Product>(p: &P::Params) -> &'static Tile {
    const ENOUGH: u64 = 96;
    let [small, large] = &MATRIX_TILES;
    if groups::<P>(p, large) >= ENOUGH { large } else { small }
}

/// The shape class of a problem.
pub(crate) fn class<P: Product>(p: &P::Params) -> Class {
    Class::of(P::rows(p), P::columns(p), P::results(p))
}

/// The name of the largest square tile of which there are enough.
pub(crate) fn square(tiles: Tiles) -> &'static str {
    match tiles {
        Tiles::Few => "32x32",
        Tiles::Enough => "64x64",
        Tiles::Many => "128x128",
    }
}

/// The family of a [`Product`], with a variant for each tile. The first has the family's label, the others that label
/// and the tile's name.
/// `tiled_family!("matmul", MatrixProduct, "matmul.forward", forward, forward_fast, ["64x64", "32x32"])` is
///
/// ```ignore
/// Family {
///     name: "matmul",
///     variants: &[
///         variant::<MatrixProduct, { tile("64x64") }>("matmul.forward", reference!(forward), forward_fast),
///         variant::<MatrixProduct, { tile("32x32") }>("matmul.forward_32x32", reference!(forward), forward_fast),
///     ],
///     class: class::<MatrixProduct>,
///     default,
/// }
/// ```
///
/// where `default` is the module's table of defaults.
macro_rules! tiled_family {
    ($name:expr, $product:ty, $label:literal, $reference:ident, $fast:ident, [$first:literal $(, $tile:literal)*]) => {
        $crate::device::variant::Family {
            name: $name,
            variants: &[
                $crate::ops::tiled::variant::<$product, { $crate::ops::tiled::tile($first) }>(
                    $label,
                    $crate::reference!($reference),
                    $fast,
                ),
                $($crate::ops::tiled::variant::<$product, { $crate::ops::tiled::tile($tile) }>(
                    concat!($label, "_", $tile),
                    $crate::reference!($reference),
                    $fast,
                )),*
            ],
            class: $crate::ops::tiled::class::<$product>,
            default,
        }
    };
}
pub(super) use tiled_family;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_as_large_as_they_say() {
        for tile in &TILES {
            assert_eq!(tile.name, format!("{}x{}", tile.rows, tile.columns));
            let Sums::Registers { rows, vectors } = tile.sums else { panic!("{}: no registers", tile.name) };
            assert_eq!(tile.workgroup * rows * vectors * VECTOR, tile.rows * tile.columns, "{}", tile.name);
            // The WGSL has the text for these.
            assert!([4, 8].contains(&rows) && [1, 2].contains(&vectors), "{}", tile.name);
            assert_eq!(TILES[super::tile(tile.name)].name, tile.name);
        }
        let bytes = |name| TILES[super::tile(name)].workgroup_memory();
        assert_eq!([bytes("64x64"), bytes("128x16"), bytes("128x128")], [16 << 10, 18 << 10, 32 << 10]);
    }
}
