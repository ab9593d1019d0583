// The sum or the maximum of one value of each of a workgroup's 64 invocations, in a fixed order. All invocations
// call these together, and all get the result.

const ROW_LANES: u32 = 64u;
const LOWEST: f32 = -3.40282347e38;

var<workgroup> row_values: array<f32, ROW_LANES>;

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
    // Nobody may begin the next sum before all have read this one.
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
