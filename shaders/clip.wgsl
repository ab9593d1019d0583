// squares: s[first + i] = Σ g² over piece i of the gradient
// lower:   f ← min(f, limit / √Σ s)
//
// A piece has PIECE elements; the last one may have fewer. lib/row.wgsl assigns pieces to invocations. In `lower` all
// partial sums are one row, and f is element `at` of `factors`.

struct Params {
    count: u32,
    first: u32,
    at: u32,
    limit: f32,
}

@group(0) @binding(0) var<storage, read> g: array<Element0>;
@group(0) @binding(1) var<storage, read_write> s: array<f32>;

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> factors: array<f32>;

@compute @workgroup_size(ROW_GROUP)
fn squares(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let row = row_index(group_index(group, groups), lane);
    if row * PIECE >= p.count { return; }
    let end = min((row + 1u) * PIECE, p.count);
    var sum = 0.0;
    for (var i = row * PIECE + row_lane(lane); i < end; i += ROW_LANES) {
        let value = f32(g[i]);
        sum += value * value;
    }
    sum = row_sum(lane, sum);
    if row_lane(lane) == 0u { s[p.first + row] = sum; }
}

@compute @workgroup_size(ROW_GROUP)
fn lower(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
         @builtin(local_invocation_index) lane: u32) {
    if row_index(group_index(group, groups), lane) > 0u { return; }
    var sum = 0.0;
    for (var i = row_lane(lane); i < p.count; i += ROW_LANES) {
        sum += parts[i];
    }
    let norm = sqrt(row_sum(lane, sum));
    let factor = factors[p.at];
    // A factor of zero means that the step is skipped, because a gradient is not finite.
    if row_lane(lane) == 0u && factor > 0.0 && factor * norm > p.limit { factors[p.at] = p.limit / norm; }
}
