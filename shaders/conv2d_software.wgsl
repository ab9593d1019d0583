// Convolution in three directions, as conv2d.wgsl (which has the formulas), by the tile for software adapters
// (lib/tile_software.wgsl). Rows of the result are pixels, in `weights` taps and channels of the kernel's gradient.
// Where a pixel lies is worked out once per tap (in `weights` once per row of an image), not once per value. Tiles follow
// each other down the rows.

@compute @workgroup_size(8)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let pixels = p.n * p.oh * p.ow;
    let down = (pixels + TILE_ROWS - 1u) / TILE_ROWS;
    let tiles = (outputs() + TILE_COLUMNS - 1u) / TILE_COLUMNS * down;
    let tile = group_index(group, groups);
    let part = tile / tiles;
    if part >= GROUPS { return; }
    let m = first_row(tile % down, lane);
    // The corner of each row's window, and the image it lies in; rows beyond the last repeat it.
    var corner_y: array<i32, ROWS>;
    var corner_x: array<i32, ROWS>;
    var image: array<i32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let pixel = min(m + r * ROW_STEP, pixels - 1u);
        let row = pixel / p.ow;
        corner_y[r] = i32(row % p.oh * p.stride_h) - i32(p.pad_h);
        corner_x[r] = i32(pixel % p.ow * p.stride_w) - i32(p.pad_w);
        image[r] = i32(row / p.oh * p.h);
    }
    var right = Right(part * outputs(), p.co, 1u, first_column(tile % tiles / down, lane), outputs());
    clear();
    for (var tap = 0u; tap < p.kh * p.kw; tap++) {
        var start: array<u32, ROWS>;
        var inside: array<bool, ROWS>;
        for (var r = 0u; r < ROWS; r++) {
            let y = corner_y[r] + i32(tap / p.kw);
            let x = corner_x[r] + i32(tap % p.kw);
            inside[r] = y >= 0 && x >= 0 && y < i32(p.h) && x < i32(p.w);
            start[r] = select(0u, u32((image[r] + y) * i32(p.w) + x) * p.ci + part * inputs(), inside[r]);
        }
        accumulate(start, inside, 1u, right, inputs());
        right.start += inputs() * p.co;
    }
    store(m, pixels, right, 0u, part * outputs(), p.co);
}

@compute @workgroup_size(8)
fn data(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let pixels = p.n * p.h * p.w;
    let down = (pixels + TILE_ROWS - 1u) / TILE_ROWS;
    let tiles = (inputs() + TILE_COLUMNS - 1u) / TILE_COLUMNS * down;
    let tile = group_index(group, groups);
    let part = tile / tiles;
    if part >= GROUPS { return; }
    let m = first_row(tile % down, lane);
    var corner_y: array<i32, ROWS>;
    var corner_x: array<i32, ROWS>;
    var image: array<i32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let pixel = min(m + r * ROW_STEP, pixels - 1u);
        let row = pixel / p.w;
        corner_y[r] = i32(row % p.h + p.pad_h);
        corner_x[r] = i32(pixel % p.w + p.pad_w);
        image[r] = i32(row / p.h * p.oh);
    }
    var right = Right(part * outputs() * inputs(), inputs(), 1u, first_column(tile % tiles / down, lane), inputs());
    clear();
    for (var tap = 0u; tap < p.kh * p.kw; tap++) {
        var start: array<u32, ROWS>;
        var inside: array<bool, ROWS>;
        for (var r = 0u; r < ROWS; r++) {
            let y = corner_y[r] - i32(tap / p.kw);
            let x = corner_x[r] - i32(tap % p.kw);
            let oy = y / i32(p.stride_h);
            let ox = x / i32(p.stride_w);
            let whole = oy * i32(p.stride_h) == y && ox * i32(p.stride_w) == x;
            inside[r] = whole && y >= 0 && x >= 0 && oy < i32(p.oh) && ox < i32(p.ow);
            start[r] = select(0u, u32((image[r] + oy) * i32(p.ow) + ox) * p.co + part * outputs(), inside[r]);
        }
        accumulate(start, inside, 1u, right, outputs());
        right.start += p.co * inputs();
    }
    store(m, pixels, right, 0u, part * inputs(), p.ci);
}

