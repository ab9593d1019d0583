// Convolution of images in NHWC with a kernel in HWIO, as a matrix product whose left operand is never stored:
//
//   DIRECTION 0, forward:   Y[(n,oh,ow), co]      = f(Σ X[n, oh·s+kh-p, ow·s+kw-p, ci] · W[kh,kw,ci,co] + bias[co])
//   DIRECTION 1, data:      dX[(n,ih,iw), ci]     = Σ dY[n, (ih+p-kh)/s, (iw+p-kw)/s, co] · W[kh,kw,ci,co]
//   DIRECTION 2, weights:   dW[(kh,kw,ci), co]    = Σ X[n, oh·s+kh-p, ow·s+kw-p, ci] · dY[(n,oh,ow), co]
//
// where pixels outside the image are zero, and in 1 only whole quotients count. A workgroup computes a tile of the
// left-hand side from blocks of 4 × 4 (lib/blocks.wgsl, then lib/tile.wgsl or lib/tile_cooperative.wgsl). In 2 the sum
// runs over all pixels of a batch: it is cut into `splits` pieces of `piece` image rows, each with its own result, summed
// in order by a second dispatch.
//
// With groups each formula holds for each group: ci and co are then channels of the group, W is
// [kh, kw, ci/groups, co] in memory, and a group's channels lie in the midst of all channels.
//
// A_VECTOR (forward and data), A_ALONG_M (weights), B_VECTOR: the channels of that operand come in whole vectors of
// four. WINDOW_WIDTH is kw, STRIDED says whether a stride is more than 1: a GPU divides by a number that it learns only
// when it runs by some twenty instructions, which would take longer than the products.

// Bindings in the order of each formula. Forward: x, w, bias, y. Data: dy, wᵀ, w, dx (wᵀ is w with its last two axes
// exchanged, which makes the rows of the right operand contiguous; only the reference reads w). Weights: x, dy, dy,
// dw.
@group(0) @binding(0) var<storage, read> a: array<vec4<Element0>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Element1>>;
@group(0) @binding(2) var<storage, read> bias: array<Element2>;
@group(0) @binding(3) var<storage, read_write> c: array<Element3>;

// Which piece of the sum over pixels this invocation works on, and which group of channels.
var<private> split: u32;
var<private> part: u32;

fn extent_m() -> u32 {
    switch DIRECTION {
        case 0u: { return p.n * p.oh * p.ow; }
        case 1u: { return p.n * p.h * p.w; }
        default: { return p.kh * p.kw * inputs(); }
    }
}

fn extent_n() -> u32 {
    return select(outputs(), inputs(), DIRECTION == 1u);
}

fn extent_k() -> u32 {
    switch DIRECTION {
        case 0u: { return p.kh * p.kw * inputs(); }
        case 1u: { return p.kh * p.kw * outputs(); }
        default: { return p.n * p.oh * p.ow; }
    }
}

// What a block of the left operand needs to know of one of its rows, worked out once before the sum over k. Forward, a
// row is an output pixel: `image` is the first row of its image, y and x the corner of its window. Data: an input pixel;
// y and x are where it lies under the window's first tap. Weights: a tap and a channel; y and x are the tap's place from
// the output pixel's own.
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
            let line = m / p.w;
            let image = line / p.h;
            let y = i32(line - image * p.h + p.pad_h);
            return RowOfA(inside, i32(image * p.oh), y, i32(m - line * p.w + p.pad_w), 0u);
        }
        default: {
            let tap = m / inputs();
            let y = i32(tap / WINDOW_WIDTH) - i32(p.pad_h);
            let x = i32(tap % WINDOW_WIDTH) - i32(p.pad_w);
            return RowOfA(inside, 0, y, x, part * inputs() + m - tap * inputs());
        }
    }
}

struct RowsOfA {
    rows: array<RowOfA, 4>,
}

fn rows_of_a(m: u32) -> RowsOfA {
    return RowsOfA(array(row_of_a(m), row_of_a(m + 1u), row_of_a(m + 2u), row_of_a(m + 3u)));
}

// Which pixel of X a row of the result reads under a tap of its window, -1 outside the image.
fn source(row: RowOfA, tap: u32) -> i32 {
    if !row.inside { return -1; }
    let y = row.y + i32(tap / WINDOW_WIDTH);
    let x = row.x + i32(tap % WINDOW_WIDTH);
    if y < 0 || x < 0 || y >= i32(p.h) || x >= i32(p.w) { return -1; }
    return (row.image + y) * i32(p.w) + x;
}

// Which pixel of dY read a row's input pixel under a tap, -1 where none did.
fn target_of(row: RowOfA, tap: u32) -> i32 {
    if !row.inside { return -1; }
    var y = row.y - i32(tap / WINDOW_WIDTH);
    var x = row.x - i32(tap % WINDOW_WIDTH);
    if y < 0 || x < 0 { return -1; }
    if STRIDED == 1u {
        let stride_h = i32(p.stride_h);
        let stride_w = i32(p.stride_w);
        if y % stride_h != 0 || x % stride_w != 0 { return -1; }
        y /= stride_h;
        x /= stride_w;
    }
    if y >= i32(p.oh) || x >= i32(p.ow) { return -1; }
    return (row.image + y) * i32(p.ow) + x;
}

// The pixel of the left operand under one tap, whichever way the product runs.
fn pixel_under(row: RowOfA, tap: u32) -> i32 {
    if DIRECTION == 1u { return target_of(row, tap); }
    return source(row, tap);
}

// Forward and data have rows of A, pixels, whose channels are neighbours; weights have columns, pixels too.
const A_TURNED: u32 = u32(DIRECTION != 2u);
const B_TURNED: u32 = 0u;
// Windows reach beyond the image.
const A_WHOLE: u32 = 0u;

