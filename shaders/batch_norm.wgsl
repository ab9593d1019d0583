// With x̂ = (x - mean) / √(variance + ε), z = γ·x̂ + β and dz = dy·f′(z), channel by channel:
//
// normalize: y = f(z)
// sums:      dβ = Σ dz,  dγ = Σ dz·x̂, over the rows of each piece
// gradient:  dx = γ / √(variance + ε) · (dz - (dβ + x̂·dγ) / rows)      mean and variance of the batch
//            dx = γ / √(variance + ε) · dz                             given ones
// gradient_in_place: the same, written over dy
//
// z is computed again from x for the gradients, so y is not kept. x, y and gradients are [rows, channels]; `table`
// holds mean, 1/√(variance + ε), γ and β of each channel. lib/columns.wgsl assigns elements to invocations. FUNCTION is
// f by its code in lib/functions.wgsl; READS_INPUT, whether its derivative there is a function of z and not of f(z).

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read> table: array<Element1>;
@group(0) @binding(2) var<storage, read_write> y: array<Element2>;

@group(0) @binding(2) var<storage, read> dy: array<Element2>;
@group(0) @binding(3) var<storage, read_write> part_beta: array<Element3>;
@group(0) @binding(4) var<storage, read_write> part_gamma: array<Element4>;

@group(0) @binding(2) var<storage, read> sum_beta: array<Element2>;
@group(0) @binding(3) var<storage, read> sum_gamma: array<Element3>;
@group(0) @binding(4) var<storage, read> dy_apart: array<Element4>;
@group(0) @binding(5) var<storage, read_write> dx: array<Element5>;
@group(0) @binding(4) var<storage, read_write> dx_over_dy: array<Element4>;

// Rows of a tile that an invocation computes in `normalize` and `gradient`.
const ROWS: u32 = 8u;

struct Channel {
    mean: f32,
    scale: f32,
    gamma: f32,
    beta: f32,
}

fn channel(c: u32) -> Channel {
    return Channel(
        f32(table[c]),
        f32(table[p.channels + c]),
        f32(table[2u * p.channels + c]),
        f32(table[3u * p.channels + c]),
    );
}

// dz for dy = 1.
fn slope(k: Channel, normalized: f32) -> f32 {
    let z = k.gamma * normalized + k.beta;
    if READS_INPUT == 1u { return derivative(z); }
    return derivative(apply(z));
}

@compute @workgroup_size(256)
fn normalize(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
             @builtin(local_invocation_index) lane: u32) {
    let at = place(group_index(group, groups), lane);
    if !at.inside { return; }
    let k = channel(at.channel);
    for (var i = 0u; i < ROWS; i++) {
        let r = (at.tile * ROWS + i) * at.lanes + at.row;
        if r < p.rows {
            let e = r * p.channels + at.channel;
            y[e] = Element2(apply(k.gamma * ((f32(x[e]) - k.mean) * k.scale) + k.beta));
        }
    }
}

@compute @workgroup_size(256)
fn sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let at = place(group_index(group, groups), lane);
    var own = vec2(0.0);
    if at.inside && at.tile < p.pieces {
        let k = channel(at.channel);
        let last = min((at.tile + 1u) * p.piece, p.rows);
        for (var r = at.tile * p.piece + at.row; r < last; r += at.lanes) {
            let e = r * p.channels + at.channel;
            let normalized = (f32(x[e]) - k.mean) * k.scale;
            let dz = f32(dy[e]) * slope(k, normalized);
            own += vec2(dz, dz * normalized);
        }
    }
    let total = column_sums(at, lane, own);
    if at.inside && at.tile < p.pieces && at.row == 0u {
        let to = at.tile * p.channels + at.channel;
        part_beta[to] = Element3(total.x);
        part_gamma[to] = Element4(total.y);
    }
}

// What dx is in a channel, up to dz and x̂.
struct Gradient {
    k: Channel,
    // (dβ, dγ) / rows; zero where mean and variance do not depend on x.
    share: vec2<f32>,
}

fn gradient_of(c: u32) -> Gradient {
    let sums = vec2(f32(sum_beta[c]), f32(sum_gamma[c]));
    return Gradient(channel(c), select(vec2(0.0), sums / f32(p.rows), p.training == 1u));
}

fn through(g: Gradient, x: f32, dy: f32) -> f32 {
    let normalized = (x - g.k.mean) * g.k.scale;
    let dz = dy * slope(g.k, normalized);
    return g.k.gamma * g.k.scale * (dz - (g.share.x + normalized * g.share.y));
}

@compute @workgroup_size(256)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let at = place(group_index(group, groups), lane);
    if !at.inside { return; }
    let g = gradient_of(at.channel);
    for (var i = 0u; i < ROWS; i++) {
        let r = (at.tile * ROWS + i) * at.lanes + at.row;
        if r < p.rows {
            let e = r * p.channels + at.channel;
            dx[e] = Element5(through(g, f32(x[e]), f32(dy_apart[e])));
        }
    }
}

@compute @workgroup_size(256)
fn gradient_in_place(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
                     @builtin(local_invocation_index) lane: u32) {
    let at = place(group_index(group, groups), lane);
    if !at.inside { return; }
    let g = gradient_of(at.channel);
    for (var i = 0u; i < ROWS; i++) {
        let r = (at.tile * ROWS + i) * at.lanes + at.row;
        if r < p.rows {
            let e = r * p.channels + at.channel;
            dx_over_dy[e] = Element4(through(g, f32(x[e]), f32(dx_over_dy[e])));
        }
    }
}
