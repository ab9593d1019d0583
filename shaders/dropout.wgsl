// forward: y = kept(i) ? x / (1 - rate) : 0
//
// Whether element i is kept depends only on i and the key (seed, step, hash of the module's name). So the gradient is
// the same kernel applied to dy. One hash gives four words; an invocation computes four neighbours. `threshold` is
// rate · 2^32.

struct Params {
    count: u32,
    seed: u32,
    step: u32,
    module_hash: u32,
    threshold: u32,
    scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read_write> y: array<Element1>;

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let quad = group_index(group, groups) * 256u + lane;
    if quad * 4u >= p.count { return; }
    let words = random(vec4(quad, p.seed, p.step, p.module_hash));
    for (var i = 0u; i < 4u; i++) {
        let at = quad * 4u + i;
        if at < p.count {
            y[at] = Element1(select(0.0, f32(x[at]) * p.scale, words[i] >= p.threshold));
        }
    }
}
