// assign: y[…] = x[…]      accumulate: y[…] += x[…]
//
// Both sides have strides over RANK merged axes; an invocation copies one element. The two sides may have different
// element types: a copy converts.

struct Params {
    count: u32,
    rank: u32,
    offset_x: u32,
    offset_y: u32,
    extents: array<u32, 6>,
    strides_x: array<u32, 6>,
    strides_y: array<u32, 6>,
}

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read_write> y: array<Element1>;

// Where element i of the copy is, in x and in y.
fn places(i: u32) -> vec2<u32> {
    var left = i;
    var at = vec2(p.offset_x, p.offset_y);
    for (var axis = RANK; axis > 1u; axis--) {
        at += left % p.extents[axis - 1u] * vec2(p.strides_x[axis - 1u], p.strides_y[axis - 1u]);
        left /= p.extents[axis - 1u];
    }
    at += left * vec2(p.strides_x[0], p.strides_y[0]);
    return at;
}

@compute @workgroup_size(256)
fn assign(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
          @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.count { return; }
    let at = places(i);
    y[at.y] = Element1(x[at.x]);
}

@compute @workgroup_size(256)
fn accumulate(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
              @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.count { return; }
    let at = places(i);
    y[at.y] = Element1(f32(y[at.y]) + f32(x[at.x]));
}