// What the rows of the kernel's gradient read under output column x: `start` is where their channel lies in the first
// pixel of their row of the image, `tap_x` how far their tap is from the output column's own. With A_ALONG_M four rows
// are four channels of one tap.
fn under_column(x: u32, start: array<u32, ROWS>, inside: array<bool, ROWS>, tap_x: array<i32, ROWS>)
-> array<f32, ROWS> {
    var values: array<f32, ROWS>;
    for (var r = 0u; r < ROWS; r += 1u + 3u * A_ALONG_M) {
        let column = i32(x * p.stride_w) + tap_x[r];
        let valid = inside[r] && column >= 0 && column < i32(p.w);
        let i = start[r] + select(0u, u32(column), valid) * p.ci;
        if A_ALONG_M == 1u {
            let four = select(vec4(0.0), vec4<f32>(a[i / 4u]), valid);
            for (var j = 0u; j < 4u; j++) { values[r + j] = four[j]; }
        } else {
            values[r] = select(0.0, a_scalar(i), valid);
        }
    }
    return values;
}

@compute @workgroup_size(8)
fn weights(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let rows = p.kh * p.kw * inputs();
    let down = (rows + TILE_ROWS - 1u) / TILE_ROWS;
    let tiles = (outputs() + TILE_COLUMNS - 1u) / TILE_COLUMNS * down;
    let tile = group_index(group, groups);
    let split = tile / tiles / GROUPS;
    if split >= p.splits { return; }
    let part = tile / tiles % GROUPS;
    let m = first_row(tile % down, lane);
    var tap_y: array<i32, ROWS>;
    var tap_x: array<i32, ROWS>;
    var channel: array<u32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        let row = min(m + r * ROW_STEP, rows - 1u);
        let tap = row / inputs();
        tap_y[r] = i32(tap / p.kw) - i32(p.pad_h);
        tap_x[r] = i32(tap % p.kw) - i32(p.pad_w);
        channel[r] = part * inputs() + row % inputs();
    }
    let first = split * p.piece;
    let last = min(first + p.piece, p.n * p.oh);
    let begin = first * p.ow * p.co + part * outputs();
    var right = Right(begin, p.co, 1u, first_column(tile % tiles / down, lane), outputs());
    clear();
    for (var image_row = first; image_row < last; image_row++) {
        var start: array<u32, ROWS>;
        var inside: array<bool, ROWS>;
        for (var r = 0u; r < ROWS; r++) {
            let y = i32(image_row % p.oh * p.stride_h) + tap_y[r];
            inside[r] = y >= 0 && y < i32(p.h);
            start[r] = select(0u, (image_row / p.oh * p.h + u32(y)) * p.w * p.ci, inside[r]) + channel[r];
        }
        var x = 0u;
        for (; UNROLLED == 1u && x + 4u <= p.ow; x += 4u) {
            let values0 = under_column(x, start, inside, tap_x);
            let values1 = under_column(x + 1u, start, inside, tap_x);
            let values2 = under_column(x + 2u, start, inside, tap_x);
            let values3 = under_column(x + 3u, start, inside, tap_x);
            var left: array<vec4<f32>, ROWS>;
            for (var r = 0u; r < ROWS; r++) {
                left[r] = vec4(values0[r], values1[r], values2[r], values3[r]);
            }
            four_steps_along_k(left, right, x);
        }
        for (; UNROLLED * WHOLE == 0u && x < p.ow; x++) {
            step_along_k(under_column(x, start, inside, tap_x), right, x);
        }
        right.start += p.ow * p.co;
    }
    store(m, rows, right, split * rows * p.co, part * outputs(), p.co);
}
