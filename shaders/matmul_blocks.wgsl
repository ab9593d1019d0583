// Blocks of 4 × 4 of the operands of matmul.wgsl, for lib/blocks.wgsl.
//
// A_VECTOR and B_VECTOR say that four neighbours (along k in A, along n in B) lie in one aligned vector, A_ALONG_M and
// B_ALONG_K that four neighbours in the other direction do.

// Where four rows of A begin.
struct RowsOfA {
    start: u32,
}

fn rows_of_a(m: u32) -> RowsOfA {
    return RowsOfA(matrix * p.a_batch + m * p.a_row);
}

const A_TURNED: u32 = A_VECTOR;
const B_TURNED: u32 = B_ALONG_K;

fn load_a(rows: RowsOfA, m: u32, k: u32, last_k: u32) -> Block {
    let inside_m = count_below(m, p.m);
    let inside_k = count_below(k, last_k);
    let start = rows.start + k * p.a_column;
    if A_VECTOR == 1u {
        let at = start / 4u;
        let row = p.a_row / 4u;
        let vectors = mat4x4<Element0>(a[at], a[at + row], a[at + 2u * row], a[at + 3u * row]);
        return Block(vectors, bits_inside(inside_m, inside_k));
    }
    if A_ALONG_M == 1u {
        let at = start / 4u;
        let column = p.a_column / 4u;
        let vectors = mat4x4<Element0>(a[at], a[at + column], a[at + 2u * column], a[at + 3u * column]);
        return Block(vectors, bits_inside(inside_k, inside_m));
    }
    var vectors: mat4x4<Element0>;
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let at = start + i * p.a_column + j * p.a_row;
            vectors[i][j] = a[at / 4u][at % 4u];
        }
    }
    return Block(vectors, bits_inside(inside_k, inside_m));
}

fn load_b(k: u32, n: u32) -> Block {
    let inside_n = count_below(n, p.n);
    let inside_k = count_below(k, p.k);
    let start = matrix * p.b_batch + k * p.b_row + n * p.b_column;
    if B_VECTOR == 1u {
        let at = start / 4u;
        let row = p.b_row / 4u;
        let vectors = mat4x4<Element0>(b[at], b[at + row], b[at + 2u * row], b[at + 3u * row]);
        return Block(vectors, bits_inside(inside_k, inside_n));
    }
    if B_ALONG_K == 1u {
        let at = start / 4u;
        let column = p.b_column / 4u;
        let vectors = mat4x4<Element0>(b[at], b[at + column], b[at + 2u * column], b[at + 3u * column]);
        return Block(vectors, bits_inside(inside_n, inside_k));
    }
    var vectors: mat4x4<Element0>;
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let at = start + i * p.b_row + j * p.b_column;
            vectors[i][j] = b[at / 4u][at % 4u];
        }
    }
    return Block(vectors, bits_inside(inside_k, inside_n));
}
