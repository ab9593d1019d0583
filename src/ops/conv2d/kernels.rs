//! The kernels of a convolution in its three directions, each in its variants, and the table that chooses among them.
//!
//! On GPUs a variant is a tile, the rows × columns of the result that a workgroup computes; on software adapters it is
//! what an invocation computes, rows × vectors of four columns, with a workgroup's lanes along the columns, or down
//! along the rows.

use super::twin::{data, forward, weights};
use crate::device::Kind;
use crate::device::kernel::{Constants, Cooperative, Kernel, Shader, Twin};
use crate::device::variant::Band::{UpTo8, UpTo16, UpTo32};
use crate::device::variant::{Class, Family, Tiles, Variant};
use crate::ops::convolution::{Params, SCALARS};
use crate::ops::tiled::{
    BLOCKS, SLAB, TILE, TILE_COOPERATIVE, cooperative_tile, fills_fragments, fragment_constants, square,
    tile_constants,
};
use crate::ops::{FUNCTIONS, INDEX, TILE_SOFTWARE, software_stand_in, software_tile, unrolled};
use crate::twin;

/// A direction of the convolution, as a matrix product.
pub(super) trait Direction {
    /// In `shaders/conv2d.wgsl`.
    const NUMBER: u32;
    /// The entry point of the shaders for software adapters.
    const ENTRY: &'static str;
    /// Rows of a group's result.
    fn rows(p: &Params) -> u64;
    /// Columns of a group's result.
    fn columns(p: &Params) -> u32;
    /// Terms of a sum.
    fn terms(p: &Params) -> u64;
    /// Terms of a sum that lie evenly in memory.
    fn run(p: &Params) -> u32;
    /// The innermost extents of a group's two operands, whose multiples of four make vectors.
    fn channels(p: &Params) -> [u32; 2];
    /// Whether four rows of the result read one aligned vector of the left operand.
    fn a_along_m(_: &Params) -> u32 {
        0
    }
}

pub(super) struct Forward;
pub(super) struct Data;
pub(super) struct Weights;

impl Direction for Forward {
    const NUMBER: u32 = 0;
    const ENTRY: &'static str = "forward";
    fn rows(p: &Params) -> u64 {
        p.pixels_out()
    }
    fn columns(p: &Params) -> u32 {
        p.outputs()
    }
    fn terms(p: &Params) -> u64 {
        p.taps()
    }
    fn run(p: &Params) -> u32 {
        p.inputs()
    }
    fn channels(p: &Params) -> [u32; 2] {
        [p.inputs(), p.outputs()]
    }
}

impl Direction for Data {
    const NUMBER: u32 = 1;
    const ENTRY: &'static str = "data";
    fn rows(p: &Params) -> u64 {
        p.pixels_in()
    }
    fn columns(p: &Params) -> u32 {
        p.inputs()
    }
    fn terms(p: &Params) -> u64 {
        p.kh as u64 * p.kw as u64 * p.outputs() as u64
    }
    fn run(p: &Params) -> u32 {
        p.outputs()
    }
    fn channels(p: &Params) -> [u32; 2] {
        [p.outputs(), p.inputs()]
    }
}

impl Direction for Weights {
    const NUMBER: u32 = 2;
    const ENTRY: &'static str = "weights";
    fn rows(p: &Params) -> u64 {
        p.taps()
    }
    fn columns(p: &Params) -> u32 {
        p.outputs()
    }
    fn terms(p: &Params) -> u64 {
        p.pixels_out()
    }
    fn run(p: &Params) -> u32 {
        p.ow
    }
    fn channels(p: &Params) -> [u32; 2] {
        [1, p.outputs()]
    }
    fn a_along_m(p: &Params) -> u32 {
        p.inputs().is_multiple_of(4) as u32
    }
}

/// A variant whose label is that of the direction, with the variant's name.
macro_rules! variant {
    ($direction:ident, $entry:literal, $twin:ident, $kind:ident, $name:literal, $shader:expr) => {
        variant::<$direction>(
            Kind::$kind,
            $name,
            concat!("conv2d.", $entry, "_", $name),
            $shader,
            twin!($twin),
        )
    };
}

