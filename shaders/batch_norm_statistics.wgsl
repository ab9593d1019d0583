// statistics: m[i, c] = mean of x[r, c] over the rows r of piece i,  s[i, c] = Σ_r (x[r, c] - m[i, c])²
// join:       mean[c] and variance[c] = Σ_r (x[r, c] - mean[c])² / rows, from the pieces; and the table
// table:      table[·, c] = mean, 1/√(variance + ε), γ, β
// update:     new_mean = momentum·old + (1 - momentum)·mean, and the same for the variance, times rows / (rows - 1)
//
// x is [rows, channels]. Means and sums of squares of two sets are joined by the formula of Chan et al. (1979), so no
// two large numbers are subtracted from each other; the order is fixed. In `statistics` a workgroup has one piece of at
// most 64 channels (lib/columns.wgsl), in `join` one channel; in `table` and `update` an invocation has one.

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read_write> new_means: array<Element1>;
@group(0) @binding(2) var<storage, read_write> new_squares: array<Element2>;

@group(0) @binding(0) var<storage, read> means: array<Element0>;
@group(0) @binding(1) var<storage, read> squares: array<Element1>;
@group(0) @binding(2) var<storage, read> gamma: array<Element2>;
@group(0) @binding(3) var<storage, read> beta: array<Element3>;
@group(0) @binding(4) var<storage, read_write> mean: array<Element4>;
@group(0) @binding(5) var<storage, read_write> variance: array<Element5>;
@group(0) @binding(6) var<storage, read_write> joined_table: array<Element6>;

// `table`: means are the means, squares the variances.
@group(0) @binding(4) var<storage, read_write> given_table: array<Element4>;

// `update`: means and squares are the mean and the variance of the batch.
@group(0) @binding(2) var<storage, read> old_mean: array<Element2>;
@group(0) @binding(3) var<storage, read> old_variance: array<Element3>;
@group(0) @binding(4) var<storage, read_write> new_mean: array<Element4>;
@group(0) @binding(5) var<storage, read_write> new_variance: array<Element5>;

// A set of numbers: how many, their mean, and the sum of their squared distances from it.
struct Moments {
    count: f32,
    mean: f32,
    squares: f32,
}

fn joined(a: Moments, b: Moments) -> Moments {
    let count = a.count + b.count;
    if count == 0.0 { return a; }
    let share = b.count / count;
    let d = b.mean - a.mean;
    return Moments(count, a.mean + d * share, a.squares + b.squares + d * d * a.count * share);
}

var<workgroup> partial: array<Moments, 256>;

// Joins the sets of `count` invocations that are `step` apart; `index` is the number of this one among them. The first
// then has the result.
fn join_lanes(lane: u32, index: u32, count: u32, step: u32, own: Moments) {
    partial[lane] = own;
    workgroupBarrier();
    var left = count;
    while left > 1u {
        let half = (left + 1u) / 2u;
        if index + half < left {
            partial[lane] = joined(partial[lane], partial[lane + half * step]);
        }
        workgroupBarrier();
        left = half;
    }
}

@compute @workgroup_size(256)
fn statistics(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
              @builtin(local_invocation_index) lane: u32) {
    let at = place(group_index(group, groups), lane);
    let last = min((at.tile + 1u) * p.piece, p.rows);
    var own = Moments(0.0, 0.0, 0.0);
    var r = at.tile * p.piece + at.row;
    if at.inside && at.tile < p.pieces {
        // Four at a time, so that loads do not wait for each other.
        for (; r + 3u * at.lanes < last; r += 4u * at.lanes) {
            var v: vec4<f32>;
            for (var j = 0u; j < 4u; j++) { v[j] = f32(x[(r + j * at.lanes) * p.channels + at.channel]); }
            let middle = (v.x + v.y + v.z + v.w) * 0.25;
            let d = v - vec4(middle);
            own = joined(own, Moments(4.0, middle, dot(d, d)));
        }
        for (; r < last; r += at.lanes) {
            own = joined(own, Moments(1.0, f32(x[r * p.channels + at.channel]), 0.0));
        }
    }
    join_lanes(lane, at.row, at.lanes, at.columns, own);
    if at.inside && at.tile < p.pieces && at.row == 0u {
        let to = at.tile * p.channels + at.channel;
        new_means[to] = Element1(partial[lane].mean);
        new_squares[to] = Element2(partial[lane].squares);
    }
}

@compute @workgroup_size(64)
fn join(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let c = group_index(group, groups);
    if c >= p.channels { return; }
    var own = Moments(0.0, 0.0, 0.0);
    for (var i = lane; i < p.pieces; i += 64u) {
        let count = f32(min(p.piece, p.rows - i * p.piece));
        let at = i * p.channels + c;
        own = joined(own, Moments(count, f32(means[at]), f32(squares[at])));
    }
    join_lanes(lane, lane, 64u, 1u, own);
    if lane == 0u {
        let biased = partial[0].squares / f32(p.rows);
        mean[c] = Element4(partial[0].mean);
        variance[c] = Element5(biased);
        joined_table[c] = Element6(partial[0].mean);
        joined_table[p.channels + c] = Element6(1.0 / sqrt(biased + p.epsilon));
        joined_table[2u * p.channels + c] = Element6(gamma[c]);
        joined_table[3u * p.channels + c] = Element6(beta[c]);
    }
}

@compute @workgroup_size(256)
fn table(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
         @builtin(local_invocation_index) lane: u32) {
    let c = group_index(group, groups) * 256u + lane;
    if c >= p.channels { return; }
    given_table[c] = Element4(means[c]);
    given_table[p.channels + c] = Element4(1.0 / sqrt(f32(squares[c]) + p.epsilon));
    given_table[2u * p.channels + c] = Element4(gamma[c]);
    given_table[3u * p.channels + c] = Element4(beta[c]);
}

@compute @workgroup_size(256)
fn update(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
          @builtin(local_invocation_index) lane: u32) {
    let c = group_index(group, groups) * 256u + lane;
    if c >= p.channels { return; }
    let unbiased = f32(squares[c]) * (f32(p.rows) / f32(max(p.rows, 2u) - 1u));
    new_mean[c] = Element4(p.momentum * f32(old_mean[c]) + (1.0 - p.momentum) * f32(means[c]));
    new_variance[c] = Element5(p.momentum * f32(old_variance[c]) + (1.0 - p.momentum) * unbiased);
}
