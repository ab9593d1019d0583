// Where an invocation finds its work.

// The host folds a count of workgroups into two dimensions, because one dimension holds at most 65,535. This
// unfolds it. The last row may reach beyond the count: kernels compare with the extent of their work.
fn group_index(id: vec3<u32>, count: vec3<u32>) -> u32 {
    return id.x + id.y * count.x;
}
