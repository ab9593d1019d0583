// Depthwise convolution of images in NHWC: every channel c has kernels of its own, M = co/ci of them.
//
//   forward:  Y[(n,oh,ow), c·M+m]  = f(Σ X[n, oh·s+kh·d-p, ow·s+kw·d-p, c] · W[kh,kw,c,m] + bias[c·M+m])
//   data:     dX[(n,ih,iw), c]     = Σ dY[n, (ih+p-kh·d)/s, (iw+p-kw·d)/s, c·M+m] · W[kh,kw,c,m]
//   weights:  dW[kh,kw,c,m]        = Σ X[n, oh·s+kh·d-p, ow·s+kw·d-p, c] · dY[(n,oh,ow), c·M+m]
//
// Pixels outside the image are zero; in `data` only whole quotients count. An invocation computes four neighbouring
// channels. Of a row of the image it computes PIXELS results (forward, data), or KW results (weights: one row of the
// window, summed over `piece` rows of images; a second dispatch adds the `splits` pieces in order). It loads the
// pixels that its results share once, into `span`.
//
// KW is the width of the window, STRIDE the stride and DILATION the dilation d along a row. With a dilation PIXELS is
// 1, for neighbours share little, and the pixels of `span` are a dilation apart. Along an axis with a dilation the
// stride is 1 in `data`. VECTOR means that M is 1 and the number of channels is a multiple of four. The GROUP
// invocations of a workgroup cover channels and pixels without gaps.

@group(0) @binding(0) var<storage, read> a: array<vec4<Element0>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Element1>>;
@group(0) @binding(2) var<storage, read> bias: array<Element2>;
@group(0) @binding(3) var<storage, read_write> y: array<Element3>;

@group(0) @binding(2) var<storage, read_write> gradient: array<Element2>;

// The pixels of the image under PIXELS neighbouring windows.
const SPAN: u32 = (PIXELS - 1u) * STRIDE + KW;
// The most windows of a row that cover one pixel.
const COVER: u32 = (KW + STRIDE - 1u) / STRIDE;

// The pixels of an invocation and its first channel.
struct Place {
    pixels: u32,
    channel: u32,
}

fn place(group: u32, lane: u32, channels: u32) -> Place {
    let quads = (channels + 3u) / 4u;
    let i = group * GROUP + lane;
    return Place(i / quads, i % quads * 4u);
}

fn a_scalar(i: u32) -> f32 {
    return f32(a[i / 4u][i % 4u]);
}

fn b_scalar(i: u32) -> f32 {
    return f32(b[i / 4u][i % 4u]);
}

// The image's values (operand a) for output channels `channel` to `channel` + 3.
fn image_at(pixel: u32, channel: u32) -> vec4<f32> {
    if VECTOR == 1u { return vec4<f32>(a[(pixel * p.ci + channel) / 4u]); }
    var v = vec4(0.0);
    for (var i = 0u; i < 4u; i++) {
        if channel + i < p.co { v[i] = a_scalar(pixel * p.ci + (channel + i) / (p.co / p.ci)); }
    }
    return v;
}

// Four values of operand b in row `row` of `co`: those of output channels `channel` to `channel` + 3.
fn b_at(row: u32, channel: u32) -> vec4<f32> {
    if VECTOR == 1u { return vec4<f32>(b[(row * p.co + channel) / 4u]); }
    var v = vec4(0.0);
    for (var i = 0u; i < 4u; i++) {
        if channel + i < p.co { v[i] = b_scalar(row * p.co + channel + i); }
    }
    return v;
}

@compute @workgroup_size(GROUP)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let to = place(group_index(group, groups), lane, p.co);
    let blocks = (p.ow + PIXELS - 1u) / PIXELS;
    let row = to.pixels / blocks;
    if row >= p.n * p.oh || to.channel >= p.co { return; }
    let first = to.pixels % blocks * PIXELS;
    let left = i32(first * STRIDE) - i32(p.pad_w);
    var acc: array<vec4<f32>, PIXELS>;
    for (var ky = 0u; ky < p.kh; ky++) {
        let above = i32(row % p.oh * p.stride_h + ky * p.dilation_h) - i32(p.pad_h);
        if above >= 0 && above < i32(p.h) {
            let base = (row / p.oh * p.h + u32(above)) * p.w;
            var span: array<vec4<f32>, SPAN>;
            for (var i = 0u; i < SPAN; i++) {
                let x = left + i32(i * DILATION);
                if x >= 0 && x < i32(p.w) { span[i] = image_at(base + u32(x), to.channel); }
            }
            for (var kx = 0u; kx < KW; kx++) {
                let weight = b_at(ky * KW + kx, to.channel);
                for (var r = 0u; r < PIXELS; r++) {
                    acc[r] = fma(span[r * STRIDE + kx], weight, acc[r]);
                }
            }
        }
    }
    for (var r = 0u; r < PIXELS; r++) {
        for (var i = 0u; i < 4u; i++) {
            if first + r < p.ow && to.channel + i < p.co {
                var z = acc[r][i];
                if HAS_BIAS == 1u { z += f32(bias[to.channel + i]); }
                y[(row * p.ow + first + r) * p.co + to.channel + i] = Element3(apply(z));
            }
        }
    }
}

