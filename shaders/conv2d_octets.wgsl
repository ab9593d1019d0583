// Octets of the operands of conv2d.wgsl, for lib/octets.wgsl: eight channels of a pixel, or eight columns of the
// kernel.
//
// A_OCTETS and B_OCTETS say that the channels of a group of that operand are a multiple of eight: an octet is then
// aligned, and under one tap.

// Windows reach beyond the image.
const A_WHOLE: u32 = 0u;

@group(0) @binding(0) var<storage, read> a_eights: array<Eight>;
@group(0) @binding(1) var<storage, read> b_eights: array<Eight>;

alias LineOfA = RowOfA;

fn line_of_a(m: u32) -> LineOfA {
    return row_of_a(m);
}

// Forward and data: channels of a pixel.
fn octet_of_channels(row: RowOfA, k: u32, last_k: u32) -> Octet {
    let all = channels().x;
    let of_group = channels().y;
    if A_OCTETS == 1u {
        let tap = k / of_group;
        let pixel = pixel_under(row, tap);
        let at = (u32(max(pixel, 0)) * all + part * of_group + k - tap * of_group) / 8u;
        return Octet(a_eights[at], u32(pixel >= 0 && k < last_k));
    }
    var octet: Octet;
    for (var i = 0u; i < 8u; i++) {
        let tap = (k + i) / of_group;
        let pixel = pixel_under(row, tap);
        let at = u32(max(pixel, 0)) * all + part * of_group + k + i - tap * of_group;
        let number = one_of(a_eights[at / 8u], at % 8u);
        if i < 4u { octet.numbers.low[i] = number; } else { octet.numbers.high[i - 4u] = number; }
        octet.inside |= u32(pixel >= 0 && k + i < last_k) << i;
    }
    return octet;
}

// Weights: the pixel of X under the taps m to m + 8 of the window of output pixel k.
fn octet_of_taps(row: RowOfA, m: u32, k: u32, last_k: u32) -> Octet {
    let line = k / p.ow;
    let image = line / p.oh;
    let y = i32((line - image * p.oh) * p.stride_h);
    let x = i32((k - line * p.ow) * p.stride_w);
    if A_OCTETS == 1u {
        let pixel = pixel_of_window(row, image, y, x);
        let at = (u32(max(pixel, 0)) * p.ci + row.channel) / 8u;
        return Octet(a_eights[at], u32(pixel >= 0 && k < last_k));
    }
    var octet: Octet;
    for (var i = 0u; i < 8u; i++) {
        let row_of_i = row_of_a(m + i);
        let pixel = pixel_of_window(row_of_i, image, y, x);
        let at = u32(max(pixel, 0)) * p.ci + row_of_i.channel;
        let number = one_of(a_eights[at / 8u], at % 8u);
        if i < 4u { octet.numbers.low[i] = number; } else { octet.numbers.high[i - 4u] = number; }
        octet.inside |= u32(pixel >= 0 && k < last_k) << i;
    }
    return octet;
}

fn octet_of_a(row: LineOfA, m: u32, k: u32, last_k: u32) -> Octet {
    if DIRECTION == 2u { return octet_of_taps(row, m, k, last_k); }
    return octet_of_channels(row, k, last_k);
}

fn octet_of_b(k: u32, n: u32, last_k: u32) -> Octet {
    let start = row_of_b(k) + n;
    let inside = select(0u, bits_below(n, extent_n()), k < last_k);
    if B_OCTETS == 1u { return Octet(b_eights[start / 8u], inside); }
    var octet = Octet(Eight(), inside);
    for (var i = 0u; i < 4u; i++) {
        let at = start + i;
        let next = at + 4u;
        octet.numbers.low[i] = one_of(b_eights[at / 8u], at % 8u);
        octet.numbers.high[i] = one_of(b_eights[next / 8u], next % 8u);
    }
    return octet;
}
