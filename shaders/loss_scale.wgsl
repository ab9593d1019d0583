// find:   found ← 1 if a gradient is infinite, NaN, or the largest number (some drivers round towards zero)
// update: found      → scale ← scale / 2; the step is skipped
//         not found  → scale ← scale · 2 after `interval` such steps in a row; t ← t + 1
//
// Gradients are read as words, because a compiler may assume that floats are finite. HALF means that a word is two
// f16. In `find` an invocation reads four words; `update` is one invocation. 1 - βᵗ is the moving average of ones: x
// ← β·x + (1 - β), starting at 0.

struct Params {
    count: u32,
    half: u32,
    interval: u32,
    beta1: f32,
    beta2: f32,
}

@group(0) @binding(0) var<storage, read> g: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> found: array<atomic<u32>>;

@group(0) @binding(0) var<storage, read_write> was_found: array<u32>;
@group(0) @binding(1) var<storage, read_write> state: array<f32>;

const SMALLEST: f32 = 5.9604644775390625e-8;
const LARGEST: f32 = 16777216.0;

// Whether the number in word i is not finite or has the largest magnitude.
fn is_beyond(word: u32, i: u32) -> bool {
    if HALF == 1u {
        let low = 2u * i < p.count && (word & 0x7fffu) >= 0x7bffu;
        let high = 2u * i + 1u < p.count && (word >> 16u & 0x7fffu) >= 0x7bffu;
        return low || high;
    }
    return i < p.count && (word & 0x7fffffffu) >= 0x7f7fffffu;
}

@compute @workgroup_size(256)
fn find(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = group_index(group, groups) * 256u + lane;
    if i * select(4u, 8u, HALF == 1u) >= p.count { return; }
    let words = g[i];
    for (var k = 0u; k < 4u; k++) {
        if is_beyond(words[k], i * 4u + k) {
            atomicStore(&found[0], 1u);
        }
    }
}

@compute @workgroup_size(1)
fn update() {
    let scale = state[SCALE];
    if was_found[0] != 0u {
        was_found[0] = 0u;
        state[SCALE] = max(0.5 * scale, SMALLEST);
        state[GOOD] = 0.0;
        state[SKIPPED] += 1.0;
        state[UNSCALE] = 0.0;
        return;
    }
    let good = state[GOOD] + 1.0;
    let grows = good >= f32(p.interval);
    state[GOOD] = select(good, 0.0, grows);
    state[SCALE] = select(scale, min(2.0 * scale, LARGEST), grows);
    state[UNSCALE] = 1.0 / scale;
    state[UPDATES] += 1.0;
    state[WEIGHT1] = p.beta1 * state[WEIGHT1] + (1.0 - p.beta1);
    state[WEIGHT2] = p.beta2 * state[WEIGHT2] + (1.0 - p.beta2);
}
