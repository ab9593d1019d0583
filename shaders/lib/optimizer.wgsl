// The operands of an optimiser's kernel in f32. lib/optimizer_clipped.wgsl and lib/optimizer_mixed.wgsl declare the
// same names; a kernel includes one of the three.

@group(0) @binding(0) var<storage, read> g: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> v: array<vec4<f32>>;

fn gradient_of(i: u32) -> vec4<f32> {
    return g[i];
}
