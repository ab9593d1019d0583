// forward: y = value
//
// An invocation writes four neighbours. Any extents below 2^32 elements.

struct Params {
    count: u32,
    value: f32,
}

@group(0) @binding(0) var<storage, read_write> y: array<vec4<Element0>>;

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i * 4u >= p.count { return; }
    let value = vec4(Element0(p.value));
    let inside = elements_inside(i, p.count);
    if all(inside) { y[i] = value; } else { y[i] = select(y[i], value, inside); }
}
