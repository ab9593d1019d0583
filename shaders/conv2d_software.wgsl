// Convolution in three directions, as conv2d.wgsl (which has the formulas), in the shape that software adapters
// run fastest: no workgroup memory, no barrier, lanes along the channels of the result. An invocation computes
// ROWS rows (pixels; in `weights` rows of the kernel's gradient) of VECTORS vectors of four channels, both
// constants of the host. The left operand's values have the same address in all lanes, so each is one load and a
// broadcast; where a pixel lies is worked out once per tap (in `weights` once per image row), not once per value.

const LANES: u32 = 8u;

@group(0) @binding(0) var<storage, read> a: array<Element0>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Element1>>;
@group(0) @binding(2) var<storage, read> bias: array<Element2>;
@group(0) @binding(3) var<storage, read_write> c: array<Element3>;

// The sums of one invocation.
var<private> acc: array<array<vec4<f32>, VECTORS>, ROWS>;

fn b_scalar(i: u32) -> f32 {
    return f32(b[i / 4u][i % 4u]);
}

// Four neighbouring columns of a row of B that starts at `from`; columns beyond the last repeat it.
fn b_columns(from_index: u32, column: u32, columns: u32) -> vec4<f32> {
    if B_VECTOR == 1u {
        return vec4<f32>(b[(from_index + min(column, columns - 4u)) / 4u]);
    }
    return vec4(
        b_scalar(from_index + min(column, columns - 1u)),
        b_scalar(from_index + min(column + 1u, columns - 1u)),
        b_scalar(from_index + min(column + 2u, columns - 1u)),
        b_scalar(from_index + min(column + 3u, columns - 1u)),
    );
}

fn clear() {
    for (var r = 0u; r < ROWS; r++) {
        for (var v = 0u; v < VECTORS; v++) {
            acc[r][v] = vec4(0.0);
        }
    }
}

// Columns n of a group's result; its columns begin at `first` in rows of `all`.
fn store(m: u32, rows: u32, n: u32, columns: u32, base: u32, first: u32, all: u32) {
    for (var r = 0u; r < ROWS; r++) {
        for (var v = 0u; v < VECTORS; v++) {
            for (var i = 0u; i < 4u; i++) {
                let column = n + v * LANES * 4u + i;
                if m + r < rows && column < columns {
                    var z = acc[r][v][i];
                    if HAS_BIAS == 1u { z += f32(bias[first + column]); }
                    c[base + (m + r) * all + first + column] = Element3(apply(FUNCTION, z));
                }
            }
        }
    }
}

@compute @workgroup_size(8)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let width = LANES * 4u * VECTORS;
    let columns = (outputs() + width - 1u) / width;
    let pixels = p.n * p.oh * p.ow;
    let tiles = (pixels + ROWS - 1u) / ROWS * columns;
    let tile = group_index(group, groups);
    let part = tile / tiles;
    if part >= GROUPS { return; }
    let m = tile % tiles / columns * ROWS;
    let n = tile % columns * width + lane * 4u;
    // The corner of each row's window, and the image it lies in; rows beyond the last repeat it.
    var corner_y: array<i32, ROWS>;
    var corner_x: array<i32, ROWS>;
    var image: array<i32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let pixel = min(m + r, pixels - 1u);
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
        for (var k = 0u; k < inputs(); k++) {
            var row: array<vec4<f32>, VECTORS>;
            for (var v = 0u; v < VECTORS; v++) {
                let start = (tap * inputs() + k) * p.co + part * outputs();
                row[v] = b_columns(start, n + v * LANES * 4u, outputs());
            }
            for (var r = 0u; r < ROWS; r++) {
                let value = vec4(select(0.0, f32(a[base[r] + k]), inside[r]));
                for (var v = 0u; v < VECTORS; v++) {
                    acc[r][v] = fma(value, row[v], acc[r][v]);
                }
            }
        }
    }
    store(m, pixels, n, outputs(), 0u, part * outputs(), p.co);
}