// Operand a at the m-th output channels of input channels `channel` to `channel` + 3.
fn dy_at(pixel: u32, channel: u32, m: u32) -> vec4<f32> {
    if VECTOR == 1u { return vec4<f32>(a[(pixel * p.co + channel) / 4u]); }
    var v = vec4(0.0);
    for (var i = 0u; i < 4u; i++) {
        if channel + i < p.ci { v[i] = a_scalar(pixel * p.co + (channel + i) * (p.co / p.ci) + m); }
    }
    return v;
}

fn weight_at(tap: u32, channel: u32, m: u32) -> vec4<f32> {
    if VECTOR == 1u { return vec4<f32>(b[(tap * p.co + channel) / 4u]); }
    var v = vec4(0.0);
    for (var i = 0u; i < 4u; i++) {
        if channel + i < p.ci { v[i] = b_scalar(tap * p.co + (channel + i) * (p.co / p.ci) + m); }
    }
    return v;
}

// The pixels of an invocation are STRIDE apart, so the same columns of the window cover all of them. With q = iw + p,
// these are the kw with the same remainder as q: kw = q mod STRIDE + t · STRIDE, from output pixel q/STRIDE - t.
@compute @workgroup_size(GROUP)
fn data(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let to = place(group_index(group, groups), lane, p.ci);
    let begin = p.pad_w / STRIDE;
    let blocks = ((p.w - 1u + p.pad_w) / STRIDE - begin) / PIXELS + 1u;
    let row = to.pixels / (blocks * STRIDE);
    if row >= p.n * p.h || to.channel >= p.ci { return; }
    let phase = to.pixels / blocks % STRIDE;
    let first = begin + to.pixels % blocks * PIXELS;
    let left = i32(first) - i32((COVER - 1u) * DILATION);
    var acc: array<vec4<f32>, PIXELS>;
    let q = row % p.h + p.pad_h;
    for (var ky = q % p.stride_h; ky < p.kh; ky += p.stride_h) {
        let down = ky * p.dilation_h;
        if q >= down && (q - down) / p.stride_h < p.oh {
            let base = (row / p.h * p.oh + (q - down) / p.stride_h) * p.ow;
            for (var m = 0u; m < p.co / p.ci; m++) {
                var span: array<vec4<f32>, PIXELS + COVER - 1u>;
                for (var i = 0u; i < PIXELS + COVER - 1u; i++) {
                    let x = left + i32(i * DILATION);
                    if x >= 0 && x < i32(p.ow) { span[i] = dy_at(base + u32(x), to.channel, m); }
                }
                for (var t = 0u; t < COVER; t++) {
                    let kx = phase + t * STRIDE;
                    if kx < KW {
                        let weight = weight_at(ky * KW + kx, to.channel, m);
                        for (var r = 0u; r < PIXELS; r++) {
                            acc[r] = fma(span[r + COVER - 1u - t], weight, acc[r]);
                        }
                    }
                }
            }
        }
    }
    for (var r = 0u; r < PIXELS; r++) {
        let x = i32((first + r) * STRIDE + phase) - i32(p.pad_w);
        for (var i = 0u; i < 4u; i++) {
            if x >= 0 && x < i32(p.w) && to.channel + i < p.ci {
                gradient[(row * p.w + u32(x)) * p.ci + to.channel + i] = Element2(acc[r][i]);
            }
        }
    }
}

@compute @workgroup_size(GROUP)
fn weights(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
           @builtin(local_invocation_index) lane: u32) {
    let to = place(group_index(group, groups), lane, p.co);
    let split = to.pixels / p.kh;
    if split >= p.splits || to.channel >= p.co { return; }
    let ky = to.pixels % p.kh;
    var acc: array<vec4<f32>, KW>;
    let last = min((split + 1u) * p.piece, p.n * p.oh);
    for (var row = split * p.piece; row < last; row++) {
        let above = i32(row % p.oh * p.stride_h + ky * p.dilation_h) - i32(p.pad_h);
        if above >= 0 && above < i32(p.h) {
            let base = (row / p.oh * p.h + u32(above)) * p.w;
            for (var first = 0u; first < p.ow; first += PIXELS) {
                let left = i32(first * STRIDE) - i32(p.pad_w);
                var span: array<vec4<f32>, SPAN>;
                for (var i = 0u; i < SPAN; i++) {
                    let x = left + i32(i * DILATION);
                    if x >= 0 && x < i32(p.w) { span[i] = image_at(base + u32(x), to.channel); }
                }
                for (var r = 0u; r < PIXELS; r++) {
                    if first + r < p.ow {
                        let dy = b_at(row * p.ow + first + r, to.channel);
                        for (var kx = 0u; kx < KW; kx++) {
                            acc[kx] = fma(span[r * STRIDE + kx], dy, acc[kx]);
                        }
                    }
                }
            }
        }
    }
    for (var kx = 0u; kx < KW; kx++) {
        for (var i = 0u; i < 4u; i++) {
            if to.channel + i < p.co {
                gradient[((split * p.kh + ky) * KW + kx) * p.co + to.channel + i] = Element2(acc[kx][i]);
            }
        }
    }
}
