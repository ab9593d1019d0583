// sgd, momentum: g ← g + decay·w;  v ← first ? g : momentum·v + g;  w ← w - rate·(nesterov ? g + momentum·v : v)
// adam: g ← g + decay·w (coupled) or w ← w·(1 - rate·decay) (decoupled: AdamW);
//       m ← β₁·m + (1 - β₁)·g;  v ← β₂·v + (1 - β₂)·g²;
//       w ← w - rate/(1 - β₁ᵗ) · m / (√v/√(1 - β₂ᵗ) + ε)
// lion: w ← w - rate·(sign(β₁·m + (1 - β₁)·g) + decay·w);  m ← β₂·m + (1 - β₂)·g. Where the mean is close to zero,
// rounding decides its sign, so devices may differ by a whole step there.
//
// One dispatch updates all parameters: w, g, m and v are flat. An invocation updates four neighbours. Factors that
// depend only on the step are computed from the betas as rounded to f32, by the host or together with the loss scale.
// lib/optimizer.wgsl and lib/optimizer_mixed.wgsl declare the operands.

struct Params {
    count: u32,
    rate: f32,
    decay: f32,
    momentum: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    // rate / (1 - β₁ᵗ), and 1 / √(1 - β₂ᵗ).
    step_size: f32,
    v_scale: f32,
    decoupled: u32,
    nesterov: u32,
    first: u32,
    // t, counted from 1. Only the reference reads it, to compute the two scalars above in its own precision.
    step: u32,
}

@compute @workgroup_size(256)
fn sgd(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
       @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i * 4u >= p.count || is_skipped() { return; }
    let old = w[i];
    store(i, old, old - p.rate * (gradient_of(i) + p.decay * old));
}

@compute @workgroup_size(256)
fn momentum(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i * 4u >= p.count || is_skipped() { return; }
    let old = w[i];
    let old_m = m[i];
    let gradient = gradient_of(i) + p.decay * old;
    var velocity = gradient;
    if !is_first() { velocity += p.momentum * old_m; }
    var direction = velocity;
    if p.nesterov == 1u { direction = gradient + p.momentum * velocity; }
    m[i] = select(old_m, velocity, elements_inside(i, p.count));
    store(i, old, old - p.rate * direction);
}

@compute @workgroup_size(256)
fn adam(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i * 4u >= p.count || is_skipped() { return; }
    let old = w[i];
    let old_m = m[i];
    let old_v = v[i];
    var value = old;
    var gradient = gradient_of(i);
    if p.decoupled == 1u {
        value *= 1.0 - p.rate * p.decay;
    } else {
        gradient += p.decay * value;
    }
    let mean = p.beta1 * old_m + (1.0 - p.beta1) * gradient;
    let square = p.beta2 * old_v + (1.0 - p.beta2) * gradient * gradient;
    value -= step_size() * mean / (sqrt(square) * v_scale() + p.epsilon);
    m[i] = select(old_m, mean, elements_inside(i, p.count));
    v[i] = select(old_v, square, elements_inside(i, p.count));
    store(i, old, value);
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
