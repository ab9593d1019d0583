// C = A·B for GPUs with cooperative matrices (tensor cores), for operands stored in f16; sums are f32. (The same names
// as lib/tile.wgsl, which says what the kernel provides that this stands in front of.)
//
// A workgroup computes a tile of TILE × TILE, 64 or 128. A and B pass through workgroup memory in slabs of 32 along k,
// which takes care of edges and of operands that lie transposed. A fragment is a matrix of FRAGMENT × FRAGMENT, 16 or
// 8, that the lanes of a subgroup hold together; each subgroup sums a block of DOWN × ACROSS fragments of C: eight in
// a large tile, and more would not stay in registers. A fragment's elements have no names, so the results go back
// through workgroup memory before bias and activation.
//
// All lanes of a subgroup come to the same loads, products and stores of fragments: the loops depend on numbers that
// the workgroup has in common, the branches on the number of the subgroup.
//
// The host's constants: TILE, A_ALONG_K, B_ALONG_N. The device's: FRAGMENT, and the types FragmentA (f16), FragmentB
// (f16) and FragmentC (f32).

const TILE_M: u32 = TILE;
const TILE_N: u32 = TILE;
const SLAB: u32 = 32u;
const DOWN: u32 = TILE / 64u;
const ACROSS: u32 = TILE / 32u;
// Blocks in a row of the tile, and in all of it: one for each of 8 subgroups of 32 lanes, or 32 of 8.
const BLOCK_COLUMNS: u32 = TILE / (FRAGMENT * ACROSS);
const BLOCKS: u32 = TILE / (FRAGMENT * DOWN) * BLOCK_COLUMNS;

// Rows of the slabs, in vectors of four. Two vectors lie between them, so that a fragment's rows are in other banks.
const A_STRIDE: u32 = SLAB / 4u + 2u;
const B_STRIDE: u32 = TILE / 4u + 2u;
// Vectors of four in a fragment's row, and in all of it.
const C_STRIDE: u32 = FRAGMENT / 4u;
const C_VECTORS: u32 = FRAGMENT * C_STRIDE;

var<workgroup> slab_a: array<vec4<f16>, TILE * A_STRIDE>;
var<workgroup> slab_b: array<vec4<f16>, SLAB * B_STRIDE>;
// One fragment of each block.
var<workgroup> results: array<vec4<f32>, BLOCKS * C_VECTORS>;

// Which subgroup this invocation belongs to, and how many there are.
var<private> subgroup: u32;
var<private> subgroups: u32;

// The vectors of A that an invocation brings in per slab, and their rows, which are the same for all slabs.
const LOADS_A: u32 = TILE * SLAB / 4u / 256u;
var<private> rows_of_a: array<RowOfA, LOADS_A>;

fn row_in_slab(i: u32) -> u32 {
    return select(i % TILE, i / (SLAB / 4u), A_ALONG_K == 1u);
}

fn load_slabs(tile_n: u32, k: u32, last_k: u32, lane: u32) {
    for (var load = 0u; load < LOADS_A; load++) {
        let i = lane + load * 256u;
        let row = row_in_slab(i);
        let quad = select(i / TILE, i % (SLAB / 4u), A_ALONG_K == 1u);
        let values = tile_a(rows_of_a[load], k + quad * 4u);
        // The last slab may reach beyond the range that this call sums over.
        let inside = vec4(k + quad * 4u) + vec4(0u, 1u, 2u, 3u) < vec4(last_k);
        slab_a[row * A_STRIDE + quad] = vec4<f16>(select(vec4(0.0), values, inside));
    }
    for (var i = lane; i < SLAB * TILE / 4u; i += 256u) {
        let row = select(i % SLAB, i / (TILE / 4u), B_ALONG_N == 1u);
        let quad = select(i / SLAB, i % (TILE / 4u), B_ALONG_N == 1u);
        slab_b[row * B_STRIDE + quad] = vec4<f16>(tile_b(k + row, tile_n * TILE + quad * 4u));
    }
}

fn tile_product(tile_m: u32, tile_n: u32, first_k: u32, last_k: u32, lane: u32) {
    for (var load = 0u; load < LOADS_A; load++) {
        rows_of_a[load] = row_of_a(tile_m * TILE + row_in_slab(lane + load * 256u));
    }
    // Adapters with larger subgroups have fewer of them, and take several turns.
    for (var first = 0u; first < BLOCKS; first += subgroups) {
        let block = first + subgroup;
        let m = block / BLOCK_COLUMNS * DOWN * FRAGMENT;
        let n = block % BLOCK_COLUMNS * ACROSS * FRAGMENT;
        var sums: array<FragmentC, DOWN * ACROSS>;
        for (var k = first_k; k < last_k; k += SLAB) {
            load_slabs(tile_n, k, last_k, lane);
            workgroupBarrier();
            if block < BLOCKS {
                for (var s = 0u; s < SLAB; s += FRAGMENT) {
                    var right: array<FragmentB, ACROSS>;
                    for (var j = 0u; j < ACROSS; j++) {
                        let at = s * B_STRIDE + (n + j * FRAGMENT) / 4u;
                        right[j] = coopLoadT<FragmentB>(&slab_b[at], B_STRIDE);
                    }
                    for (var i = 0u; i < DOWN; i++) {
                        let at = (m + i * FRAGMENT) * A_STRIDE + s / 4u;
                        let left = coopLoadT<FragmentA>(&slab_a[at], A_STRIDE);
                        for (var j = 0u; j < ACROSS; j++) {
                            sums[i * ACROSS + j] = coopMultiplyAdd(left, right[j], sums[i * ACROSS + j]);
                        }
                    }
                }
            }
            workgroupBarrier();
        }
        for (var f = 0u; f < DOWN * ACROSS; f++) {
            if block < BLOCKS {
                let fragment = sums[f];
                let at = subgroup * C_VECTORS;
                coopStoreT(fragment, &results[at], C_STRIDE);
            }
            workgroupBarrier();
            for (var i = lane; i < min(subgroups, BLOCKS - first) * C_VECTORS; i += 256u) {
                let of_block = first + i / C_VECTORS;
                let row = (of_block / BLOCK_COLUMNS * DOWN + f / ACROSS) * FRAGMENT + i % C_VECTORS / C_STRIDE;
                let column = (of_block % BLOCK_COLUMNS * ACROSS + f % ACROSS) * FRAGMENT + i % C_STRIDE * 4u;
                tile_c(tile_m * TILE + row, tile_n * TILE + column, results[i]);
            }
            workgroupBarrier();
        }
    }
}

@compute @workgroup_size(256)
fn cooperative(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
               @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) id: u32,
               @builtin(num_subgroups) count: u32) {
    subgroup = id;
    subgroups = count;
    compute_tile(group_index(group, groups), lane);
}
