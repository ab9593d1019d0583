// Reductions of a row by one workgroup of 64 invocations. Barriers require that all invocations of a workgroup call
// `row_sum` and `row_max` together. They do, because all have the same row.

const ROW_GROUP: u32 = 64u;
const ROW_LANES: u32 = 64u;
const LOWEST: f32 = -3.40282347e38;

fn row_index(group: u32, lane: u32) -> u32 {
    return group;
}

// An invocation reads the elements row_lane, row_lane + ROW_LANES, … of its row.
fn row_lane(lane: u32) -> u32 {
    return lane;
}

var<workgroup> row_values: array<f32, ROW_LANES>;

// The sum of one value of each invocation of the row, in a fixed order.
fn row_sum(lane: u32, value: f32) -> f32 {
    row_values[lane] = value;
    workgroupBarrier();
    for (var step = ROW_LANES / 2u; step > 0u; step /= 2u) {
        if lane < step {
            row_values[lane] += row_values[lane + step];
        }
        workgroupBarrier();
    }
    let sum = row_values[0];
    // No invocation may start the next sum before all have read this one.
    workgroupBarrier();
    return sum;
}

fn row_max(lane: u32, value: f32) -> f32 {
    row_values[lane] = value;
    workgroupBarrier();
    for (var step = ROW_LANES / 2u; step > 0u; step /= 2u) {
        if lane < step {
            row_values[lane] = max(row_values[lane], row_values[lane + step]);
        }
        workgroupBarrier();
    }
    let largest = row_values[0];
    workgroupBarrier();
    return largest;
}