/// The first variant has the label of the direction alone.
macro_rules! family {
    ($d:ident, $entry:literal, $twin:ident) => {
        Family {
            name: concat!("conv2d.", $entry),
            variants: &[
                variant::<$d>(
                    Kind::Gpu,
                    "64x64",
                    concat!("conv2d.", $entry),
                    tile::<$d, 64, 64, 4, 2>(),
                    twin!($twin),
                ),
                variant!($d, $entry, $twin, Gpu, "32x32", tile::<$d, 32, 32, 4, 1>()),
                variant!($d, $entry, $twin, Gpu, "128x16", tile::<$d, 128, 16, 4, 1>()),
                variant!($d, $entry, $twin, Gpu, "128x32", tile::<$d, 128, 32, 4, 1>()),
                variant!($d, $entry, $twin, Gpu, "128x128", tile::<$d, 128, 128, 8, 2>()),
                variant!($d, $entry, $twin, Software, "8x1", software::<$d, 0, 8, 1>()),
                variant!($d, $entry, $twin, Software, "8x2", software::<$d, 0, 8, 2>()),
                variant!($d, $entry, $twin, Software, "16x1", software::<$d, 0, 16, 1>()),
                variant!($d, $entry, $twin, Software, "24x1", software::<$d, 0, 24, 1>()),
                variant!($d, $entry, $twin, Software, "8x1-down", software::<$d, 1, 8, 1>()),
                variant!($d, $entry, $twin, Software, "8x2-down", software::<$d, 1, 8, 2>()),
                variant!($d, $entry, $twin, Software, "2x4-down", software::<$d, 1, 2, 4>()),
                variant!($d, $entry, $twin, Software, "4x4-down", software::<$d, 1, 4, 4>()),
            ],
            class: |p| Class::of($d::rows(p), $d::columns(p).into(), p.splits as u64 * p.groups as u64),
            default,
            stand_in: software_stand_in,
        }
    };
}

pub(super) static FORWARD: Family<Params> = family!(Forward, "forward", forward);
pub(super) static DATA: Family<Params> = family!(Data, "data", data);
pub(super) static WEIGHTS: Family<Params> = family!(Weights, "weights", weights);

/// The table of defaults. On GPUs large tiles load less for each product and find out where for more of them at once: in
/// code for RDNA 2, 71 % of the instructions in a loop are products with tiles of 128 × 128, 56 % with 64 × 64. But there
/// must be enough of them, and few channels fill none. On software adapters sixteen vectors of sums are the most that
/// don't take seconds to compile.
fn default(kind: Kind, class: Class) -> &'static str {
    match (kind, class.columns) {
        (Kind::Software, UpTo8) => "8x1-down",
        (Kind::Software, UpTo16) => "4x4-down",
        (Kind::Software, _) => "16x1",
        (_, UpTo8 | UpTo16) => "128x16",
        (_, UpTo32) if class.tiles != Tiles::Few => "128x32",
        _ => square(class.tiles),
    }
}

const TEXT: &str = include_str!("../../../shaders/conv2d.wgsl");
const GROUPS: &str = include_str!("../../../shaders/lib/groups.wgsl");
static TILED: [&str; 7] = [INDEX, FUNCTIONS, SCALARS, GROUPS, TEXT, BLOCKS, TILE];
static FRAGMENTS: [&str; 7] = [INDEX, FUNCTIONS, SCALARS, GROUPS, TEXT, BLOCKS, TILE_COOPERATIVE];
static SOFTWARE: [&str; 6] =
    [INDEX, FUNCTIONS, SCALARS, GROUPS, TILE_SOFTWARE, include_str!("../../../shaders/conv2d_software.wgsl")];

const fn variant<D: Direction>(
    kind: Kind,
    name: &'static str,
    label: &'static str,
    shader: Shader<Params>,
    twin: Twin<Params>,
) -> Variant<Params> {
    let cooperative = Some(cooperative::<D>());
    let kernel = Kernel { name: label, gpu: shader, software: None, cooperative, flops: Params::flops, twin };
    Variant { name, kind, kernel }
}

