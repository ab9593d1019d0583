// forward: y = f(a, b), with NumPy's broadcasting
//
// FUNCTION is the code of f in the table of src/ops/binary.rs. In `forward` each operand is contiguous or a single
// number (A_REPEATS, B_REPEATS), and an invocation computes four neighbours. In `forward_strided` both operands have
// strides (0 repeats) over RANK merged axes, and an invocation computes one element. Any extents below 2^32 elements.

struct Params {
    count: u32,
    rank: u32,
    function: u32,
    offset_a: u32,
    offset_b: u32,
    extents: array<u32, 6>,
    strides_a: array<u32, 6>,
    strides_b: array<u32, 6>,
}

@group(0) @binding(0) var<storage, read> a4: array<vec4<Element0>>;
@group(0) @binding(1) var<storage, read> b4: array<vec4<Element1>>;
@group(0) @binding(2) var<storage, read_write> y4: array<vec4<Element2>>;
@group(0) @binding(0) var<storage, read> a: array<Element0>;
@group(0) @binding(1) var<storage, read> b: array<Element1>;
@group(0) @binding(2) var<storage, read_write> y: array<Element2>;

fn combine(a: f32, b: f32) -> f32 {
    switch FUNCTION {
        case 0u: { return a + b; }
        case 1u: { return a - b; }
        case 2u: { return a * b; }
        case 3u: { return a / b; }
        case 4u: { return select(b, a, a > b || is_nan(a)); }
        case 5u: { return select(b, a, a < b || is_nan(a)); }
        case 6u: { return f32(a > b); }
        case 7u: { return f32(a >= b); }
        case 8u: { return f32(a < b); }
        case 9u: { return f32(a <= b); }
        case 10u: { return f32(a == b); }
        case 11u: { return f32(!(a == b)); }
        case 13u: { return power(a, b); }
        case 14u: { return power_slope(a, b); }
        case 15u: { return power_logarithm(a, b); }
        case 16u: { return select(a, 0.0, a < 0.0) - a * b + log_one_plus(safe_exp(-abs(a))); }
        case 17u: { return sigmoid(a) - b; }
        default: { return 0.5 * (f32(a > b) + f32(a >= b)); }
    }
}

fn four_of_a(i: u32) -> vec4<f32> {
    if A_REPEATS == 1u { return vec4(f32(a4[p.offset_a / 4u][p.offset_a % 4u])); }
    return vec4<f32>(a4[i]);
}

fn four_of_b(i: u32) -> vec4<f32> {
    if B_REPEATS == 1u { return vec4(f32(b4[p.offset_b / 4u][p.offset_b % 4u])); }
    return vec4<f32>(b4[i]);
}

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i * 4u >= p.count { return; }
    let l = four_of_a(i);
    let r = four_of_b(i);
    let value = vec4<Element2>(vec4(combine(l.x, r.x), combine(l.y, r.y), combine(l.z, r.z), combine(l.w, r.w)));
    let inside = elements_inside(i, p.count);
    // Whole vectors are not read before they are written, or all of y would be read for nothing.
    if all(inside) { y4[i] = value; } else { y4[i] = select(y4[i], value, inside); }
}

@compute @workgroup_size(256)
fn forward_strided(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                   @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.count { return; }
    var left = i;
    var at_a = p.offset_a;
    var at_b = p.offset_b;
    for (var axis = RANK; axis > 1u; axis--) {
        let k = left % p.extents[axis - 1u];
        at_a += k * p.strides_a[axis - 1u];
        at_b += k * p.strides_b[axis - 1u];
        left /= p.extents[axis - 1u];
    }
    at_a += left * p.strides_a[0];
    at_b += left * p.strides_b[0];
    y[i] = Element2(combine(f32(a[at_a]), f32(b[at_b])));
}
