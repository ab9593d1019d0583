// The operands of an optimiser's kernel in mixed precision: gradients of the scaled loss, f32 weights, and the copy
// of the weights that the forward and backward passes read. The state of the loss scale (lib/loss_scale.wgsl) tells
// the number of the step and whether it is skipped. Declares the same names as lib/optimizer.wgsl.

@group(0) @binding(0) var<storage, read> g: array<vec4<Element0>>;
@group(0) @binding(1) var<storage, read> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> weights: array<vec4<Element3>>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4<f32>>;

fn is_skipped() -> bool {
    return state[UNSCALE] == 0.0;
}

// The arguments of these three are the host's scalars. It does not know which steps are skipped.
fn is_first(first: u32) -> bool {
    return state[UPDATES] == 1.0;
}

fn step_size(rate: f32, corrected: f32) -> f32 {
    return rate / state[WEIGHT1];
}

fn v_scale(correction: f32) -> f32 {
    return 1.0 / sqrt(state[WEIGHT2]);
}

fn gradient_of(i: u32) -> vec4<f32> {
    return vec4<f32>(g[i]) * state[UNSCALE];
}

fn store(i: u32, old: vec4<f32>, value: vec4<f32>) {
    let inside = elements_inside(i, p.count);
    w[i] = select(old, value, inside);
    let copy = vec4<Element3>(value);
    // Whole vectors are not read before they are written.
    if all(inside) { weights[i] = copy; } else { weights[i] = select(weights[i], copy, inside); }
}
