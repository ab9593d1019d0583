// Blocks of 4 × 4 of the operands of conv2d.wgsl, for lib/blocks.wgsl.
//
// A_VECTOR and B_VECTOR say that the channels of that operand come in whole vectors of four.

// A vector is one pixel: a row of A forward and for the data, a column of A for the weights.
const A_TURNED: u32 = u32(DIRECTION != 2u);
const B_TURNED: u32 = 0u;
// Windows reach beyond the image.
const A_WHOLE: u32 = 0u;

struct RowsOfA {
    rows: array<RowOfA, 4>,
}

fn rows_of_a(m: u32) -> RowsOfA {
    return RowsOfA(array(row_of_a(m), row_of_a(m + 1u), row_of_a(m + 2u), row_of_a(m + 3u)));
}

// Weights: vector i of the block is output pixel k + i, found from the one before; its elements are taps and channels:
// four channels of one tap if channels come in vectors.
fn block_of_pixels(rows: RowsOfA, k: u32, last_k: u32) -> Block {
    var block: Block;
    let line = k / p.ow;
    var ox = k - line * p.ow;
    var image = line / p.oh;
    var oy = line - image * p.oh;
    for (var i = 0u; i < 4u; i++) {
        let y = i32(oy * p.stride_h);
        let x = i32(ox * p.stride_w);
        if A_VECTOR == 1u {
            let pixel = pixel_of_window(rows.rows[0], image, y, x);
            block.vectors[i] = a[(u32(max(pixel, 0)) * p.ci + rows.rows[0].channel) / 4u];
            block.inside |= select(0u, 15u, pixel >= 0 && k + i < last_k) << (4u * i);
        } else {
            for (var j = 0u; j < 4u; j++) {
                let pixel = pixel_of_window(rows.rows[j], image, y, x);
                let at = u32(max(pixel, 0)) * p.ci + rows.rows[j].channel;
                block.vectors[i][j] = a[at / 4u][at % 4u];
                block.inside |= u32(pixel >= 0 && k + i < last_k) << (4u * i + j);
            }
        }
        ox += 1u;
        if ox == p.ow { ox = 0u; oy += 1u; }
        if oy == p.oh { oy = 0u; image += 1u; }
    }
    return block;
}

// Forward and data: vector j of the block is a pixel, its elements are channels under a tap.
fn block_of_channels(rows: RowsOfA, k: u32, last_k: u32) -> Block {
    var block: Block;
    let all = channels().x;
    let of_group = channels().y;
    if A_VECTOR == 1u {
        let tap = k / of_group;
        let channel = part * of_group + k - tap * of_group;
        for (var j = 0u; j < 4u; j++) {
            let pixel = pixel_under(rows.rows[j], tap);
            block.vectors[j] = a[(u32(max(pixel, 0)) * all + channel) / 4u];
            block.inside |= select(0u, 15u, pixel >= 0 && k < last_k) << (4u * j);
        }
        return block;
    }
    for (var i = 0u; i < 4u; i++) {
        let tap = (k + i) / of_group;
        let channel = part * of_group + k + i - tap * of_group;
        for (var j = 0u; j < 4u; j++) {
            let pixel = pixel_under(rows.rows[j], tap);
            let at = u32(max(pixel, 0)) * all + channel;
            block.vectors[j][i] = a[at / 4u][at % 4u];
            block.inside |= u32(pixel >= 0 && k + i < last_k) << (4u * j + i);
        }
    }
    return block;
}

fn load_a(rows: RowsOfA, m: u32, k: u32, last_k: u32) -> Block {
    if DIRECTION == 2u { return block_of_pixels(rows, k, last_k); }
    return block_of_channels(rows, k, last_k);
}

// Where the rows k to k + 4 of the right operand begin. Those of one tap follow one another.
fn rows_of_b(k: u32) -> vec4<u32> {
    if DIRECTION == 1u && A_VECTOR == 1u { return vec4(row_of_b(k)) + vec4(0u, 1u, 2u, 3u) * inputs(); }
    return vec4(row_of_b(k), row_of_b(k + 1u), row_of_b(k + 2u), row_of_b(k + 3u));
}

fn load_b(k: u32, n: u32) -> Block {
    let inside = bits_inside(count_below(k, extent_k()), count_below(n, extent_n()));
    let at = rows_of_b(k) + n;
    if B_VECTOR == 1u {
        let vectors = mat4x4<Element0>(b[at[0] / 4u], b[at[1] / 4u], b[at[2] / 4u], b[at[3] / 4u]);
        return Block(vectors, inside);
    }
    var vectors: mat4x4<Element0>;
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            vectors[i][j] = b[(at[i] + j) / 4u][(at[i] + j) % 4u];
        }
    }
    return Block(vectors, inside);
}
