// y[m, n] = f(Σ_s x[s, m, n] + bias[n])
//
// The second dispatch of a matrix product whose sum over k is split into pieces. It adds their results in order. An
// invocation computes one element. FUNCTION is the code of f; HAS_BIAS tells whether there is a bias.

struct Params {
    count: u32,
    n: u32,
    splits: u32,
    function: u32,
    has_bias: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read> bias: array<Element1>;
@group(0) @binding(2) var<storage, read_write> y: array<Element2>;

@compute @workgroup_size(256)
fn join(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.count { return; }
    var z = f32(x[i]);
    for (var s = 1u; s < p.splits; s++) {
        z += f32(x[s * p.count + i]);
    }
    if HAS_BIAS == 1u { z += f32(bias[i % p.n]); }
    y[i] = Element2(apply(z));
}
