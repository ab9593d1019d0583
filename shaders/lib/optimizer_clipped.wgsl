// The operands of an optimiser's kernel with gradient clipping: gradients are multiplied by a factor. Declares the
// same names as lib/optimizer.wgsl.

@group(0) @binding(0) var<storage, read> g: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> factor: array<f32>;
@group(0) @binding(2) var<storage, read_write> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> v: array<vec4<f32>>;

fn gradient_of(i: u32) -> vec4<f32> {
    return g[i] * factor[0];
}
