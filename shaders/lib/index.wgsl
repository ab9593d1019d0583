// Where an invocation finds its work.

// The host folds a count of workgroups into two dimensions, because one dimension holds at most 65,535. This
// unfolds it. The last row may reach beyond the count: kernels compare with the extent of their work.
fn group_index(id: vec3<u32>, count: vec3<u32>) -> u32 {
    return id.x + id.y * count.x;
}

// Which elements of vector i are among the first `count`. The last vector may hang over the end: there is memory behind
// it, but it is not ours.
fn elements_inside(i: u32, count: u32) -> vec4<bool> {
    return vec4(i * 4u) + vec4(0u, 1u, 2u, 3u) < vec4(count);
}
