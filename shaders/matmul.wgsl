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
    var block: Block;
    for (var i = 0u; i < 4u; i++) {
        if A_VECTOR == 1u {
            block.vectors[i] = a[(rows.start + i * p.a_row + k) / 4u];
            for (var j = 0u; j < 4u; j++) {
                block.inside |= u32(m + i < p.m && k + j < last_k) << (4u * i + j);
            }
        } else {
            let at = rows.start + (k + i) * p.a_column;
            if A_ALONG_M == 1u { block.vectors[i] = a[at / 4u]; }
            for (var j = 0u; j < 4u; j++) {
                if A_ALONG_M == 0u {
                    let one = at + j * p.a_row;
                    block.vectors[i][j] = a[one / 4u][one % 4u];
                }
                block.inside |= u32(m + j < p.m && k + i < last_k) << (4u * i + j);
            }
        }
    }
    return block;
}

fn load_b(k: u32, n: u32) -> Block {
    var block: Block;
    let start = matrix * p.b_batch + k * p.b_row + n * p.b_column;
    for (var i = 0u; i < 4u; i++) {
        if B_ALONG_K == 1u {
            block.vectors[i] = b[(start + i * p.b_column) / 4u];
            for (var j = 0u; j < 4u; j++) {
                block.inside |= u32(n + i < p.n && k + j < p.k) << (4u * i + j);
            }
        } else {
            let at = start + i * p.b_row;
            if B_VECTOR == 1u { block.vectors[i] = b[at / 4u]; }
            for (var j = 0u; j < 4u; j++) {
                if B_VECTOR == 0u {
                    let one = at + j * p.b_column;
                    block.vectors[i][j] = b[one / 4u][one % 4u];
                }
                block.inside |= u32(n + j < p.n && k + i < p.k) << (4u * i + j);
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
