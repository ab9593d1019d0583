// sgd, momentum: g ← g + decay·w;  m ← first ? g : momentum·m + g;  w ← w - rate·(nesterov ? g + momentum·m : m)
//
// One dispatch updates all parameters: w, g and m are flat. An invocation updates four neighbours. lib/optimizer.wgsl,
// lib/optimizer_clipped.wgsl and lib/optimizer_mixed.wgsl declare the operands.

struct Params {
    count: u32,
    rate: f32,
    decay: f32,
    momentum: f32,
    nesterov: u32,
    // In mixed precision the state of the loss scale tells this instead.
    first: u32,
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
    if !is_first(p.first) { velocity += p.momentum * old_m; }
    var direction = velocity;
    if p.nesterov == 1u { direction = gradient + p.momentum * velocity; }
    m[i] = select(old_m, velocity, elements_inside(i, p.count));
    store(i, old, old - p.rate * direction);
}
