//! The kernels of a convolution in its three directions.

use super::twin::{data, forward, weights};
use crate::device::kernel::{Constants, Cooperative, Kernel, Shader};
use crate::ops::convolution::{Params, SCALARS};
use crate::ops::{FUNCTIONS, INDEX, TILE_COOPERATIVE, cooperative_tile, fills_fragments};
use crate::twin;

/// The tile of a workgroup on a GPU.
pub(super) const TILE: u64 = 64;

const GROUPS: &str = include_str!("../../../shaders/lib/groups.wgsl");
const TEXT: &str = include_str!("../../../shaders/conv2d.wgsl");
const TILED: &[&str] =
    &[INDEX, FUNCTIONS, SCALARS, GROUPS, include_str!("../../../shaders/lib/tile.wgsl"), TEXT];
const COOPERATIVE: &[&str] = &[INDEX, FUNCTIONS, SCALARS, GROUPS, TILE_COOPERATIVE, TEXT];
const WIDE: &[&str] =
    &[INDEX, FUNCTIONS, SCALARS, GROUPS, include_str!("../../../shaders/conv2d_software.wgsl")];
const NARROW: &[&str] =
    &[INDEX, FUNCTIONS, SCALARS, GROUPS, include_str!("../../../shaders/conv2d_software_narrow.wgsl")];

/// Results of at most this many columns take the narrow kernels on software adapters.
const NARROW_COLUMNS: u32 = 16;
/// Rows of each of the eight lanes in the narrow kernels.
const NARROW_ROWS: u32 = 2;

/// The kernels of one direction: on a GPU the same tile, on a software adapter one for wide results and one for
/// narrow ones.
pub(super) struct Direction {
    wide: Kernel<Params>,
    narrow: Kernel<Params>,
}

impl Direction {
    pub(super) fn kernel(&'static self, columns: u32) -> &'static Kernel<Params> {
        if columns <= NARROW_COLUMNS { &self.narrow } else { &self.wide }
    }
}

/// A direction with its number in `shaders/conv2d.wgsl`, its name, its twin, the rows and columns of a group's
/// result, and the innermost extents of a group's two operands, whose multiples of four make vectors.
macro_rules! direction {
    ($number:literal, $entry:literal, $twin:ident, $rows:expr, $columns:expr, $a:expr, $b:expr) => {
        Direction {
            wide: Kernel {
                name: concat!("conv2d.", $entry),
                gpu: Shader {
                    source: TILED,
                    entry: "tiled",
                    constants: |p| tiled_constants(p, $number, $a(p), $b(p)),
                    groups: |p| groups(p, $rows(p), $columns(p), TILE, TILE),
                },
                software: Some(Shader {
                    source: WIDE,
                    entry: $entry,
                    constants: |p| {
                        let vectors = wide_vectors($columns(p));
                        software_constants(p, $a(p), $b(p), wide_rows(vectors), vectors)
                    },
                    groups: |p| {
                        let vectors = wide_vectors($columns(p));
                        groups(p, $rows(p), $columns(p), wide_rows(vectors) as u64, 32 * vectors as u64)
                    },
                }),
                cooperative: Some(Cooperative {
                    shader: Shader {
                        source: COOPERATIVE,
                        entry: "cooperative",
                        constants: |p| {
                            let mut constants = tiled_constants(p, $number, $a(p), $b(p));
                            constants.push(("TILE", cooperative(p, $rows(p), $columns(p))));
                            constants
                        },
                        groups: |p| {
                            let tile = cooperative(p, $rows(p), $columns(p)).into();
                            groups(p, $rows(p), $columns(p), tile, tile)
                        },
                    },
                    pays: |p| {
                        let (rows, columns) = ($rows(p), $columns(p).into());
                        fills_fragments(rows, columns, p.flops() / (2 * rows * columns))
                    },
                }),
                flops: Params::flops,
                twin: twin!($twin),
            },
            narrow: Kernel {
                name: concat!("conv2d.", $entry, "_narrow"),
                gpu: Shader {
                    source: TILED,
                    entry: "tiled",
                    constants: |p| tiled_constants(p, $number, $a(p), $b(p)),
                    groups: |p| groups(p, $rows(p), $columns(p), TILE, TILE),
                },
                software: Some(Shader {
                    source: NARROW,
                    entry: $entry,
                    constants: |p| software_constants(p, $a(p), $b(p), NARROW_ROWS, $columns(p).div_ceil(4)),
                    groups: |p| {
                        groups(p, $rows(p), $columns(p), 8 * NARROW_ROWS as u64, NARROW_COLUMNS as u64)
                    },
                }),
                cooperative: None,
                flops: Params::flops,
                twin: twin!($twin),
            },
        }
    };
}

pub(super) static FORWARD: Direction =
    direction!(0, "forward", forward, Params::pixels_out, Params::outputs, Params::inputs, Params::outputs);
pub(super) static DATA: Direction =
    direction!(1, "data", data, Params::pixels_in, Params::inputs, Params::outputs, Params::inputs);
pub(super) static WEIGHTS: Direction =
    direction!(2, "weights", weights, Params::taps, Params::outputs, |_: &Params| 1, Params::outputs);

/// Vectors of columns per invocation of the wide kernels: two where the result fills them.
fn wide_vectors(columns: u32) -> u32 {
    if columns > 32 { 2 } else { 1 }
}

/// Rows per invocation of the wide kernels: sixteen vectors of sums are the most that stay in registers.
fn wide_rows(vectors: u32) -> u32 {
    16 / vectors
}

/// Workgroups for a result of this many rows and columns, of which a workgroup computes so many, for each group of
/// channels; in the weights' direction also for each piece of the sum.
fn groups(p: &Params, rows: u64, columns: u32, rows_each: u64, columns_each: u64) -> u64 {
    p.splits as u64 * p.groups as u64 * rows.div_ceil(rows_each) * (columns as u64).div_ceil(columns_each)
}

/// `a_channels`, `b_channels`: the innermost extents of the two operands, whose multiples of four make vectors.
fn tiled_constants(p: &Params, direction: u32, a_channels: u32, b_channels: u32) -> Constants {
    vec![
        ("DIRECTION", direction),
        ("FUNCTION", p.function),
        ("HAS_BIAS", p.has_bias),
        ("GROUPS", p.groups),
        ("A_VECTOR", a_channels.is_multiple_of(4) as u32),
        ("B_VECTOR", b_channels.is_multiple_of(4) as u32),
        ("A_ALONG_K", (direction != 2) as u32),
        ("B_ALONG_N", 1),
    ]
}

/// `a_channels`, `b_channels`: as for the tile; an invocation computes `rows` rows of `vectors` vectors of four
/// columns.
fn software_constants(p: &Params, a_channels: u32, b_channels: u32, rows: u32, vectors: u32) -> Constants {
    vec![
        ("FUNCTION", p.function),
        ("HAS_BIAS", p.has_bias),
        ("GROUPS", p.groups),
        ("A_VECTOR", a_channels.is_multiple_of(4) as u32),
        ("B_VECTOR", b_channels.is_multiple_of(4) as u32),
        ("ROWS", rows),
        ("VECTORS", vectors),
    ]
}

/// The tile of a workgroup on cooperative matrices, for a result of this many rows and columns.
fn cooperative(p: &Params, rows: u64, columns: u32) -> u32 {
    cooperative_tile(p.splits as u64 * p.groups as u64, rows, columns.into())
}
