// forward:  loss = ln Σ e^z - (1 - ε)·z[label] - ε·mean(z),  z = x - max(x), for each row x of the logits
// gradient: dx = dloss · (e^z / Σ e^z - (1 - ε)·[i = label] - ε / extent)
//
// There are `rows` rows of `extent` classes; ε is `smoothing`. A label that is no class gives NaN. `forward` and
// `gradient` give a workgroup to each row; `forward_lanes` and `gradient_lanes`, for software adapters, an
// invocation. EXP and LOG are codes of lib/functions.wgsl.

struct Params {
    rows: u32,
    extent: u32,
    smoothing: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

@group(0) @binding(2) var<storage, read> dloss: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn not_a_number() -> f32 {
    // In a variable, because the language refuses constants that are not finite.
    var bits = 0x7fc00000u;
    return bitcast<f32>(bits);
}

fn row_loss(row: u32, largest: f32, sum: f32, sum_of_z: f32) -> f32 {
    let label = labels[row];
    if label >= p.extent {
        return not_a_number();
    }
    let of_label = (1.0 - p.smoothing) * (x[row * p.extent + label] - largest);
    return apply(LOG, sum) - of_label - p.smoothing * (sum_of_z / f32(p.extent));
}

fn slope(row: u32, i: u32, largest: f32, sum: f32) -> f32 {
    let label = labels[row];
    if label >= p.extent {
        return not_a_number();
    }
    let predicted = apply(EXP, x[row * p.extent + i] - largest) / sum;
    let wanted = select(0.0, 1.0 - p.smoothing, i == label) + p.smoothing / f32(p.extent);
    return dloss[row] * (predicted - wanted);
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
    var sum_of_z = 0.0;
    // Without smoothing a logit of -∞ is a class that is ruled out, and must not be multiplied by 0.
    if p.smoothing > 0.0 {
        for (var i = first + lane; i < last; i += ROW_LANES) {
            sum_of_z += x[i] - largest;
        }
        sum_of_z = row_sum(lane, sum_of_z);
    }
    if lane == 0u {
        loss[row] = row_loss(row, largest, sum, sum_of_z);
    }
}

@compute @workgroup_size(64)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let row = group_index(group, groups);
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
    for (var i = lane; i < p.extent; i += ROW_LANES) {
        dx[first + i] = slope(row, i, largest, sum);
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
    var sum_of_z = 0.0;
    if p.smoothing > 0.0 {
        for (var i = first; i < last; i++) {
            sum_of_z += x[i] - largest;
        }
    }
    loss[row] = row_loss(row, largest, sum, sum_of_z);
}

@compute @workgroup_size(32)
fn gradient_lanes(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
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
    for (var i = 0u; i < p.extent; i++) {
        dx[first + i] = slope(row, i, largest, sum);
    }
}
