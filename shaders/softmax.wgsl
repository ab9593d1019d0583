// forward:  y = e^(x - m) / s         or, with LOGARITHM = 1,  y = x - m - ln s
//           m the largest x of the row, s = Σ e^(x - m)
// gradient: dx = y · (dy - Σ dy·y)    or                       dx = dy - e^y · Σ dy
//
// Both operands are `rows` rows of `extent` elements. `forward` and `gradient` give a workgroup to each row;
// `forward_lanes` and `gradient_lanes`, for software adapters, an invocation. EXP and LOG are codes of
// lib/functions.wgsl.

struct Params {
    rows: u32,
    extent: u32,
    logarithm: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> kept: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

fn value(x: f32, largest: f32, sum: f32) -> f32 {
    if LOGARITHM == 1u {
        return x - largest - apply(LOG, sum);
    }
    return apply(EXP, x - largest) / sum;
}

// What is summed for the gradient, and the gradient.
fn term(dy: f32, y: f32) -> f32 {
    return select(dy * y, dy, LOGARITHM == 1u);
}

fn slope(dy: f32, y: f32, sum: f32) -> f32 {
    if LOGARITHM == 1u {
        return dy - apply(EXP, y) * sum;
    }
    return y * (dy - sum);
}

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let row = group_index(group, groups);
    // The whole workgroup takes the same way here, as barriers require.
    if row >= p.rows { return; }
    let first = row * p.extent;
    let last = first + p.extent;
    var largest = LOWEST;
    for (var i = first + lane; i < last; i += ROW_LANES) {
        largest = max(largest, x[i]);
    }
    largest = row_max(lane, largest);
    var sum = 0.0;
    for (var i = first + lane; i < last; i += ROW_LANES) {
        sum += apply(EXP, x[i] - largest);
    }
    sum = row_sum(lane, sum);
    for (var i = first + lane; i < last; i += ROW_LANES) {
        y[i] = value(x[i], largest, sum);
    }
}

@compute @workgroup_size(64)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let row = group_index(group, groups);
    if row >= p.rows { return; }
    let first = row * p.extent;
    let last = first + p.extent;
    var sum = 0.0;
    for (var i = first + lane; i < last; i += ROW_LANES) {
        sum += term(dy[i], kept[i]);
    }
    sum = row_sum(lane, sum);
    for (var i = first + lane; i < last; i += ROW_LANES) {
        dx[i] = slope(dy[i], kept[i], sum);
    }
}

@compute @workgroup_size(32)
fn forward_lanes(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                 @builtin(local_invocation_index) lane: u32) {
    let row = group_index(group, groups) * 32u + lane;
    if row >= p.rows { return; }
    let first = row * p.extent;
    let last = first + p.extent;
    var largest = LOWEST;
    for (var i = first; i < last; i++) {
        largest = max(largest, x[i]);
    }
    var sum = 0.0;
    for (var i = first; i < last; i++) {
        sum += apply(EXP, x[i] - largest);
    }
    for (var i = first; i < last; i++) {
        y[i] = value(x[i], largest, sum);
    }
}

@compute @workgroup_size(32)
fn gradient_lanes(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                  @builtin(local_invocation_index) lane: u32) {
    let row = group_index(group, groups) * 32u + lane;
    if row >= p.rows { return; }
    let first = row * p.extent;
    let last = first + p.extent;
    var sum = 0.0;
    for (var i = first; i < last; i++) {
        sum += term(dy[i], kept[i]);
    }
    for (var i = first; i < last; i++) {
        dx[i] = slope(dy[i], kept[i], sum);
    }
}
