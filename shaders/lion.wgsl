// lion: w ← w - rate·(sign(β₁·m + (1 - β₁)·g) + decay·w);  m ← β₂·m + (1 - β₂)·g. Where the mean is close to zero,
// rounding decides its sign, so devices may differ by a whole step there.
//
// One dispatch updates all parameters: w, g and m are flat. An invocation updates four neighbours. lib/optimizer.wgsl,
// lib/optimizer_clipped.wgsl and lib/optimizer_mixed.wgsl declare the operands.

struct Params {
    count: u32,
    rate: f32,
    decay: f32,
    beta1: f32,
    beta2: f32,
}

@compute @workgroup_size(256)
fn lion(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i * 4u >= p.count || is_skipped() { return; }
    let old = w[i];
    let old_m = m[i];
    let gradient = gradient_of(i);
    let mean = p.beta2 * old_m + (1.0 - p.beta2) * gradient;
    m[i] = select(old_m, mean, elements_inside(i, p.count));
    let direction = sign_of(p.beta1 * old_m + (1.0 - p.beta1) * gradient);
    store(i, old, old - p.rate * (direction + p.decay * old));
}

// -1, 0 or 1. NaN stays NaN, which WGSL's sign does not guarantee.
fn sign_of(x: vec4<f32>) -> vec4<f32> {
    return select(select(x, vec4(-1.0), x < vec4(0.0)), vec4(1.0), x > vec4(0.0));
}
