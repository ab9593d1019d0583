// C[b] = f(A[b]·B[b] + bias)      A: m × k, B: k × n, C: m × n, row-major; b counts the batch
//
// A and B have a stride per row, per column and per matrix, so a transposed or repeated operand needs no copy.
// FUNCTION is the code of f; HAS_BIAS says whether the third input is a bias of n values.
//
// A workgroup computes a tile of TILE_M × TILE_N: in registers (lib/tile.wgsl) from blocks (matmul_blocks.wgsl), or on
// cooperative matrices (lib/tile_cooperative.wgsl) from octets (matmul_octets.wgsl).
//
// A long sum over k may be cut into `splits` pieces of `piece` terms, each with a result of its own; then there is
// neither bias nor f, and matmul_join.wgsl adds the pieces.

@group(0) @binding(0) var<storage, read> a: array<vec4<Element0>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Element1>>;
@group(0) @binding(2) var<storage, read> bias: array<Element2>;
@group(0) @binding(3) var<storage, read_write> c: array<Element3>;

// The matrix of the batch and the piece of its sums that this invocation computes.
var<private> matrix: u32;
var<private> split: u32;

fn tile_c(m: u32, n: u32, value: vec4<f32>) {
    if m >= p.m { return; }
    let row = ((matrix * p.splits + split) * p.m + m) * p.n;
    for (var i = 0u; i < 4u; i++) {
        if n + i < p.n {
            var z = value[i];
            if HAS_BIAS == 1u { z += f32(bias[n + i]); }
            c[row + n + i] = Element3(apply(z));
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
