// forward: y = c ≠ 0 ? a : b, with NumPy's broadcasting
//
// The three operands have strides (0 repeats) over RANK merged axes; an invocation computes one element.

struct Params {
    count: u32,
    rank: u32,
    offset_c: u32,
    offset_a: u32,
    offset_b: u32,
    extents: array<u32, 6>,
    strides_c: array<u32, 6>,
    strides_a: array<u32, 6>,
    strides_b: array<u32, 6>,
}

@group(0) @binding(0) var<storage, read> c: array<Element0>;
@group(0) @binding(1) var<storage, read> a: array<Element1>;
@group(0) @binding(2) var<storage, read> b: array<Element2>;
@group(0) @binding(3) var<storage, read_write> y: array<Element3>;

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.count { return; }
    var left = i;
    var at = vec3(p.offset_c, p.offset_a, p.offset_b);
    for (var axis = RANK; axis > 1u; axis--) {
        let k = left % p.extents[axis - 1u];
        at += k * vec3(p.strides_c[axis - 1u], p.strides_a[axis - 1u], p.strides_b[axis - 1u]);
        left /= p.extents[axis - 1u];
    }
    at += left * vec3(p.strides_c[0], p.strides_a[0], p.strides_b[0]);
    if !(f32(c[at.x]) == 0.0) {
        y[i] = Element3(a[at.y]);
    } else {
        y[i] = Element3(b[at.z]);
    }
}
