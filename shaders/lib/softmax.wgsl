// Common to softmax and cross-entropy: m = max x and s = Σ e^(x - m) over a row of `x`.

struct Row {
    largest: f32,
    sum: f32,
}

fn row_softmax(first: u32, lane: u32) -> Row {
    let last = first + p.extent;
    var largest = LOWEST;
    for (var i = first + row_lane(lane); i < last; i += ROW_LANES) {
        largest = max(largest, f32(x[i]));
    }
    largest = row_max(lane, largest);
    var sum = 0.0;
    for (var i = first + row_lane(lane); i < last; i += ROW_LANES) {
        sum += exponential(f32(x[i]) - largest);
    }
    return Row(largest, row_sum(lane, sum));
}
