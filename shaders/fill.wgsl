// forward: y = value
//
// An invocation writes one element.

struct Params {
    count: u32,
    value: f32,
}

@group(0) @binding(0) var<storage, read_write> y: array<Element0>;

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i >= p.count { return; }
    y[i] = Element0(p.value);
}
