// copy: y[i] = x[i]
// fma:  y[i] = v after `rounds` times v = v·a + b, from v = x[i]
//
// What a device can do at best: bytes per second where nothing is computed, operations per second where nothing is
// loaded. An invocation of `copy` moves a vector of four. One of `fma` keeps CHAINS vectors in registers, so that an
// operation need not wait for the one before; they lie apart by the number of invocations, so that neighbours touch
// neighbours.

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

@compute @workgroup_size(64)
fn fma_rounds(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
              @builtin(local_invocation_index) lane: u32) {
    let vectors = (p.count + 3u) / 4u;
    let step = (vectors + CHAINS - 1u) / CHAINS;
    let first = group_index(group, groups) * 64u + lane;
    if first >= step { return; }
    var v: array<vec4<f32>, CHAINS>;
    for (var i = 0u; i < CHAINS; i++) {
        v[i] = x[min(first + i * step, vectors - 1u)];
    }
    for (var round = 0u; round < p.rounds; round++) {
        for (var i = 0u; i < CHAINS; i++) {
            v[i] = fma(v[i], vec4(p.a), vec4(p.b));
        }
    }
    for (var i = 0u; i < CHAINS; i++) {
        if first + i * step < vectors { y[first + i * step] = v[i]; }
    }
}
