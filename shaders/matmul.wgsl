// C[b] = f(A[b]·B[b] + bias)      A: m × k, B: k × n, C: m × n, row-major; b counts the batch
//
// A and B have a stride per row, per column and per matrix, so a transposed or repeated operand needs no copy.
// FUNCTION is the code of f; HAS_BIAS says whether the third input is a bias of n values. A_VECTOR and B_VECTOR
// say that four neighbours (along k in A, along n in B) lie in one aligned vector, A_ALONG_M and B_ALONG_K that four
// neighbours in the other direction do.
//
// A workgroup computes a tile of TILE_M × TILE_N, from blocks of 4 × 4 (lib/blocks.wgsl, then lib/tile.wgsl or
// lib/tile_cooperative.wgsl). The same for software adapters is matmul_software.wgsl.
//
// A long sum over k may be cut into `splits` pieces of `piece` terms, each with a result of its own; then there is
// neither bias nor f, and matmul_join.wgsl adds the pieces.

@group(0) @binding(0) var<storage, read> a: array<vec4<Element0>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Element1>>;
@group(0) @binding(2) var<storage, read> bias: array<Element2>;
@group(0) @binding(3) var<storage, read_write> c: array<Element3>;

// Which matrix of the batch, and which piece of its sums, this invocation works on.
var<private> matrix: u32;
var<private> split: u32;

fn a_at(m: u32, k: u32) -> f32 {
    let i = matrix * p.a_batch + m * p.a_row + k * p.a_column;
    return f32(a[i / 4u][i % 4u]);
}

fn b_at(k: u32, n: u32) -> f32 {
    let i = matrix * p.b_batch + k * p.b_row + n * p.b_column;
    return f32(b[i / 4u][i % 4u]);
}

// Where four rows of A begin.
struct RowsOfA {
    start: u32,
}

fn rows_of_a(m: u32) -> RowsOfA {
    return RowsOfA(matrix * p.a_batch + m * p.a_row);
}

fn block_a(rows: RowsOfA, m: u32, k: u32) -> mat4x4<f32> {
    var block = mat4x4<f32>();
    if A_VECTOR == 1u {
        for (var i = 0u; i < 4u; i++) {
            if k < p.k && m + i < p.m { block[i] = vec4<f32>(a[(rows.start + i * p.a_row + k) / 4u]); }
        }
        return transpose(block);
    }
    for (var i = 0u; i < 4u; i++) {
        if A_ALONG_M == 1u {
            if k + i < p.k && m < p.m { block[i] = vec4<f32>(a[(rows.start + (k + i) * p.a_column) / 4u]); }
        } else {
            for (var j = 0u; j < 4u; j++) {
                if k + i < p.k && m + j < p.m { block[i][j] = a_at(m + j, k + i); }
            }
        }
    }
    return block;
}

fn block_b(k: u32, n: u32) -> mat4x4<f32> {
    var block = mat4x4<f32>();
    if B_ALONG_K == 1u {
        for (var i = 0u; i < 4u; i++) {
            if k < p.k && n + i < p.n {
                block[i] = vec4<f32>(b[(matrix * p.b_batch + (n + i) * p.b_column + k) / 4u]);
            }
        }
        return transpose(block);
    }
    for (var i = 0u; i < 4u; i++) {
        if B_VECTOR == 1u {
            if k + i < p.k && n < p.n {
                block[i] = vec4<f32>(b[(matrix * p.b_batch + (k + i) * p.b_row + n) / 4u]);
            }
        } else {
            for (var j = 0u; j < 4u; j++) {
                if k + i < p.k && n + j < p.n { block[i][j] = b_at(k + i, n + j); }
            }
        }
    }
    return block;
}

fn tile_c(m: u32, n: u32, value: vec4<f32>) {
    if m >= p.m { return; }
    let row = ((matrix * p.splits + split) * p.m + m) * p.n;
    for (var i = 0u; i < 4u; i++) {
        if n + i < p.n {
            var z = value[i];
            if HAS_BIAS == 1u { z += f32(bias[n + i]); }
            c[row + n + i] = Element3(apply(FUNCTION, z));
        }
    }
}

fn compute_tile(tile: u32, lane: u32) {
    let columns = (p.n + TILE_N - 1u) / TILE_N;
    let tiles = (p.m + TILE_M - 1u) / TILE_M * columns;
    if tile >= tiles * p.batch * p.splits { return; }
    matrix = tile / tiles / p.splits;
    split = tile / tiles % p.splits;
    let first = split * p.piece;
    tile_product(tile % tiles / columns, tile % columns, first, min(first + p.piece, p.k), lane);
}
