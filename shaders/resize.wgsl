// forward:  y[n, oy, ox, c] = Σ weight · x[n, iy, ix, c] over the pixels around the position of (oy, ox)
// gradient: dx[n, iy, ix, c] = Σ weight · dy[n, oy, ox, c] over the outputs that read the pixel
//
// The position of output o along an axis is (o + 1/2) · input/output - 1/2: a quotient of integers with the divisor
// 2·output. With bilinear = 0 an output reads the nearest pixel. An invocation computes one element. Extents of images
// are below 32,768.

struct Params {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    oh: u32,
    ow: u32,
    bilinear: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element0>;
@group(0) @binding(1) var<storage, read_write> y: array<Element1>;

// An output reads (1 - part) of pixel `first` and `part` of the next.
struct Taps {
    first: u32,
    part: f32,
}

fn taps(o: u32, input: u32, output: u32) -> Taps {
    let centre = (2u * o + 1u) * input;
    if p.bilinear == 0u { return Taps((centre - 1u) / (2u * output), 0.0); }
    let place = max(centre, output) - output;
    let first = place / (2u * output);
    let part = f32(place - first * 2u * output) / f32(2u * output);
    return Taps(first, select(0.0, part, first + 1u < input));
}

// The share of pixel i that output o reads.
fn weight(o: u32, i: u32, input: u32, output: u32) -> f32 {
    let read = taps(o, input, output);
    return select(0.0, 1.0 - read.part, read.first == i) + select(0.0, read.part, read.first + 1u == i);
}

@compute @workgroup_size(256)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let at = group_index(group, groups) * 256u + lane;
    let pixel = at / p.c;
    let row = pixel / p.ow;
    if row >= p.n * p.oh { return; }
    let channel = at - pixel * p.c;
    let down = taps(row % p.oh, p.h, p.oh);
    let across = taps(pixel % p.ow, p.w, p.ow);
    var sum = 0.0;
    // A tap of weight 0 is not read: it may lie outside, or not be finite.
    for (var v = 0u; v < 1u + u32(down.part > 0.0); v++) {
        let base = (row / p.oh * p.h + down.first + v) * p.w + across.first;
        let of_row = select(1.0 - down.part, down.part, v == 1u);
        for (var u = 0u; u < 1u + u32(across.part > 0.0); u++) {
            let of_column = select(1.0 - across.part, across.part, u == 1u);
            sum += of_row * of_column * f32(x[(base + u) * p.c + channel]);
        }
    }
    y[at] = Element1(sum);
}

// Outputs from the first that may read pixel i to the last. Some of them may not.
fn readers(i: u32, input: u32, output: u32) -> vec2<u32> {
    let before = (max(2u * i, 1u) - 1u) * output / input;
    let after = (2u * i + 3u) * output / input;
    return vec2((max(before, 1u) - 1u) / 2u, min(after / 2u + 1u, output - 1u));
}

@compute @workgroup_size(256)
fn gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    let at = group_index(group, groups) * 256u + lane;
    let pixel = at / p.c;
    let row = pixel / p.w;
    if row >= p.n * p.h { return; }
    let channel = at - pixel * p.c;
    let down = readers(row % p.h, p.h, p.oh);
    let across = readers(pixel % p.w, p.w, p.ow);
    var sum = 0.0;
    for (var oy = down.x; oy <= down.y; oy++) {
        let of_row = weight(oy, row % p.h, p.h, p.oh);
        let base = (row / p.h * p.oh + oy) * p.ow;
        for (var ox = across.x; ox <= across.y; ox++) {
            let both = of_row * weight(ox, pixel % p.w, p.w, p.ow);
            if both > 0.0 { sum += both * f32(x[(base + ox) * p.c + channel]); }
        }
    }
    y[at] = Element1(sum);
}
