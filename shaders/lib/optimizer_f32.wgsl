// The scalars of an optimiser's step in f32. The host computes them and passes them in Params, and no step is skipped.
// Params of every rule begin with the number of parameters, `count`.

fn is_skipped() -> bool {
    return false;
}

// Whether this is the first step.
fn is_first(first: u32) -> bool {
    return first == 1u;
}

// rate / (1 - β₁ᵗ)
fn step_size(rate: f32, corrected: f32) -> f32 {
    return corrected;
}

// 1 / √(1 - β₂ᵗ)
fn v_scale(correction: f32) -> f32 {
    return correction;
}

fn store(i: u32, old: vec4<f32>, value: vec4<f32>) {
    w[i] = select(old, value, elements_inside(i, p.count));
}