@compute @workgroup_size(8)
fn data(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let width = LANES * 4u * VECTORS;
    let columns = (inputs() + width - 1u) / width;
    let pixels = p.n * p.h * p.w;
    let tiles = (pixels + ROWS - 1u) / ROWS * columns;
    let tile = group_index(group, groups);
    let part = tile / tiles;
    if part >= GROUPS { return; }
    let m = tile % tiles / columns * ROWS;
    let n = tile % columns * width + lane * 4u;
    var corner_y: array<i32, ROWS>;
    var corner_x: array<i32, ROWS>;
    var image: array<i32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let pixel = min(m + r, pixels - 1u);
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
        for (var k = 0u; k < outputs(); k++) {
            var row: array<vec4<f32>, VECTORS>;
            for (var v = 0u; v < VECTORS; v++) {
                let start = (tap * p.co + part * outputs() + k) * inputs();
                row[v] = b_columns(start, n + v * LANES * 4u, inputs());
            }
            for (var r = 0u; r < ROWS; r++) {
                let value = vec4(select(0.0, f32(a[base[r] + k]), inside[r]));
                for (var v = 0u; v < VECTORS; v++) {
                    acc[r][v] = fma(value, row[v], acc[r][v]);
                }
            }
        }
    }
    store(m, pixels, n, inputs(), 0u, part * inputs(), p.ci);
}

@compute @workgroup_size(8)
fn weights(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let width = LANES * 4u * VECTORS;
    let columns = (outputs() + width - 1u) / width;
    let rows = p.kh * p.kw * inputs();
    let tiles = (rows + ROWS - 1u) / ROWS * columns;
    let tile = group_index(group, groups);
    let split = tile / tiles / GROUPS;
    if split >= p.splits { return; }
    let part = tile / tiles % GROUPS;
    let m = tile % tiles / columns * ROWS;
    let n = tile % columns * width + lane * 4u;
    var tap_y: array<i32, ROWS>;
    var tap_x: array<i32, ROWS>;
    var channel: array<u32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let row = min(m + r, rows - 1u);
        let tap = row / inputs();
        tap_y[r] = i32(tap / p.kw) - i32(p.pad_h);
        tap_x[r] = i32(tap % p.kw) - i32(p.pad_w);
        channel[r] = part * inputs() + row % inputs();
    }
    clear();
    let first = split * p.piece;
    let last = min(first + p.piece, p.n * p.oh);
    for (var image_row = first; image_row < last; image_row++) {
        var base: array<u32, ROWS>;
        var inside: array<bool, ROWS>;
        for (var r = 0u; r < ROWS; r++) {
            let y = i32(image_row % p.oh * p.stride_h) + tap_y[r];
            inside[r] = y >= 0 && y < i32(p.h);
            base[r] = select(0u, (image_row / p.oh * p.h + u32(y)) * p.w * p.ci, inside[r]) + channel[r];
        }
        for (var x = 0u; x < p.ow; x++) {
            var row: array<vec4<f32>, VECTORS>;
            for (var v = 0u; v < VECTORS; v++) {
                let start = (image_row * p.ow + x) * p.co + part * outputs();
                row[v] = b_columns(start, n + v * LANES * 4u, outputs());
            }
            for (var r = 0u; r < ROWS; r++) {
                let column = i32(x * p.stride_w) + tap_x[r];
                let valid = inside[r] && column >= 0 && column < i32(p.w);
                let value = vec4(select(0.0, f32(a[base[r] + select(0u, u32(column), valid) * p.ci]), valid));
                for (var v = 0u; v < VECTORS; v++) {
                    acc[r][v] = fma(value, row[v], acc[r][v]);
                }
            }
        }
    }
    store(m, rows, n, outputs(), split * rows * p.co, part * outputs(), p.co);
}
