// forward:  y = e^(x - m) / s         or, with LOGARITHM = 1,  y = x - m - ln s
//           m the largest x of the row, s = Σ e^(x - m)
// gradient: dx = y · (dy - Σ dy·y)    or                       dx = dy - e^y · Σ dy
//
// Both operands are `rows` rows of `extent` elements. lib/row.wgsl assigns rows to invocations.

struct Params {
    rows: u32,
    extent: u32,
    logarithm: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read_write> y: array<Element1>;

@group(0) @binding(0) var<storage, read> dy: array<Element0>;
@group(0) @binding(1) var<storage, read> kept: array<Element1>;
@group(0) @binding(2) var<storage, read_write> dx: array<Element2>;

@compute @workgroup_size(ROW_GROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let row = row_index(group_index(group, groups), lane);
    if row >= p.rows { return; }
    let first = row * p.extent;
    let of_row = row_softmax(first, lane);
    for (var i = first + row_lane(lane); i < first + p.extent; i += ROW_LANES) {
        let z = f32(x[i]) - of_row.largest;
        if LOGARITHM == 1u {
            y[i] = Element1(z - logarithm(of_row.sum));
        } else {
            y[i] = Element1(exponential(z) / of_row.sum);
        }
    }
}

@compute @workgroup_size(ROW_GROUP)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let row = row_index(group_index(group, groups), lane);
    if row >= p.rows { return; }
    let first = row * p.extent;
    let last = first + p.extent;
    var sum = 0.0;
    for (var i = first + row_lane(lane); i < last; i += ROW_LANES) {
        sum += f32(dy[i]) * select(f32(kept[i]), 1.0, LOGARITHM == 1u);
    }
    sum = row_sum(lane, sum);
    for (var i = first + row_lane(lane); i < last; i += ROW_LANES) {
        if LOGARITHM == 1u {
            dx[i] = Element2(f32(dy[i]) - exponential(f32(kept[i])) * sum);
        } else {
            dx[i] = Element2(f32(kept[i]) * (f32(dy[i]) - sum));
        }
    }
}
