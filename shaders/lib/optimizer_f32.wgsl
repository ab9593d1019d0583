// The scalars of an optimiser's step in f32. The host computes them, and no step is skipped.

fn is_skipped() -> bool {
    return false;
}

fn is_first() -> bool {
    return p.first == 1u;
}

// rate / (1 - β₁ᵗ)
fn step_size() -> f32 {
    return p.step_size;
}

// 1 / √(1 - β₂ᵗ)
fn v_scale() -> f32 {
    return p.v_scale;
}

fn store(i: u32, old: vec4<f32>, value: vec4<f32>) {
    w[i] = select(old, value, elements_inside(i, p.count));
}
