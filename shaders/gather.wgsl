// forward:  y[o, j, i] = x[o, index[j], i], NaN for an index beyond the extent
// gradient: dx[o, r, i] = Σ_j dy[o, j, i] over the j with index[j] = r, in the order of j
// one_hot:  y[j, i] = 1 if index[j] = i, else 0
//
// x is [outer, extent, inner], y is [outer, indices, inner]. An invocation computes one element. In `gradient` it
// compares all indices, of which neighbours read the same one. Any extents below 2^32 elements.

struct Params {
    outer: u32,
    extent: u32,
    inner: u32,
    indices: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<Element2>;

@group(0) @binding(0) var<storage, read> hot: array<u32>;
@group(0) @binding(1) var<storage, read_write> ones: array<Element1>;

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let at = group_index(group, groups) * 256u + lane;
    let row = at / p.inner;
    let o = row / p.indices;
    if o >= p.outer { return; }
    let r = index[row - o * p.indices];
    if r < p.extent {
        y[at] = Element2(x[(o * p.extent + r) * p.inner + at - row * p.inner]);
    } else {
        var nan = 0x7fc00000u;
        y[at] = Element2(bitcast<f32>(nan));
    }
}

@compute @workgroup_size(256)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let at = group_index(group, groups) * 256u + lane;
    let row = at / p.inner;
    let o = row / p.extent;
    if o >= p.outer { return; }
    let r = row - o * p.extent;
    let first = o * p.indices * p.inner + at - row * p.inner;
    var sum = 0.0;
    for (var j = 0u; j < p.indices; j++) {
        if index[j] == r { sum += f32(x[first + j * p.inner]); }
    }
    y[at] = Element2(sum);
}

@compute @workgroup_size(256)
fn one_hot(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let at = group_index(group, groups) * 256u + lane;
    let j = at / p.inner;
    if j >= p.indices { return; }
    ones[at] = Element1(f32(hot[j] == at - j * p.inner));
}