// Which pixel of X a tap reads for an output pixel whose window begins here, -1 outside the image.
fn pixel_of_window(row: RowOfA, image: u32, corner_y: i32, corner_x: i32) -> i32 {
    let y = corner_y + row.y;
    let x = corner_x + row.x;
    if !row.inside || y < 0 || x < 0 || y >= i32(p.h) || x >= i32(p.w) { return -1; }
    return i32((image * p.h + u32(y)) * p.w + u32(x));
}

// Weights: vector i of the block is output pixel k + i, which are followed from one to the next; its elements are taps
// and channels, four channels of one tap where channels come in vectors.
fn block_of_pixels(rows: RowsOfA, k: u32, last_k: u32) -> Block {
    var block: Block;
    let line = k / p.ow;
    var ox = k - line * p.ow;
    var image = line / p.oh;
    var oy = line - image * p.oh;
    for (var i = 0u; i < 4u; i++) {
        let y = i32(oy * p.stride_h);
        let x = i32(ox * p.stride_w);
        if A_ALONG_M == 1u {
            let pixel = pixel_of_window(rows.rows[0], image, y, x);
            block.vectors[i] = a[(u32(max(pixel, 0)) * p.ci + rows.rows[0].channel) / 4u];
            block.inside |= select(0u, 15u, pixel >= 0 && k + i < last_k) << (4u * i);
        } else {
            for (var j = 0u; j < 4u; j++) {
                let pixel = pixel_of_window(rows.rows[j], image, y, x);
                let at = u32(max(pixel, 0)) * p.ci + rows.rows[j].channel;
                block.vectors[i][j] = a[at / 4u][at % 4u];
                block.inside |= u32(pixel >= 0 && k + i < last_k) << (4u * i + j);
            }
        }
        ox += 1u;
        if ox == p.ow { ox = 0u; oy += 1u; }
        if oy == p.oh { oy = 0u; image += 1u; }
    }
    return block;
}

// Forward and data: vector j of the block is a pixel, its elements are channels under a tap.
fn block_of_channels(rows: RowsOfA, k: u32, last_k: u32) -> Block {
    var block: Block;
    let all = select(p.ci, p.co, DIRECTION == 1u);
    let channels = select(inputs(), outputs(), DIRECTION == 1u);
    if A_VECTOR == 1u {
        let tap = k / channels;
        let channel = part * channels + k - tap * channels;
        for (var j = 0u; j < 4u; j++) {
            let pixel = pixel_under(rows.rows[j], tap);
            block.vectors[j] = a[(u32(max(pixel, 0)) * all + channel) / 4u];
            block.inside |= select(0u, 15u, pixel >= 0 && k < last_k) << (4u * j);
        }
        return block;
    }
    for (var i = 0u; i < 4u; i++) {
        let tap = (k + i) / channels;
        let channel = part * channels + k + i - tap * channels;
        for (var j = 0u; j < 4u; j++) {
            let pixel = pixel_under(rows.rows[j], tap);
            let at = u32(max(pixel, 0)) * all + channel;
            block.vectors[j][i] = a[at / 4u][at % 4u];
            block.inside |= u32(pixel >= 0 && k + i < last_k) << (4u * j + i);
        }
    }
    return block;
}

fn load_a(rows: RowsOfA, m: u32, k: u32, last_k: u32) -> Block {
    if DIRECTION == 2u { return block_of_pixels(rows, k, last_k); }
    return block_of_channels(rows, k, last_k);
}

// Where row k of the right operand begins. In 1 its rows are (kh, kw, co), of which a group's lie apart.
fn row_of_b(k: u32) -> u32 {
    if DIRECTION == 1u {
        if GROUPS == 1u { return k * inputs(); }
        return (k / outputs() * p.co + part * outputs() + k % outputs()) * inputs();
    }
    return k * p.co + part * outputs();
}

fn load_b(k: u32, n: u32) -> Block {
    let inside = bits_inside(count_below(k, extent_k()), count_below(n, extent_n()));
    let at = vec4(row_of_b(k), row_of_b(k + 1u), row_of_b(k + 2u), row_of_b(k + 3u)) + n;
    if B_VECTOR == 1u {
        let vectors = mat4x4<Element0>(b[at[0] / 4u], b[at[1] / 4u], b[at[2] / 4u], b[at[3] / 4u]);
        return Block(vectors, inside);
    }
    var vectors: mat4x4<Element0>;
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            vectors[i][j] = b[(at[i] + j) / 4u][(at[i] + j) % 4u];
        }
    }
    return Block(vectors, inside);
}

fn tile_c(m: u32, n: u32, value: vec4<f32>) {
    if m >= extent_m() { return; }
    let columns = extent_n();
    let first = part * columns;
    let base = (split * extent_m() + m) * columns * GROUPS + first;
    for (var i = 0u; i < 4u; i++) {
        if n + i < columns {
            var z = value[i];
            if HAS_BIAS == 1u { z += f32(bias[first + n + i]); }
            c[base + n + i] = Element3(apply(FUNCTION, z));
        }
    }
}

fn compute_tile(tile: u32, lane: u32) {
    let columns = (extent_n() + TILE_N - 1u) / TILE_N;
    let tiles = (extent_m() + TILE_M - 1u) / TILE_M * columns;
    if tile >= tiles * GROUPS * p.splits { return; }
    split = tile / (tiles * GROUPS);
    part = tile / tiles % GROUPS;
    var first = 0u;
    var last = extent_k();
    if DIRECTION == 2u {
        first = split * p.piece * p.ow;
        last = min(first + p.piece * p.ow, last);
    }
    tile_product(tile % tiles / columns, tile % columns, first, last, lane);
}
