//! What products and convolutions share on GPUs: the tiles that a workgroup computes, and which of them suits how many
//! results.

use crate::device::kernel::Constants;
use crate::device::variant::Tiles;

/// `shaders/lib/blocks.wgsl`: how slabs of the operands are loaded.
pub(crate) const BLOCKS: &str = include_str!("../../shaders/lib/blocks.wgsl");

/// `shaders/lib/tile.wgsl`: a tile in registers.
pub(crate) const TILE: &str = include_str!("../../shaders/lib/tile.wgsl");

/// `shaders/lib/tile_cooperative.wgsl`: a tile on cooperative matrices.
pub(crate) const TILE_COOPERATIVE: &str = include_str!("../../shaders/lib/tile_cooperative.wgsl");

/// The constants of a tile of `m` × `n`, of which an invocation computes `rows` rows of `vectors` vectors of four
/// columns.
pub(crate) fn tile_constants(m: u32, n: u32, rows: u32, vectors: u32) -> Constants {
    let threads = m / rows * (n / 4 / vectors);
    vec![("TILE_M", m), ("TILE_N", n), ("ROWS", rows), ("VECTORS", vectors), ("THREADS", threads)]
}

/// Terms that a slab of either operand spans.
pub(crate) const SLAB: u32 = 16;

/// The constants of a square tile on cooperative matrices.
pub(crate) fn fragment_constants(tile: u32) -> Constants {
    vec![("TILE_M", tile), ("TILE_N", tile), ("THREADS", tile * tile / 64)]
}

/// The square tile of which there are enough.
pub(crate) fn square(tiles: Tiles) -> &'static str {
    match tiles {
        Tiles::Few => "32x32",
        Tiles::Enough => "64x64",
        Tiles::Many => "128x128",
    }
}

/// Rows and columns of a workgroup's tile on cooperative matrices: large ones read less, small ones are more. Of
/// the large ones there must be enough to keep a GPU busy.
pub(crate) fn cooperative_tile(matrices: u64, rows: u64, columns: u64) -> u32 {
    const ENOUGH: u64 = 64;
    if matrices * rows.div_ceil(128) * columns.div_ceil(128) >= ENOUGH { 128 } else { 64 }
}

/// Whether a product fills at least one fragment of any extent.
pub(crate) fn fills_fragments(rows: u64, columns: u64, terms: u64) -> bool {
    rows.min(columns).min(terms) >= 16
}
