// How a workgroup brings slabs of A (TILE_M × SLAB) and of B (SLAB × TILE_N) from memory into workgroup memory: in
// blocks of 4 × 4, of which an invocation loads LOADS. (lib/tile.wgsl and lib/tile_cooperative.wgsl share this.)
//
// The kernel that this stands in front of says what the matrices are:
//   rows_of_a(m)        -> RowsOfA, what it wants to know of the rows m..m+4 of A; worked out once for the sum over k
//   block_a(rows, m, k) -> column i is A[m..m+4, k+i], zero outside
//   block_b(k, n)       -> column i is B[k+i, n..n+4], zero outside
//   tile_c(m, n, c)        stores the four values C[m, n..n+4] that lie inside
// A block comes in four vectors, whichever way its matrix lies in memory, and is turned in registers if need be.
//
// The host's constants: TILE_M, TILE_N, THREADS, and A_ALONG_K, B_ALONG_N: 1 where the matrix is contiguous in that
// direction. Neighbouring invocations load blocks that are neighbours in it.

const SLAB: u32 = 16u;
const QUADS_A: u32 = TILE_M / 4u;
const QUADS_B: u32 = TILE_N / 4u;
const BLOCKS_A: u32 = QUADS_A * SLAB / 4u;
const BLOCKS_B: u32 = QUADS_B * SLAB / 4u;
const LOADS: u32 = (BLOCKS_A + BLOCKS_B + THREADS - 1u) / THREADS;

// Where a block lies in its slab: from which k on, and in which four rows of A or columns of B.
struct Place {
    k: u32,
    quad: u32,
}

fn place_of_a(block: u32) -> Place {
    if A_ALONG_K == 1u { return Place(block % (SLAB / 4u) * 4u, block / (SLAB / 4u)); }
    return Place(block / QUADS_A * 4u, block % QUADS_A);
}

fn place_of_b(block: u32) -> Place {
    if B_ALONG_N == 1u { return Place(block / QUADS_B * 4u, block % QUADS_B); }
    return Place(block % (SLAB / 4u) * 4u, block / (SLAB / 4u));
}

// What an invocation carries from one slab to the next.
struct Loads {
    rows: array<RowsOfA, LOADS>,
    blocks: array<mat4x4<f32>, LOADS>,
}

// Blocks of A come first, then those of B.
fn prepare_loads(loads: ptr<function, Loads>, tile_m: u32, lane: u32) {
    for (var i = 0u; i < LOADS; i++) {
        let block = lane + i * THREADS;
        if block < BLOCKS_A { (*loads).rows[i] = rows_of_a(tile_m * TILE_M + place_of_a(block).quad * 4u); }
    }
}

// Loads the slab from k on; what lies beyond last_k counts as zero.
fn load_slabs(loads: ptr<function, Loads>, tile_m: u32, tile_n: u32, k: u32, last_k: u32, lane: u32) {
    for (var i = 0u; i < LOADS; i++) {
        let block = lane + i * THREADS;
        if block < BLOCKS_A {
            let place = place_of_a(block);
            let first = k + place.k;
            var values = block_a((*loads).rows[i], tile_m * TILE_M + place.quad * 4u, first);
            for (var j = 0u; j < 4u; j++) {
                values[j] = select(vec4(0.0), values[j], first + j < last_k);
            }
            (*loads).blocks[i] = values;
        } else if block < BLOCKS_A + BLOCKS_B {
            let place = place_of_b(block - BLOCKS_A);
            (*loads).blocks[i] = block_b(k + place.k, tile_n * TILE_N + place.quad * 4u);
        }
    }
}

// Puts what was loaded into slab 0 or 1 of each matrix.
fn store_slabs(loads: ptr<function, Loads>, slab: u32, lane: u32) {
    for (var i = 0u; i < LOADS; i++) {
        let block = lane + i * THREADS;
        if block < BLOCKS_A {
            store_block_a(slab, place_of_a(block), (*loads).blocks[i]);
        } else if block < BLOCKS_A + BLOCKS_B {
            store_block_b(slab, place_of_b(block - BLOCKS_A), (*loads).blocks[i]);
        }
    }
}
