//! The kernels of a convolution in its three directions, one variant for each tile, and the table of default
//! variants.

use super::reference::{data, data_fast, forward, forward_fast, weights, weights_fast};
use crate::device::class::Band::{UpTo8, UpTo16, UpTo32};
use crate::device::class::{Class, Tiles};
use crate::device::kernel::Constants;
use crate::device::variant::Family;
use crate::ops::convolution::{ConvParams, SCALARS};
use crate::ops::tiled::{BLOCKS, OCTETS, Product, TILE, TILE_COOPERATIVE, Tile, square, tiled_family};
use crate::ops::{FUNCTIONS, INDEX, MATH};

pub(super) static FORWARD: Family<ConvParams> = tiled_family!(
    "conv2d.forward",
    Forward,
    "conv2d.forward",
    forward,
    forward_fast,
    ["64x64", "32x32", "128x16", "128x32", "128x128"]
);
pub(super) static DATA: Family<ConvParams> = tiled_family!(
    "conv2d.data",
    Data,
    "conv2d.data",
    data,
    data_fast,
    ["64x64", "32x32", "128x16", "128x32", "128x128"]
);
pub(super) static WEIGHTS: Family<ConvParams> = tiled_family!(
    "conv2d.weights",
    Weights,
    "conv2d.weights",
    weights,
    weights_fast,
    ["64x64", "32x32", "128x16", "128x32", "128x128"]
);

/// The default variant for a class. Large tiles load less for each product and compute fewer addresses: in code for
/// RDNA 2, 71 % of the instructions of a loop are products with tiles of 128 × 128, 56 % with 64 × 64. But a GPU
/// needs enough tiles, and few channels do not fill a large tile.
fn default(class: Class) -> &'static str {
    match class.columns {
        UpTo8 | UpTo16 => "128x16",
        UpTo32 if class.tiles != Tiles::Few => "128x32",
        _ => square(class.tiles),
    }
}

/// `shaders/lib/groups.wgsl`: channels of a group.
const CHANNELS: &str = include_str!("../../../shaders/lib/groups.wgsl");
/// What A, B and C are in each direction.
const OPERANDS: &str = include_str!("../../../shaders/conv2d.wgsl");

static SOURCE: [&str; 9] = [
    INDEX,
    MATH,
    FUNCTIONS,
    SCALARS,
    CHANNELS,
    OPERANDS,
    // Blocks of A and B, how slabs of these are loaded, and how a tile of C is computed from slabs.
    include_str!("../../../shaders/conv2d_blocks.wgsl"),
    BLOCKS,
    TILE,
];
static SOURCE_ON_MATRICES: [&str; 9] = [
    INDEX,
    MATH,
    FUNCTIONS,
    SCALARS,
    CHANNELS,
    OPERANDS,
    // The same from octets.
    include_str!("../../../shaders/conv2d_octets.wgsl"),
    OCTETS,
    TILE_COOPERATIVE,
];

/// A direction of the convolution, as a matrix product.
pub(super) trait Direction {
    /// Its number in `shaders/conv2d.wgsl`.
    const NUMBER: u32;
    /// Rows of a result.
    fn rows(p: &ConvParams) -> u64;
    /// Columns of a result.
    fn columns(p: &ConvParams) -> u32;
    /// A number of which the terms of every sum are a multiple.
    fn terms(p: &ConvParams) -> u64;
    /// The innermost extents of a group's two operands: their multiples of four make vectors, of eight octets.
    fn channels(p: &ConvParams) -> [u32; 2];
}

pub(super) struct Forward;
pub(super) struct Data;
pub(super) struct Weights;

impl Direction for Forward {
    const NUMBER: u32 = 0;
    fn rows(p: &ConvParams) -> u64 {
        p.pixels_out()
    }
    fn columns(p: &ConvParams) -> u32 {
        p.outputs()
    }
    fn terms(p: &ConvParams) -> u64 {
        p.taps()
    }
    fn channels(p: &ConvParams) -> [u32; 2] {
        [p.inputs(), p.outputs()]
    }
}

impl Direction for Data {
    const NUMBER: u32 = 1;
    fn rows(p: &ConvParams) -> u64 {
        p.n as u64 * p.h.div_ceil(p.stride_h) as u64 * p.w.div_ceil(p.stride_w) as u64
    }
    fn columns(p: &ConvParams) -> u32 {
        p.inputs()
    }
    fn terms(p: &ConvParams) -> u64 {
        // The phases of a stride have different taps.
        let taps = if p.phases() == 1 { p.kh as u64 * p.kw as u64 } else { 1 };
        taps * p.outputs() as u64
    }
    fn channels(p: &ConvParams) -> [u32; 2] {
        [p.outputs(), p.inputs()]
    }
}

impl Direction for Weights {
    const NUMBER: u32 = 2;
    fn rows(p: &ConvParams) -> u64 {
        p.taps()
    }
    fn columns(p: &ConvParams) -> u32 {
        p.outputs()
    }
    fn terms(p: &ConvParams) -> u64 {
        p.pixels_out()
    }
    fn channels(p: &ConvParams) -> [u32; 2] {
        [p.inputs(), p.outputs()]
    }
}

impl<D: Direction> Product for D {
    type Params = ConvParams;
    const SOURCE: &'static [&'static str] = &SOURCE;
    const SOURCE_ON_MATRICES: &'static [&'static str] = &SOURCE_ON_MATRICES;

    fn flops(p: &ConvParams) -> u64 {
        p.flops()
    }

    fn results(p: &ConvParams) -> u64 {
        let parts = if D::NUMBER == Data::NUMBER { p.phases() } else { p.splits };
        parts as u64 * p.groups as u64
    }

    fn rows(p: &ConvParams) -> u64 {
        <D as Direction>::rows(p)
    }

    fn columns(p: &ConvParams) -> u64 {
        <D as Direction>::columns(p).into()
    }

    fn products(p: &ConvParams) -> u64 {
        p.flops() / (2 * <D as Direction>::rows(p) * <D as Direction>::columns(p) as u64 * Self::results(p))
    }

    fn constants(p: &ConvParams, tile: &Tile) -> Constants {
        let columns = <D as Direction>::columns(p);
        let whole = D::terms(p).is_multiple_of(tile.slab().into()) && columns.is_multiple_of(tile.columns);
        // A constant that the text does not read would only make more pipelines of it.
        let (names, together) =
            if tile.is_on_matrices() { (["A_OCTETS", "B_OCTETS"], 8) } else { (["A_VECTOR", "B_VECTOR"], 4) };
        let [a, b] = D::channels(p).map(|channels| channels.is_multiple_of(together) as u32);
        vec![
            ("FUNCTION", p.function),
            ("HAS_BIAS", p.has_bias),
            ("GROUPED", (p.groups > 1) as u32),
            (names[0], a),
            (names[1], b),
            ("B_WHOLE", whole as u32),
            ("DIRECTION", D::NUMBER),
            ("A_ALONG_K", (D::NUMBER != Weights::NUMBER) as u32),
            ("B_ALONG_N", 1),
            ("WINDOW_WIDTH", p.kw),
            ("STRIDED", (p.phases() > 1) as u32),
            ("DILATED", (p.dilation_h * p.dilation_w > 1) as u32),
        ]
    }
}
