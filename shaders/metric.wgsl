// classification: sums[pair, 0] += Σ losses[r];  sums[pair, 1] += the number of rows r whose largest logit is at
// labels[r]
// losses:         sums[pair, 0] += Σ losses[r]
//
// One workgroup computes all, so that the order of the sums is fixed. Of several equal logits the first counts as the
// largest.

struct Params {
    rows: u32,
    classes: u32,
    pair: u32,
}

@group(0) @binding(0) var<storage, read> row_losses: array<f32>;
@group(0) @binding(1) var<storage, read> logits: array<Element1>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(1) var<storage, read_write> loss_sums: array<f32>;

var<workgroup> loss_of: array<f32, 256>;
var<workgroup> right_of: array<f32, 256>;

fn is_right(row: u32) -> f32 {
    var best = 0u;
    var largest = f32(logits[row * p.classes]);
    for (var c = 1u; c < p.classes; c++) {
        let value = f32(logits[row * p.classes + c]);
        if value > largest {
            largest = value;
            best = c;
        }
    }
    return f32(best == labels[row]);
}

// Sums over all lanes; the results are in lane 0.
fn gather(lane: u32) {
    workgroupBarrier();
    for (var step = 128u; step > 0u; step /= 2u) {
        if lane < step {
            loss_of[lane] += loss_of[lane + step];
            right_of[lane] += right_of[lane + step];
        }
        workgroupBarrier();
    }
}

@compute @workgroup_size(256)
fn classification(@builtin(local_invocation_index) lane: u32) {
    var loss = 0.0;
    var right = 0.0;
    for (var row = lane; row < p.rows; row += 256u) {
        loss += row_losses[row];
        right += is_right(row);
    }
    loss_of[lane] = loss;
    right_of[lane] = right;
    gather(lane);
    if lane == 0u {
        sums[2u * p.pair] += loss_of[0];
        sums[2u * p.pair + 1u] += right_of[0];
    }
}

@compute @workgroup_size(256)
fn losses(@builtin(local_invocation_index) lane: u32) {
    var loss = 0.0;
    for (var row = lane; row < p.rows; row += 256u) {
        loss += row_losses[row];
    }
    loss_of[lane] = loss;
    right_of[lane] = 0.0;
    gather(lane);
    if lane == 0u {
        loss_sums[2u * p.pair] += loss_of[0];
    }
}
