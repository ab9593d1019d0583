// rows, columns: y[o, s, i] = Σ_r x[o, r, i] / divisor   or   max_r x[o, r, i]
// argmax:        y[o, i]    = the first r at which x[o, r, i] is largest, or NaN
//
// x is [outer, extent, inner]. A long axis is split into `splits` pieces of `piece` elements, so that few results
// still occupy the whole device; a second dispatch reduces the pieces. Sums run in a fixed order.
//
// In `rows` (inner = 1) ROW_LANES invocations compute a result, in `columns` eight, in `argmax` one. MAXIMUM = 1
// selects the maximum.

struct Params {
    outer: u32,
    extent: u32,
    inner: u32,
    splits: u32,
    piece: u32,
    maximum: u32,
    divisor: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read_write> y: array<Element1>;
@group(0) @binding(1) var<storage, read_write> index: array<u32>;

fn start() -> f32 {
    // A variable, because WGSL rejects constants that are not finite.
    var minus_infinity = 0xff800000u;
    return select(0.0, bitcast<f32>(minus_infinity), MAXIMUM == 1u);
}

fn join(a: f32, b: f32) -> f32 {
    if MAXIMUM == 1u {
        // NaN, if either is.
        return select(b, a, a > b || is_nan(a));
    }
    return a + b;
}

fn finish(a: f32) -> f32 {
    if MAXIMUM == 1u {
        return a;
    }
    return a / p.divisor;
}

var<workgroup> partial: array<f32, 256>;

// Joins the values of invocations that are `distance`, 2·`distance`, … apart among `lanes` neighbours. The first
// `distance` invocations then have the results.
fn join_lanes(lane: u32, value: f32, lanes: u32, distance: u32) {
    partial[lane] = value;
    workgroupBarrier();
    for (var step = lanes / 2u; step >= distance; step /= 2u) {
        if lane % lanes < step {
            partial[lane] = join(partial[lane], partial[lane + step]);
        }
        workgroupBarrier();
    }
}

@compute @workgroup_size(256)
fn rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let result = group_index(group, groups) * (256u / ROW_LANES) + lane / ROW_LANES;
    let inside = result < p.outer * p.splits;
    var a = start();
    if inside {
        let row = result / p.splits;
        let first = result % p.splits * p.piece;
        let last = min(first + p.piece, p.extent);
        for (var r = first + lane % ROW_LANES; r < last; r += ROW_LANES) {
            a = join(a, f32(x[row * p.extent + r]));
        }
    }
    join_lanes(lane, a, ROW_LANES, 1u);
    if inside && lane % ROW_LANES == 0u {
        y[result] = Element1(finish(partial[lane]));
    }
}

// A workgroup computes 32 neighbours along `inner`. An invocation reads every eighth element of one of them, four at
// a time, so that loads do not wait for each other.
@compute @workgroup_size(256)
fn columns(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let block = group_index(group, groups);
    let across = (p.inner + 31u) / 32u;
    let i = block % across * 32u + lane % 32u;
    let result = block / across;
    let inside = result < p.outer * p.splits && i < p.inner;
    var a = start();
    if inside {
        let base = result / p.splits * p.extent;
        let first = result % p.splits * p.piece;
        let last = min(first + p.piece, p.extent);
        let step = 8u * p.inner;
        var r = first + lane / 32u;
        for (; r + 24u < last; r += 32u) {
            let at = (base + r) * p.inner + i;
            let pair = join(f32(x[at]), f32(x[at + step]));
            a = join(a, join(pair, join(f32(x[at + 2u * step]), f32(x[at + 3u * step]))));
        }
        for (; r < last; r += 8u) {
            a = join(a, f32(x[(base + r) * p.inner + i]));
        }
    }
    join_lanes(lane, a, 256u, 32u);
    if inside && lane < 32u {
        y[result * p.inner + i] = Element1(finish(partial[lane]));
    }
}

@compute @workgroup_size(64)
fn argmax(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
          @builtin(local_invocation_index) lane: u32) {
    let result = group_index(group, groups) * 64u + lane;
    if result >= p.outer * p.inner { return; }
    let base = result / p.inner * p.extent * p.inner + result % p.inner;
    var best = 0u;
    var largest = f32(x[base]);
    for (var r = 1u; r < p.extent; r++) {
        let value = f32(x[base + r * p.inner]);
        if value > largest || (is_nan(value) && !is_nan(largest)) {
            largest = value;
            best = r;
        }
    }
    index[result] = best;
}
