// forward:  y = f(x)
// gradient: dx = dy · f'(s), where s is the input or the output of f, as the table of functions says
// gradient_in_place: the same, written over a contiguous dy
//
// FUNCTION is the code of f in src/ops/unary/table.rs. With RANK = 0 all operands are contiguous, and an
// invocation computes four neighbours. Otherwise x (or dy and s) have strides over RANK merged axes, and an
// invocation computes one element. y is row-major. Any extents below 2^32 elements.

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
@group(0) @binding(1) var<storage, read_write> y4: array<vec4<Element1>>;
@group(0) @binding(0) var<storage, read> a: array<Element0>;
@group(0) @binding(1) var<storage, read_write> y: array<Element1>;

@group(0) @binding(1) var<storage, read> b4: array<vec4<Element1>>;
@group(0) @binding(2) var<storage, read_write> dx4: array<vec4<Element2>>;
@group(0) @binding(1) var<storage, read> b: array<Element1>;
@group(0) @binding(2) var<storage, read_write> dx: array<Element2>;

fn forward4(x: vec4<f32>) -> vec4<f32> {
    return vec4(apply(x.x), apply(x.y), apply(x.z), apply(x.w));
}

fn derivative4(s: vec4<f32>) -> vec4<f32> {
    return vec4(derivative(s.x), derivative(s.y), derivative(s.z), derivative(s.w));
}

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i * 4u >= p.count { return; }
    let value = vec4<Element1>(forward4(vec4<f32>(a4[i])));
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
    var at = p.offset_a;
    for (var axis = RANK; axis > 1u; axis--) {
        at += left % p.extents[axis - 1u] * p.strides_a[axis - 1u];
        left /= p.extents[axis - 1u];
    }
    at += left * p.strides_a[0];
    y[i] = Element1(apply(f32(a[at])));
}

@compute @workgroup_size(256)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i * 4u >= p.count { return; }
    let value = vec4<Element2>(vec4<f32>(a4[i]) * derivative4(vec4<f32>(b4[i])));
    let inside = elements_inside(i, p.count);
    if all(inside) { dx4[i] = value; } else { dx4[i] = select(dx4[i], value, inside); }
}

@compute @workgroup_size(256)
fn gradient_in_place(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                     @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i * 4u >= p.count { return; }
    let dy = y4[i];
    let value = vec4<Element1>(vec4<f32>(dy) * derivative4(vec4<f32>(a4[i])));
    y4[i] = select(dy, value, elements_inside(i, p.count));
}

@compute @workgroup_size(256)
fn gradient_strided(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
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
    dx[i] = Element2(f32(a[at_a]) * derivative(f32(b[at_b])));
}
