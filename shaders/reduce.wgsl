// rows, lanes: y[o, s, i] = Σ_r x[o, r, i] / divisor   or   max_r x[o, r, i]
// argmax:      y[o, i]    = the first r at which x[o, r, i] is largest
//
// x is seen as [outer, extent, inner]. A long axis is cut into `splits` pieces of `piece` elements, so that few
// results still keep the machine busy; a second dispatch reduces the pieces. Sums run in a fixed order.
//
// `rows` (inner = 1) gives a workgroup to each result, `lanes` and `argmax` an invocation. MAXIMUM = 1 chooses
// the maximum.

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

const LOWEST: f32 = -3.40282347e38;

fn start() -> f32 {
    return select(0.0, LOWEST, MAXIMUM == 1u);
}

fn join(a: f32, b: f32) -> f32 {
    if MAXIMUM == 1u {
        return max(a, b);
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

@compute @workgroup_size(256)
fn rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let result = group_index(group, groups);
    // The whole workgroup takes the same way here, as barriers require.
    if result >= p.outer * p.splits { return; }
    let row = result / p.splits;
    let first = result % p.splits * p.piece;
    let last = min(first + p.piece, p.extent);
    var a = start();
    for (var r = first + lane; r < last; r += 256u) {
        a = join(a, f32(x[row * p.extent + r]));
    }
    partial[lane] = a;
    workgroupBarrier();
    for (var step = 128u; step > 0u; step /= 2u) {
        if lane < step {
            partial[lane] = join(partial[lane], partial[lane + step]);
        }
        workgroupBarrier();
    }
    if lane == 0u {
        y[result] = Element1(finish(partial[0]));
    }
}

@compute @workgroup_size(64)
fn lanes(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
         @builtin(local_invocation_index) lane: u32) {
    let result = group_index(group, groups) * 64u + lane;
    if result >= p.outer * p.splits * p.inner { return; }
    let i = result % p.inner;
    let split = result / p.inner % p.splits;
    let row = result / p.inner / p.splits;
    let first = split * p.piece;
    let last = min(first + p.piece, p.extent);
    var a = start();
    for (var r = first; r < last; r++) {
        a = join(a, f32(x[(row * p.extent + r) * p.inner + i]));
    }
    y[result] = Element1(finish(a));
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
        if value > largest {
            largest = value;
            best = r;
        }
    }
    index[result] = best;
}