/// Tiles of `M` × `N`, of which an invocation computes `ROWS` rows of `VECTORS` vectors.
const fn tile<D: Direction, const M: u32, const N: u32, const ROWS: u32, const VECTORS: u32>()
-> Shader<Params> {
    Shader {
        source: &TILED,
        entry: "tiled",
        constants: |p| {
            tiled_constants::<D>(p, N).into_iter().chain(tile_constants(M, N, ROWS, VECTORS)).collect()
        },
        groups: |p| groups::<D>(p, M, N),
    }
}

/// Of two factors in f16, where there are cooperative matrices: instead of every variant for GPUs.
const fn cooperative<D: Direction>() -> Cooperative<Params> {
    Cooperative {
        shader: Shader {
            source: &FRAGMENTS,
            entry: "cooperative",
            constants: |p| {
                let tile = fragments_tile::<D>(p);
                tiled_constants::<D>(p, tile).into_iter().chain(fragment_constants(tile)).collect()
            },
            groups: |p| groups::<D>(p, fragments_tile::<D>(p), fragments_tile::<D>(p)),
        },
        pays: |p| {
            let (rows, columns) = (D::rows(p), D::columns(p).into());
            fills_fragments(rows, columns, p.flops() / (2 * rows * columns))
        },
    }
}

/// The tile of a workgroup on cooperative matrices.
fn fragments_tile<D: Direction>(p: &Params) -> u32 {
    cooperative_tile(p.splits as u64 * p.groups as u64, D::rows(p), D::columns(p).into())
}

/// An invocation computes `ROWS` rows of `VECTORS` vectors of four columns, a workgroup eight times as many columns, or
/// with `ALONG_ROWS` rows.
const fn software<D: Direction, const ALONG_ROWS: u32, const ROWS: u32, const VECTORS: u32>() -> Shader<Params>
{
    Shader {
        source: &SOFTWARE,
        entry: D::ENTRY,
        constants: |p| {
            let mut constants = constants_of_operands::<D>(p);
            constants.extend([
                ("A_ALONG_M", (1 - ALONG_ROWS) * D::a_along_m(p)),
                ("B_ALONG_K", 0),
                ("ALONG_ROWS", ALONG_ROWS),
                ("UNROLLED", unrolled(D::run(p), p.flops())),
                ("WHOLE", D::run(p).is_multiple_of(4) as u32),
                ("ROWS", ROWS),
                ("VECTORS", VECTORS),
            ]);
            constants
        },
        groups: |p| {
            let (rows, columns) = software_tile(ALONG_ROWS, ROWS, VECTORS);
            groups::<D>(p, rows, columns)
        },
    }
}

/// Workgroups, each of which computes so many rows and columns, for each group of channels; in the weights' direction
/// also for each piece of the sum.
fn groups<D: Direction>(p: &Params, rows: u32, columns: u32) -> u64 {
    let tiles = D::rows(p).div_ceil(rows.into()) * D::columns(p).div_ceil(columns) as u64;
    p.splits as u64 * p.groups as u64 * tiles
}

/// What the shaders of a tile of `n` columns know when they are compiled.
fn tiled_constants<D: Direction>(p: &Params, n: u32) -> Constants {
    let mut constants = constants_of_operands::<D>(p);
    constants.extend([
        ("B_WHOLE", (D::terms(p).is_multiple_of(SLAB.into()) && D::columns(p).is_multiple_of(n)) as u32),
        ("DIRECTION", D::NUMBER),
        ("A_ALONG_K", (D::NUMBER != 2) as u32),
        ("A_ALONG_M", D::a_along_m(p)),
        ("B_ALONG_N", 1),
        ("WINDOW_WIDTH", p.kw),
        ("STRIDED", (p.stride_h > 1 || p.stride_w > 1) as u32),
    ]);
    constants
}

/// What every shader knows when it is compiled.
fn constants_of_operands<D: Direction>(p: &Params) -> Constants {
    let [a_vector, b_vector] = D::channels(p).map(|channels| channels.is_multiple_of(4) as u32);
    vec![
        ("FUNCTION", p.function),
        ("HAS_BIAS", p.has_bias),
        ("GROUPS", p.groups),
        ("A_VECTOR", a_vector),
        ("B_VECTOR", b_vector),
    ]
}
