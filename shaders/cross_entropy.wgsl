// forward:  loss = ln Σ e^z - (1 - ε)·z[label] - ε·mean(z),  z = x - max(x), for each row x of the logits
// gradient: dx = dloss · (e^z / Σ e^z - (1 - ε)·[i = label] - ε / extent)
//
// There are `rows` rows of `extent` classes; ε is `smoothing`. A label that is not a class gives NaN. lib/row.wgsl
// assigns rows to invocations.

struct Params {
    rows: u32,
    extent: u32,
    smoothing: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

@group(0) @binding(2) var<storage, read> dloss: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<Element3>;

fn not_a_number() -> f32 {
    // A variable, because WGSL rejects constants that are not finite.
    var bits = 0x7fc00000u;
    return bitcast<f32>(bits);
}

@compute @workgroup_size(ROW_GROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let row = row_index(group_index(group, groups), lane);
    if row >= p.rows { return; }
    let first = row * p.extent;
    let of_row = row_softmax(first, lane);
    var sum_of_z = 0.0;
    // Without smoothing, a logit of -∞ excludes a class and must not be multiplied by 0.
    if p.smoothing > 0.0 {
        for (var i = first + row_lane(lane); i < first + p.extent; i += ROW_LANES) {
            sum_of_z += f32(x[i]) - of_row.largest;
        }
        sum_of_z = row_sum(lane, sum_of_z);
    }
    if row_lane(lane) > 0u { return; }
    let label = labels[row];
    if label >= p.extent {
        loss[row] = not_a_number();
        return;
    }
    let of_label = (1.0 - p.smoothing) * (f32(x[first + label]) - of_row.largest);
    loss[row] = logarithm(of_row.sum) - of_label - p.smoothing * (sum_of_z / f32(p.extent));
}

@compute @workgroup_size(ROW_GROUP)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let row = row_index(group_index(group, groups), lane);
    if row >= p.rows { return; }
    let first = row * p.extent;
    let of_row = row_softmax(first, lane);
    let label = labels[row];
    for (var i = row_lane(lane); i < p.extent; i += ROW_LANES) {
        let predicted = exponential(f32(x[first + i]) - of_row.largest) / of_row.sum;
        let wanted = select(0.0, 1.0 - p.smoothing, i == label) + p.smoothing / f32(p.extent);
        let value = dloss[row] * (predicted - wanted);
        dx[first + i] = Element3(select(value, not_a_number(), label >= p.extent));
    }
}
