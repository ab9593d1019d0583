// Convolution of images in NHWC with a kernel in HWIO, as a matrix product whose left operand is never stored:
//
//   DIRECTION 0, forward:   Y[(n,oh,ow), co]      = f(Σ X[n, oh·s+kh·d-p, ow·s+kw·d-p, ci] · W[kh,kw,ci,co] + bias[co])
//   DIRECTION 1, data:      dX[(n,ih,iw), ci]     = Σ dY[n, (ih+p-kh·d)/s, (iw+p-kw·d)/s, co] · W[kh,kw,ci,co]
//   DIRECTION 2, weights:   dW[(kh,kw,ci), co]    = Σ X[n, oh·s+kh·d-p, ow·s+kw·d-p, ci] · dY[(n,oh,ow), co]
//
// where pixels outside the image are zero, and in 1 only whole quotients count. A workgroup computes a tile of the
// left-hand side: in registers (lib/tile.wgsl) from blocks (conv2d_blocks.wgsl), or on cooperative matrices
// (lib/tile_cooperative.wgsl) from octets (conv2d_octets.wgsl). In 2 the sum runs over all pixels of a batch: it is cut
// into `splits` pieces of `piece` image rows, each with its own result, summed in order by a second dispatch.
//
// In 1, the quotients of a pixel are whole for the taps kh ≡ ih+p and kw ≡ iw+p modulo the stride. Pixels with the same
// remainders, a phase, have the same taps, so there is a product for each of the stride_h · stride_w phases. Without a
// stride there is one phase, with all pixels and all taps. Along an axis with a dilation d > 1 the stride is 1 in
// direction 1.
//
// With groups each formula holds for each group: ci and co are then channels of the group, W is
// [kh, kw, ci/groups, co] in memory, and a group's channels are among all channels of a pixel.
//
// WINDOW_WIDTH is kw, STRIDED says whether a stride is more than 1, DILATED whether a dilation is: a GPU divides by a
// number that it learns only when it runs by some twenty instructions, which would take longer than the products.

// Bindings in the order of each formula. Forward: x, w, bias, y. Data: dy, wᵀ, w, dx (wᵀ is w with its last two axes
// exchanged, which makes the rows of the right operand contiguous; only the reference reads w). Weights: x, dy, dy,
// dw.
@group(0) @binding(0) var<storage, read> a: array<vec4<Element0>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Element1>>;
@group(0) @binding(2) var<storage, read> bias: array<Element2>;
@group(0) @binding(3) var<storage, read_write> c: array<Element3>;

// The part of the work that this invocation takes part in: a piece of the sum over pixels, a group of channels, and a
// phase: the remainders of its pixels' rows and columns.
var<private> split: u32;
var<private> part: u32;
var<private> phase: vec2<u32>;

// The stride as rows and columns.
fn stride() -> vec2<u32> {
    return vec2(p.stride_h, p.stride_w);
}

// The dilation as rows and columns.
fn dilation() -> vec2<i32> {
    if DILATED == 0u { return vec2(1); }
    return vec2(i32(p.dilation_h), i32(p.dilation_w));
}

// Rows and columns of pixels of a phase, of which some may be outside the image.
fn phase_extent() -> vec2<u32> {
    return (vec2(p.h, p.w) + stride() - 1u) / stride();
}

// Columns of a phase's taps.
fn taps_across() -> u32 {
    if STRIDED == 0u { return WINDOW_WIDTH; }
    return (max(WINDOW_WIDTH, phase.y) - phase.y + p.stride_w - 1u) / p.stride_w;
}

// All taps of a phase.
fn phase_taps() -> u32 {
    return (max(p.kh, phase.x) - phase.x + p.stride_h - 1u) / p.stride_h * taps_across();
}

// Which image pixel m of a phase belongs to, and its row and column there.
fn pixel_of_phase(m: u32) -> vec3<u32> {
    let extent = phase_extent();
    let line = m / extent.y;
    let image = line / extent.x;
    let first = (phase + stride() - vec2(p.pad_h, p.pad_w) % stride()) % stride();
    return vec3(image, first + vec2(line - image * extent.x, m - line * extent.y) * stride());
}

fn extent_m() -> u32 {
    switch DIRECTION {
        case 0u: { return p.n * p.oh * p.ow; }
        case 1u: { return p.n * phase_extent().x * phase_extent().y; }
        default: { return p.kh * p.kw * inputs(); }
    }
}

fn extent_n() -> u32 {
    return select(outputs(), inputs(), DIRECTION == 1u);
}

fn extent_k() -> u32 {
    switch DIRECTION {
        case 0u: { return p.kh * p.kw * inputs(); }
        case 1u: { return phase_taps() * outputs(); }
        default: { return p.n * p.oh * p.ow; }
    }
}

// What the loads of the left operand need to know of one of its rows, computed once before the sum over k. Forward, a
// row is an output pixel: `image` is the first row of its image, y and x the corner of its window. Data: an input
// pixel; y and x are the row and column of the output pixel that read it with the phase's first tap. Weights: a tap and
// a channel; y and x are the tap's place from the output pixel's own.
struct RowOfA {
    inside: bool,
    image: i32,
    y: i32,
    x: i32,
    channel: u32,
}

