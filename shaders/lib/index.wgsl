// The position of an invocation's work.

// The index of a workgroup. The host splits the number of workgroups into two dimensions, because one dimension
// allows at most 65,535. There may be more workgroups than needed: kernels compare the index with the extent of their
// work.
fn group_index(id: vec3<u32>, count: vec3<u32>) -> u32 {
    return id.x + id.y * count.x;
}

// Which elements of vector i are among the first `count`. The last vector may extend beyond them, into memory that
// may belong to another tensor.
fn elements_inside(i: u32, count: u32) -> vec4<bool> {
    return vec4(i * 4u) + vec4(0u, 1u, 2u, 3u) < vec4(count);
}

// By the bits: wgpu translates != to a comparison that is false for NaN, so x != x never holds. Kernels write !(a == b)
// where a NaN differs from everything.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
