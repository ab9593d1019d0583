// copy: y[i] = x[i]
// fma:  y[i] = v after `rounds` times v = v·a + b, from v = x[i]
//
// These kernels measure a device's limits: bytes per second without computing, and operations per second without
// loading. An invocation of `copy` moves a vector of four. An invocation of `fma` keeps four vectors in registers, so
// that no operation waits for the last one's result. Its vectors are the number of invocations apart, so that
// neighbouring invocations access neighbouring elements. The code repeats a round four times: loops that a compiler
// does not unroll reach 46 of 63 TFLOP/s on an H100.

struct Params {
    count: u32,
    rounds: u32,
    a: f32,
    b: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(256)
fn copy(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= (p.count + 3u) / 4u { return; }
    y[i] = x[i];
}

var<private> v0: vec4<f32>;
var<private> v1: vec4<f32>;
var<private> v2: vec4<f32>;
var<private> v3: vec4<f32>;

fn one_round() {
    v0 = fma(v0, vec4(p.a), vec4(p.b));
    v1 = fma(v1, vec4(p.a), vec4(p.b));
    v2 = fma(v2, vec4(p.a), vec4(p.b));
    v3 = fma(v3, vec4(p.a), vec4(p.b));
}

@compute @workgroup_size(256)
fn fma_rounds(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
              @builtin(local_invocation_index) lane: u32) {
    let vectors = (p.count + 3u) / 4u;
    let step = (vectors + 3u) / 4u;
    let i = group_index(group, groups) * 256u + lane;
    if i >= step { return; }
    v0 = x[i];
    v1 = x[min(i + step, vectors - 1u)];
    v2 = x[min(i + 2u * step, vectors - 1u)];
    v3 = x[min(i + 3u * step, vectors - 1u)];
    var round = 0u;
    for (; round + 4u <= p.rounds; round += 4u) {
        one_round();
        one_round();
        one_round();
        one_round();
    }
    for (; round < p.rounds; round++) {
        one_round();
    }
    y[i] = v0;
    if i + step < vectors { y[i + step] = v1; }
    if i + 2u * step < vectors { y[i + 2u * step] = v2; }
    if i + 3u * step < vectors { y[i + 3u * step] = v3; }
}