fn row_of_a(m: u32) -> RowOfA {
    let inside = m < extent_m();
    switch DIRECTION {
        case 0u: {
            let line = m / p.ow;
            let image = line / p.oh;
            let y = i32((line - image * p.oh) * p.stride_h) - i32(p.pad_h);
            let x = i32((m - line * p.ow) * p.stride_w) - i32(p.pad_w);
            return RowOfA(inside, i32(image * p.h), y, x, 0u);
        }
        case 1u: {
            let pixel = pixel_of_phase(m);
            let first = (pixel.yz + vec2(p.pad_h, p.pad_w)) / stride();
            let in_image = inside && pixel.y < p.h && pixel.z < p.w;
            return RowOfA(in_image, i32(pixel.x * p.oh), i32(first.x), i32(first.y), 0u);
        }
        default: {
            let tap = m / inputs();
            let y = i32(tap / WINDOW_WIDTH) * dilation().x - i32(p.pad_h);
            let x = i32(tap % WINDOW_WIDTH) * dilation().y - i32(p.pad_w);
            return RowOfA(inside, 0, y, x, part * inputs() + m - tap * inputs());
        }
    }
}

// The pixel of the left operand under a tap of a row's window, -1 outside the image. Forward, of X; data, of dY, where
// the taps are those of the phase and go backwards.
fn pixel_under(row: RowOfA, tap: u32) -> i32 {
    // A phase without taps has nothing to sum; what is loaded for it is not used.
    let across = select(WINDOW_WIDTH, max(taps_across(), 1u), DIRECTION == 1u);
    let along = vec2(i32(tap / across), i32(tap % across)) * dilation();
    let extent = select(vec2(i32(p.h), i32(p.w)), vec2(i32(p.oh), i32(p.ow)), DIRECTION == 1u);
    let at = vec2(row.y, row.x) + select(along, -along, DIRECTION == 1u);
    if !row.inside || any(at < vec2(0)) || any(at >= extent) { return -1; }
    return (row.image + at.x) * extent.y + at.y;
}

// Weights: which pixel of X a tap reads for an output pixel whose window begins here, -1 outside the image.
fn pixel_of_window(row: RowOfA, image: u32, corner_y: i32, corner_x: i32) -> i32 {
    let y = corner_y + row.y;
    let x = corner_x + row.x;
    if !row.inside || y < 0 || x < 0 || y >= i32(p.h) || x >= i32(p.w) { return -1; }
    return i32((image * p.h + u32(y)) * p.w + u32(x));
}

// Channels of the left operand's pixels, and those of a group. (Forward and data.)
fn channels() -> vec2<u32> {
    return select(vec2(p.ci, inputs()), vec2(p.co, outputs()), DIRECTION == 1u);
}

// The first element of row k of the right operand. In 1 its rows are (kh, kw, co) of the phase's taps.
fn row_of_b(k: u32) -> u32 {
    if DIRECTION != 1u { return k * p.co + part * outputs(); }
    if STRIDED == 0u && GROUPED == 0u { return k * inputs(); }
    var tap = k / outputs();
    let channel = part * outputs() + k - tap * outputs();
    if STRIDED == 1u {
        let across = taps_across();
        let place = phase + vec2(tap / across, tap % across) * stride();
        tap = place.x * WINDOW_WIDTH + place.y;
    }
    return (tap * p.co + channel) * inputs();
}

// The row of the result in memory that row m of the tile is, -1 if there is none.
fn row_of_c(m: u32) -> i32 {
    if m >= extent_m() { return -1; }
    if DIRECTION != 1u || STRIDED == 0u { return i32(split * extent_m() + m); }
    let pixel = pixel_of_phase(m);
    if pixel.y >= p.h || pixel.z >= p.w { return -1; }
    return i32((pixel.x * p.h + pixel.y) * p.w + pixel.z);
}

fn tile_c(m: u32, n: u32, value: vec4<f32>) {
    let row = row_of_c(m);
    if row < 0 { return; }
    let columns = extent_n();
    let first = part * columns;
    let base = u32(row) * columns * groups() + first;
    for (var i = 0u; i < 4u; i++) {
        if n + i < columns {
            var z = value[i];
            if HAS_BIAS == 1u { z += f32(bias[first + n + i]); }
            c[base + n + i] = Element3(apply(z));
        }
    }
}

fn compute_tile(tile: u32, lane: u32) {
    let columns = (extent_n() + TILE_N - 1u) / TILE_N;
    let tiles = (extent_m() + TILE_M - 1u) / TILE_M * columns;
    let result = tile / tiles;
    let results = select(p.splits, p.stride_h * p.stride_w, DIRECTION == 1u);
    if result >= groups() * results { return; }
    part = result % groups();
    if DIRECTION == 1u {
        phase = vec2(result / groups() / p.stride_w, result / groups() % p.stride_w);
    } else {
        split = result / groups();
    }
    var first = 0u;
    var last = extent_k();
    if DIRECTION == 2u {
        first = split * p.piece * p.ow;
        last = min(first + p.piece * p.ow, last);
    }
    tile_product(tile % tiles / columns, tile % columns, first, last, lane);
}
