// Convolution in three directions, as conv2d.wgsl (which has the formulas), for software adapters and results of
// few columns, where conv2d_software.wgsl would leave lanes idle.
//
// Lanes lie along the rows of the result (pixels; in `weights` rows of the kernel's gradient), and an invocation
// computes ROWS rows of VECTORS vectors of four columns (constants of the host). The right operand's values then have the same address in
// all lanes, which makes each of them one load and a broadcast; the left operand's are gathered, once for all
// columns. Where a pixel lies is worked out once per tap (in `weights` once per image row). No workgroup memory,
// no barrier.

const LANES: u32 = 8u;

@group(0) @binding(0) var<storage, read> a: array<vec4<Element0>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Element1>>;
@group(0) @binding(2) var<storage, read> bias: array<Element2>;
@group(0) @binding(3) var<storage, read_write> c: array<Element3>;

// The sums of one invocation.
var<private> acc: array<array<vec4<f32>, VECTORS>, ROWS>;

fn a_scalar(i: u32) -> f32 {
    return f32(a[i / 4u][i % 4u]);
}

fn b_scalar(i: u32) -> f32 {
    return f32(b[i / 4u][i % 4u]);
}

// Four neighbouring columns of the row of B that starts at `start`; those beyond the last repeat it.
fn b_columns(start: u32, column: u32, columns: u32) -> vec4<f32> {
    if B_VECTOR == 1u {
        return vec4<f32>(b[(start + min(column, columns - 4u)) / 4u]);
    }
    let last = columns - 1u;
    return vec4(
        b_scalar(start + min(column, last)),
        b_scalar(start + min(column + 1u, last)),
        b_scalar(start + min(column + 2u, last)),
        b_scalar(start + min(column + 3u, last)),
    );
}

fn clear() {
    for (var r = 0u; r < ROWS; r++) {
        for (var v = 0u; v < VECTORS; v++) {
            acc[r][v] = vec4(0.0);
        }
    }
}

// acc[r] += left[r] · (a row of B that starts at `start`)
fn accumulate(left: array<f32, ROWS>, start: u32, column: u32, columns: u32) {
    for (var v = 0u; v < VECTORS; v++) {
        let right = b_columns(start, column + v * 4u, columns);
        for (var r = 0u; r < ROWS; r++) {
            acc[r][v] = fma(vec4(left[r]), right, acc[r][v]);
        }
    }
}

// Sums over the channels under one tap: row r's lie at base[r] in A, where inside[r] says that there are any; the
// rows of B that go with them begin at `start`, `step` elements apart.
fn accumulate_channels(base: array<u32, ROWS>, inside: array<bool, ROWS>, channels: u32, start: u32,
                       step: u32, column: u32, columns: u32) {
    var left: array<f32, ROWS>;
    if A_VECTOR == 1u {
        for (var k = 0u; k < channels; k += 4u) {
            var quad: array<vec4<f32>, ROWS>;
            for (var r = 0u; r < ROWS; r++) {
                quad[r] = select(vec4(0.0), vec4<f32>(a[(base[r] + k) / 4u]), inside[r]);
            }
            for (var i = 0u; i < 4u; i++) {
                for (var r = 0u; r < ROWS; r++) {
                    left[r] = quad[r][i];
                }
                accumulate(left, start + (k + i) * step, column, columns);
            }
        }
    } else {
        for (var k = 0u; k < channels; k++) {
            for (var r = 0u; r < ROWS; r++) {
                left[r] = select(0.0, a_scalar(base[r] + k), inside[r]);
            }
            accumulate(left, start + k * step, column, columns);
        }
    }
}

// Columns of a group's result; they begin at `begin` in rows of `all`.
fn store(first: u32, rows: u32, column: u32, columns: u32, base: u32, begin: u32, all: u32) {
    for (var r = 0u; r < ROWS; r++) {
        let m = first + r * LANES;
        for (var v = 0u; v < VECTORS; v++) {
            for (var i = 0u; i < 4u; i++) {
                let n = column + v * 4u + i;
                if m < rows && n < columns {
                    var z = acc[r][v][i];
                    if HAS_BIAS == 1u { z += f32(bias[begin + n]); }
                    c[base + m * all + begin + n] = Element3(apply(FUNCTION, z));
                }
            }
        }
    }
}

