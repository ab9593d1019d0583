// C[b] = f(A[b]·B[b] + bias)      A: m × k, B: k × n, C: m × n, row-major; b counts the batch
//
// A and B have a stride per row, per column and per matrix, so a transposed or repeated operand needs no copy.
// FUNCTION is the code of f; HAS_BIAS says whether the third input is a bias of n values. A_VECTOR and B_VECTOR
// say that four neighbours (along k in A, along n in B) lie in one aligned vector.
//
// A workgroup computes a tile of TILE_M × TILE_N (lib/tile.wgsl, lib/tile_large.wgsl, lib/tile_cooperative.wgsl). The
// same for software adapters is matmul_software.wgsl.
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

fn b_at(k: u32, n: u32) -> f32 {
    let i = matrix * p.b_batch + k * p.b_row + n * p.b_column;
    return f32(b[i / 4u][i % 4u]);
}

// A row of A: where it begins, if it is inside.
struct RowOfA {
    inside: bool,
    start: u32,
}

fn row_of_a(m: u32) -> RowOfA {
    return RowOfA(m < p.m, matrix * p.a_batch + m * p.a_row);
}

fn tile_a(row: RowOfA, k: u32) -> vec4<f32> {
    var v = vec4(0.0);
    if !row.inside { return v; }
    if A_VECTOR == 1u {
        if k < p.k { v = vec4<f32>(a[(row.start + k) / 4u]); }
        return v;
    }
    for (var i = 0u; i < 4u; i++) {
        let at = row.start + (k + i) * p.a_column;
        if k + i < p.k { v[i] = f32(a[at / 4u][at % 4u]); }
    }
    return v;
}

fn tile_b(k: u32, n: u32) -> vec4<f32> {
    var v = vec4(0.0);
    if k >= p.k { return v; }
    if B_VECTOR == 1u {
        if n < p.n { v = vec4<f32>(b[(matrix * p.b_batch + k * p.b_row + n) / 4u]); }
        return v;
    }
    for (var i = 0u; i < 4u; i++) {
        if n + i < p.n { v[i] = b_at(k, n + i); }
    }
    return v;
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

@compute @workgroup_size(256)
fn tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
         @builtin(local_invocation_index) lane: u32) {
    compute_tile(group_index(group, groups), lane);
}
