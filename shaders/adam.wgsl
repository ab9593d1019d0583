// adam: g ← g + decay·w (coupled) or w ← w·(1 - rate·decay) (decoupled: AdamW);
//       m ← β₁·m + (1 - β₁)·g;  v ← β₂·v + (1 - β₂)·g²;
//       w ← w - rate/(1 - β₁ᵗ) · m / (√v/√(1 - β₂ᵗ) + ε)
//
// One dispatch updates all parameters: w, g, m and v are flat. An invocation updates four neighbours. Factors that
// depend only on the step are computed from the betas as rounded to f32, by the host or together with the loss scale.
// lib/optimizer.wgsl, lib/optimizer_clipped.wgsl and lib/optimizer_mixed.wgsl declare the operands.

struct Params {
    count: u32,
    rate: f32,
    decay: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    // rate / (1 - β₁ᵗ), and 1 / √(1 - β₂ᵗ).
    step_size: f32,
    v_scale: f32,
    decoupled: u32,
    // t, counted from 1. Only the reference reads it, to compute the two scalars above in its own precision.
    step: u32,
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
    value -= step_size(p.rate, p.step_size) * mean / (sqrt(square) * v_scale(p.v_scale) + p.epsilon);
    m[i] = select(old_m, mean, elements_inside(i, p.count));
    v[i] = select(old_v, square, elements_inside(i, p.count));
    store(i, old, value);
}