@compute @workgroup_size(8)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let blocks = (outputs() + 4u * VECTORS - 1u) / (4u * VECTORS);
    let pixels = p.n * p.oh * p.ow;
    let tiles = (pixels + ROWS * LANES - 1u) / (ROWS * LANES) * blocks;
    let tile = group_index(group, groups);
    let part = tile / tiles;
    if part >= GROUPS { return; }
    let first = tile % tiles / blocks * ROWS * LANES + lane;
    let column = tile % blocks * 4u * VECTORS;
    // The corner of each row's window, and the image it lies in; rows beyond the last repeat it.
    var corner_y: array<i32, ROWS>;
    var corner_x: array<i32, ROWS>;
    var image: array<i32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let pixel = min(first + r * LANES, pixels - 1u);
        let row = pixel / p.ow;
        corner_y[r] = i32(row % p.oh * p.stride_h) - i32(p.pad_h);
        corner_x[r] = i32(pixel % p.ow * p.stride_w) - i32(p.pad_w);
        image[r] = i32(row / p.oh * p.h);
    }
    clear();
    for (var tap = 0u; tap < p.kh * p.kw; tap++) {
        var base: array<u32, ROWS>;
        var inside: array<bool, ROWS>;
        for (var r = 0u; r < ROWS; r++) {
            let y = corner_y[r] + i32(tap / p.kw);
            let x = corner_x[r] + i32(tap % p.kw);
            inside[r] = y >= 0 && x >= 0 && y < i32(p.h) && x < i32(p.w);
            base[r] = select(0u, u32((image[r] + y) * i32(p.w) + x) * p.ci + part * inputs(), inside[r]);
        }
        let start = tap * inputs() * p.co + part * outputs();
        accumulate_channels(base, inside, inputs(), start, p.co, column, outputs());
    }
    store(first, pixels, column, outputs(), 0u, part * outputs(), p.co);
}

@compute @workgroup_size(8)
fn data(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let blocks = (inputs() + 4u * VECTORS - 1u) / (4u * VECTORS);
    let pixels = p.n * p.h * p.w;
    let tiles = (pixels + ROWS * LANES - 1u) / (ROWS * LANES) * blocks;
    let tile = group_index(group, groups);
    let part = tile / tiles;
    if part >= GROUPS { return; }
    let first = tile % tiles / blocks * ROWS * LANES + lane;
    let column = tile % blocks * 4u * VECTORS;
    var corner_y: array<i32, ROWS>;
    var corner_x: array<i32, ROWS>;
    var image: array<i32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let pixel = min(first + r * LANES, pixels - 1u);
        let row = pixel / p.w;
        corner_y[r] = i32(row % p.h + p.pad_h);
        corner_x[r] = i32(pixel % p.w + p.pad_w);
        image[r] = i32(row / p.h * p.oh);
    }
    clear();
    for (var tap = 0u; tap < p.kh * p.kw; tap++) {
        var base: array<u32, ROWS>;
        var inside: array<bool, ROWS>;
        for (var r = 0u; r < ROWS; r++) {
            let y = corner_y[r] - i32(tap / p.kw);
            let x = corner_x[r] - i32(tap % p.kw);
            let oy = y / i32(p.stride_h);
            let ox = x / i32(p.stride_w);
            let whole = oy * i32(p.stride_h) == y && ox * i32(p.stride_w) == x;
            inside[r] = whole && y >= 0 && x >= 0 && oy < i32(p.oh) && ox < i32(p.ow);
            base[r] = select(0u, u32((image[r] + oy) * i32(p.ow) + ox) * p.co + part * outputs(), inside[r]);
        }
        let start = (tap * p.co + part * outputs()) * inputs();
        accumulate_channels(base, inside, outputs(), start, inputs(), column, inputs());
    }
    store(first, pixels, column, inputs(), 0u, part * inputs(), p.ci);
}

@compute @workgroup_size(8)
fn weights(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let blocks = (outputs() + 4u * VECTORS - 1u) / (4u * VECTORS);
    let rows = p.kh * p.kw * inputs();
    let tiles = (rows + ROWS * LANES - 1u) / (ROWS * LANES) * blocks;
    let tile = group_index(group, groups);
    let split = tile / tiles / GROUPS;
    if split >= p.splits { return; }
    let part = tile / tiles % GROUPS;
    let first = tile % tiles / blocks * ROWS * LANES + lane;
    let column = tile % blocks * 4u * VECTORS;
    var tap_y: array<i32, ROWS>;
    var tap_x: array<i32, ROWS>;
    var channel: array<u32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let row = min(first + r * LANES, rows - 1u);
        let tap = row / inputs();
        tap_y[r] = i32(tap / p.kw) - i32(p.pad_h);
        tap_x[r] = i32(tap % p.kw) - i32(p.pad_w);
        channel[r] = part * inputs() + row % inputs();
    }
    clear();
    let last = min((split + 1u) * p.piece, p.n * p.oh);
    for (var image_row = split * p.piece; image_row < last; image_row++) {
        var base: array<u32, ROWS>;
        var inside: array<bool, ROWS>;
        for (var r = 0u; r < ROWS; r++) {
            let y = i32(image_row % p.oh * p.stride_h) + tap_y[r];
            inside[r] = y >= 0 && y < i32(p.h);
            base[r] = select(0u, (image_row / p.oh * p.h + u32(y)) * p.w * p.ci, inside[r]) + channel[r];
        }
        for (var x = 0u; x < p.ow; x++) {
            var left: array<f32, ROWS>;
            for (var r = 0u; r < ROWS; r++) {
                let pixel = i32(x * p.stride_w) + tap_x[r];
                let valid = inside[r] && pixel >= 0 && pixel < i32(p.w);
                left[r] = select(0.0, a_scalar(base[r] + select(0u, u32(pixel), valid) * p.ci), valid);
            }
            accumulate(left, (image_row * p.ow + x) * p.co + part * outputs(), column, outputs());
        }
    }
    store(first, rows, column, outputs(), split * rows * p.co, part * outputs(), p.co);
}
