// C = A·B for GPUs: a workgroup computes a tile of 64 × 64, an invocation 4 × 4 of it.
//
// The kernel that this stands in front of says what the matrices are:
//   row_of_a(m) -> what it wants to know of row m of A, worked out once for the sum over k
//   tile_a(row, k) -> the four values A[m, k..k+4] of that row, zero outside
//   tile_b(k, n) -> the four values B[k, n..n+4], zero outside
//   tile_c(m, n, c) stores the four values C[m, n..n+4] that lie inside
// and calls tile_product. A and B pass through workgroup memory in slabs of 16 along k, each value loaded from
// memory once per tile. A's slab is stored k-major, and as scalars: invocations write single values of it, and a
// write to a component of a vector may touch its neighbours.
//
// A_ALONG_K, B_ALONG_N: 1 where the matrix is contiguous in that direction; neighbouring invocations then load
// neighbouring vectors, otherwise neighbouring rows, so that either way their loads fall together.

const TILE: u32 = 64u;
const TILE_M: u32 = TILE;
const TILE_N: u32 = TILE;
const SLAB: u32 = 16u;
const QUADS: u32 = 16u;

var<workgroup> slab_a: array<f32, 1024>;
var<workgroup> slab_b: array<vec4<f32>, 256>;

fn tile_product(tile_m: u32, tile_n: u32, first_k: u32, last_k: u32, lane: u32) {
    let x = lane % QUADS;
    let y = lane / QUADS;
    // Each invocation brings in one vector of A (four k of one row) and one of B (four n of one k) per slab.
    let a_row = select(lane % 64u, lane / 4u, A_ALONG_K == 1u);
    let a_quad = select(lane / 64u, lane % 4u, A_ALONG_K == 1u);
    let b_row = select(lane % 16u, lane / 16u, B_ALONG_N == 1u);
    let b_quad = select(lane / 16u, lane % 16u, B_ALONG_N == 1u);
    let row_a = row_of_a(tile_m * TILE + a_row);
    var c: array<vec4<f32>, 4>;
    for (var k = first_k; k < last_k; k += SLAB) {
        var a = tile_a(row_a, k + a_quad * 4u);
        let b = tile_b(k + b_row, tile_n * TILE + b_quad * 4u);
        // The last slab may reach beyond the range that this call sums over.
        a = select(vec4(0.0), a, vec4(k + a_quad * 4u) + vec4(0u, 1u, 2u, 3u) < vec4(last_k));
        for (var i = 0u; i < 4u; i++) {
            slab_a[(a_quad * 4u + i) * TILE + a_row] = a[i];
        }
        slab_b[b_row * QUADS + b_quad] = b;
        workgroupBarrier();
        for (var s = 0u; s < SLAB; s++) {
            let row = slab_b[s * QUADS + x];
            for (var i = 0u; i < 4u; i++) {
                c[i] = fma(vec4(slab_a[s * TILE + y * 4u + i]), row, c[i]);
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) {
        tile_c(tile_m * TILE + y * 4u + i, tile_n * TILE + x * 4u, c[i]);
    }
}
