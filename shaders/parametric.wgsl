// forward:  y = f(x)
// gradient: dx = dy · f'(x)
//
// `function` is the code of f in src/ops/parametric.rs; `first` and `second` are its constants. The operands have
// strides over `rank` merged axes; an invocation computes one element. y is row-major. Any extents below 2^32 elements.
// These kernels wait for memory, so the choice of the function when they run costs no time, and all functions share a
// pipeline.

struct Params {
    count: u32,
    rank: u32,
    function: u32,
    first: f32,
    second: f32,
    offset_a: u32,
    offset_b: u32,
    extents: array<u32, 6>,
    strides_a: array<u32, 6>,
    strides_b: array<u32, 6>,
}

@group(0) @binding(0) var<storage, read> a: array<Element0>;
@group(0) @binding(1) var<storage, read_write> y: array<Element1>;

@group(0) @binding(1) var<storage, read> b: array<Element1>;
@group(0) @binding(2) var<storage, read_write> dx: array<Element2>;

fn value(x: f32) -> f32 {
    switch p.function {
        case 0u: { return select(select(x, p.second, x > p.second), p.first, x < p.first); }
        case 1u: { return power(x, p.first); }
        case 2u: { return select(x, p.first * x, x <= 0.0); }
        default: { return select(x, p.first * exp_minus_one(x), x <= 0.0); }
    }
}

fn slope(x: f32) -> f32 {
    switch p.function {
        case 0u: { return f32(x >= p.first && x <= p.second); }
        case 1u: { return power_slope(x, p.first); }
        case 2u: { return select(1.0, p.first, x <= 0.0); }
        default: { return select(1.0, p.first * safe_exp(x), x <= 0.0); }
    }
}

// Where element i is in each operand.
fn places(i: u32) -> vec2<u32> {
    var left = i;
    var at = vec2(p.offset_a, p.offset_b);
    for (var axis = p.rank; axis > 1u; axis--) {
        at += left % p.extents[axis - 1u] * vec2(p.strides_a[axis - 1u], p.strides_b[axis - 1u]);
        left /= p.extents[axis - 1u];
    }
    return at + left * vec2(p.strides_a[0], p.strides_b[0]);
}

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.count { return; }
    y[i] = Element1(value(f32(a[places(i).x])));
}

@compute @workgroup_size(256)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.count { return; }
    let at = places(i);
    dx[i] = Element2(f32(a[at.x]) * slope(f32(b[at.y])));
}
