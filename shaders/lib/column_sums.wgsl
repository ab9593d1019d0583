// The sum of two numbers over the invocations of a channel (lib/columns.wgsl), in a fixed order; the first of them gets
// it. All invocations of a workgroup call this together.

var<workgroup> column_values: array<vec2<f32>, 256>;

fn column_sums(at: Place, lane: u32, own: vec2<f32>) -> vec2<f32> {
    column_values[lane] = own;
    workgroupBarrier();
    var left = at.lanes;
    while left > 1u {
        let half = (left + 1u) / 2u;
        if at.row + half < left {
            column_values[lane] += column_values[lane + half * at.columns];
        }
        workgroupBarrier();
        left = half;
    }
    return column_values[lane];
}
