// rmsprop: g ← g + decay·w;  v ← ρ·(first ? 1 : v) + (1 - ρ)·g²;  m ← momentum·m + rate·g/√(v + ε);  w ← w - m
//
// TensorFlow's form: v begins as 1, ε lies inside the root, and the learning rate is part of the velocity m.
//
// One dispatch updates all parameters: w, g, m and v are flat. An invocation updates four neighbours.
// lib/optimizer.wgsl, lib/optimizer_clipped.wgsl and lib/optimizer_mixed.wgsl declare the operands.

struct Params {
    count: u32,
    rate: f32,
    decay: f32,
    rho: f32,
    momentum: f32,
    epsilon: f32,
    // In mixed precision the state of the loss scale tells this instead.
    first: u32,
}

@compute @workgroup_size(256)
fn rmsprop(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i * 4u >= p.count || is_skipped() { return; }
    let old = w[i];
    let old_m = m[i];
    let old_v = v[i];
    let gradient = gradient_of(i) + p.decay * old;
    var before = old_v;
    if is_first(p.first) { before = vec4(1.0); }
    let square = p.rho * before + (1.0 - p.rho) * gradient * gradient;
    let velocity = p.momentum * old_m + p.rate * gradient / sqrt(square + p.epsilon);
    m[i] = select(old_m, velocity, elements_inside(i, p.count));
    v[i] = select(old_v, square, elements_inside(i, p.count));
    store(i, old, old - velocity);
}
