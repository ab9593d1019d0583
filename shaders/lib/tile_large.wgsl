// C = A·B for GPUs: a workgroup of 256 invocations computes a tile of TILE_M × TILE_N, each of them ROWS rows of
// VECTORS vectors of four columns.
//
// tile.wgsl says what the kernel that this stands in front of defines (row_of_a, tile_a, tile_b, tile_c) and what A_ALONG_K and
// B_ALONG_N mean; either file serves the same kernels. Two things are different here:
//   - Each value from workgroup memory is used more often: with 8 × 8 per invocation ten loads feed 64 products.
//   - There are two slabs. While the products of one run, the next one is on its way from memory into registers, and
//     one barrier per slab is enough, because nobody reads where it is then written.
// The columns of an invocation lie apart by the width of the workgroup, so that neighbours read neighbouring vectors.
//
// The host chooses TILE_M, TILE_N (at most 128 each), ROWS and VECTORS, with TILE_M / ROWS · TILE_N / 4 / VECTORS = 256.
// With slabs of 8 along k the largest tile takes 16 KiB of workgroup memory, which every adapter has.

const SLAB: u32 = 8u;
const QUADS: u32 = TILE_N / 4u;
const ACROSS: u32 = QUADS / VECTORS;
// Vectors that a slab takes of each matrix: at most one per invocation.
const LOADS_A: u32 = TILE_M * SLAB / 4u;
const LOADS_B: u32 = QUADS * SLAB;
const SIZE_A: u32 = TILE_M * SLAB;
const SIZE_B: u32 = QUADS * SLAB;

var<workgroup> slab_a: array<f32, 2u * SIZE_A>;
var<workgroup> slab_b: array<vec4<f32>, 2u * SIZE_B>;

fn tile_product(tile_m: u32, tile_n: u32, first_k: u32, last_k: u32, lane: u32) {
    let x = lane % ACROSS;
    let y = lane / ACROSS;
    let a_row = select(lane % TILE_M, lane / (SLAB / 4u), A_ALONG_K == 1u);
    let a_k = 4u * select(lane / TILE_M, lane % (SLAB / 4u), A_ALONG_K == 1u);
    let b_k = select(lane % SLAB, lane / QUADS, B_ALONG_N == 1u);
    let b_quad = select(lane / SLAB, lane % QUADS, B_ALONG_N == 1u);
    let row_a = row_of_a(tile_m * TILE_M + a_row);
    var c: array<array<vec4<f32>, VECTORS>, ROWS>;
    var a = vec4(0.0);
    var b = vec4(0.0);
    // Slab by slab, one ahead: the first round only loads, the last one only multiplies.
    var full = 0u;
    var free = 0u;
    for (var k = first_k; k < last_k + SLAB; k += SLAB) {
        if k < last_k {
            if lane < LOADS_A {
                a = tile_a(row_a, k + a_k);
                // The last slab may reach beyond the range that this call sums over.
                a = select(vec4(0.0), a, vec4(k + a_k) + vec4(0u, 1u, 2u, 3u) < vec4(last_k));
            }
            if lane < LOADS_B { b = tile_b(k + b_k, tile_n * TILE_N + b_quad * 4u); }
        }
        if k > first_k {
            for (var s = 0u; s < SLAB; s++) {
                var row: array<vec4<f32>, VECTORS>;
                for (var v = 0u; v < VECTORS; v++) {
                    row[v] = slab_b[full * SIZE_B + s * QUADS + v * ACROSS + x];
                }
                for (var i = 0u; i < ROWS; i++) {
                    let value = vec4(slab_a[full * SIZE_A + s * TILE_M + y * ROWS + i]);
                    for (var v = 0u; v < VECTORS; v++) {
                        c[i][v] = fma(value, row[v], c[i][v]);
                    }
                }
            }
        }
        if k < last_k {
            if lane < LOADS_A {
                for (var i = 0u; i < 4u; i++) {
                    slab_a[free * SIZE_A + (a_k + i) * TILE_M + a_row] = a[i];
                }
            }
            if lane < LOADS_B { slab_b[free * SIZE_B + b_k * QUADS + b_quad] = b; }
        }
        workgroupBarrier();
        full = free;
        free = 1u - free;
    }
    for (var i = 0u; i < ROWS; i++) {
        for (var v = 0u; v < VECTORS; v++) {
            let column = tile_n * TILE_N + (v * ACROSS + x) * 4u;
            tile_c(tile_m * TILE_M + y * ROWS + i, column, c[i][v]);
        }
    }
}
