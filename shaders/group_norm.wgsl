// With x̂ = (x - mean) · s, s = 1/√(variance + ε), z = γ·x̂ + β and dz = dy·f′(z):
//
// forward:  y = f(z), and table = mean and s of each set
// gradient: dx = s · (dz·γ - mean of dz·γ - x̂ · mean of dz·γ·x̂), the means over the set
// sums:     dβ = Σ dz, dγ = Σ dz·x̂, over the rows of each piece
//
// x is [rows, channels]. A set is `positions` successive rows in the channels of one of `groups` groups; mean and
// variance are those of a set. With CENTERED = 0 the mean counts as 0, there is no β, and the variance is the mean of
// x². γ and β are those of channels. In `forward` and `gradient` a workgroup has one set (lib/row.wgsl), and reads it
// two or three times; in `sums` a piece of at most 64 channels (lib/columns.wgsl). FUNCTION is f by its code in
// lib/functions.wgsl; READS_INPUT, whether its derivative there is a function of z and not of f(z).

struct Params {
    rows: u32,
    channels: u32,
    positions: u32,
    groups: u32,
    piece: u32,
    pieces: u32,
    function: u32,
    centered: u32,
    epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read> gamma: array<Element1>;
@group(0) @binding(2) var<storage, read> beta: array<Element2>;
@group(0) @binding(3) var<storage, read_write> y: array<Element3>;
@group(0) @binding(4) var<storage, read_write> new_table: array<Element4>;

@group(0) @binding(3) var<storage, read> table: array<Element3>;
@group(0) @binding(4) var<storage, read> dy: array<Element4>;
@group(0) @binding(5) var<storage, read_write> dx: array<Element5>;
@group(0) @binding(5) var<storage, read_write> part_beta: array<Element5>;
@group(0) @binding(6) var<storage, read_write> part_gamma: array<Element6>;

fn sets() -> u32 {
    return p.rows / p.positions * p.groups;
}

// Elements of a set.
fn count() -> u32 {
    return p.positions * (p.channels / p.groups);
}

// Where element `i` of a set lies.
struct Spot {
    index: u32,
    channel: u32,
}

fn spot(k: u32, i: u32) -> Spot {
    let width = p.channels / p.groups;
    let channel = k % p.groups * width + i % width;
    return Spot((k / p.groups * p.positions + i / width) * p.channels + channel, channel);
}

fn argument(normalized: f32, channel: u32) -> f32 {
    let z = f32(gamma[channel]) * normalized;
    if CENTERED == 1u { return z + f32(beta[channel]); }
    return z;
}

fn slope(normalized: f32, channel: u32) -> f32 {
    let z = argument(normalized, channel);
    if READS_INPUT == 1u { return derivative(z); }
    return derivative(apply(z));
}

@compute @workgroup_size(ROW_GROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let k = row_index(group_index(group, groups), lane);
    if k >= sets() { return; }
    var mean = 0.0;
    if CENTERED == 1u {
        // Distances from the first element are summed: sums of numbers far from 0 would round more.
        let first = f32(x[spot(k, 0u).index]);
        for (var i = row_lane(lane); i < count(); i += ROW_LANES) { mean += f32(x[spot(k, i).index]) - first; }
        mean = first + row_sum(lane, mean) / f32(count());
    }
    var squares = 0.0;
    for (var i = row_lane(lane); i < count(); i += ROW_LANES) {
        let d = f32(x[spot(k, i).index]) - mean;
        squares += d * d;
    }
    let s = 1.0 / sqrt(row_sum(lane, squares) / f32(count()) + p.epsilon);
    if row_lane(lane) == 0u {
        new_table[k] = Element4(mean);
        new_table[sets() + k] = Element4(s);
    }
    for (var i = row_lane(lane); i < count(); i += ROW_LANES) {
        let at = spot(k, i);
        y[at.index] = Element3(apply(argument((f32(x[at.index]) - mean) * s, at.channel)));
    }
}

@compute @workgroup_size(ROW_GROUP)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let k = row_index(group_index(group, groups), lane);
    if k >= sets() { return; }
    let mean = f32(table[k]);
    let s = f32(table[sets() + k]);
    var sums = vec2(0.0);
    for (var i = row_lane(lane); i < count(); i += ROW_LANES) {
        let at = spot(k, i);
        let normalized = (f32(x[at.index]) - mean) * s;
        let d = f32(dy[at.index]) * slope(normalized, at.channel) * f32(gamma[at.channel]);
        sums += vec2(d, d * normalized);
    }
    let of_products = row_sum(lane, sums.y) / f32(count());
    var of_d = 0.0;
    if CENTERED == 1u { of_d = row_sum(lane, sums.x) / f32(count()); }
    for (var i = row_lane(lane); i < count(); i += ROW_LANES) {
        let at = spot(k, i);
        let normalized = (f32(x[at.index]) - mean) * s;
        let d = f32(dy[at.index]) * slope(normalized, at.channel) * f32(gamma[at.channel]);
        dx[at.index] = Element5(s * (d - of_d - normalized * of_products));
    }
}

@compute @workgroup_size(256)
fn sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let at = place(group_index(group, groups), lane);
    var own = vec2(0.0);
    if at.inside && at.tile < p.pieces {
        let last = min((at.tile + 1u) * p.piece, p.rows);
        for (var r = at.tile * p.piece + at.row; r < last; r += at.lanes) {
            let k = r / p.positions * p.groups + at.channel / (p.channels / p.groups);
            let i = r * p.channels + at.channel;
            let normalized = (f32(x[i]) - f32(table[k])) * f32(table[sets() + k]);
            let dz = f32(dy[i]) * slope(normalized, at.channel);
            own += vec2(dz, dz * normalized);
        }
    }
    let total = column_sums(at, lane, own);
    if at.inside && at.tile < p.pieces && at.row == 0u {
        let to = at.tile * p.channels + at.channel;
        part_beta[to] = Element5(total.x);
        part_gamma[to] = Element6(total.y);
    }
}
