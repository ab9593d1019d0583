// C = A·B for GPUs with cooperative matrices (tensor cores), for operands stored in f16; sums are f32. (The same names
// as lib/tile.wgsl.)
//
// A workgroup of 256 invocations computes a tile of TILE_M × TILE_N: a square of 64 or 128. A and B pass through
// workgroup memory in slabs of 16 along k (lib/blocks.wgsl), which takes care of edges and of operands that lie
// transposed; there are two slabs of each matrix, as in lib/tile.wgsl. A fragment is a matrix of FRAGMENT × FRAGMENT, 16
// or 8, that the lanes of a subgroup hold together; each subgroup sums a block of DOWN × ACROSS fragments of C: eight in
// a large tile, and more would not stay in registers. A fragment's elements have no names, so the results go back
// through workgroup memory before bias and activation.
//
// All lanes of a subgroup come to the same loads, products and stores of fragments: the loops depend on numbers that
// the workgroup has in common, the branches on the number of the subgroup.
//
// The host's constants: those of lib/blocks.wgsl. The device's: FRAGMENT, and the types FragmentA (f16), FragmentB
// (f16) and FragmentC (f32).

const DOWN: u32 = TILE_M / 32u;
const ACROSS: u32 = TILE_N / 64u;
// Blocks in a row of the tile, and in all of it: one for each of 8 subgroups of 32 lanes, or 32 of 8.
const BLOCK_COLUMNS: u32 = TILE_N / (FRAGMENT * ACROSS);
const BLOCKS: u32 = TILE_M / (FRAGMENT * DOWN) * BLOCK_COLUMNS;

// Rows of the slabs, in vectors of four. Two vectors lie between them, so that a fragment's rows are in other banks.
const A_STRIDE: u32 = SLAB / 4u + 2u;
const B_STRIDE: u32 = QUADS_B + 2u;
// Vectors of four in a fragment's row, and in all of it.
const C_STRIDE: u32 = FRAGMENT / 4u;
const C_VECTORS: u32 = FRAGMENT * C_STRIDE;

// slab_a[m][k], slab_b[k][n]
var<workgroup> slab_a: array<vec4<f16>, 2u * TILE_M * A_STRIDE>;
var<workgroup> slab_b: array<vec4<f16>, 2u * SLAB * B_STRIDE>;
// One fragment of each block.
var<workgroup> results: array<vec4<f32>, BLOCKS * C_VECTORS>;

// Which subgroup this invocation belongs to, and how many there are.
var<private> subgroup: u32;
var<private> subgroups: u32;

fn store_block_a(slab: u32, place: Place, values: mat4x4<f32>) {
    let rows = transpose(values);
    for (var i = 0u; i < 4u; i++) {
        slab_a[(slab * TILE_M + place.quad * 4u + i) * A_STRIDE + place.k / 4u] = vec4<f16>(rows[i]);
    }
}

fn store_block_b(slab: u32, place: Place, values: mat4x4<f32>) {
    for (var i = 0u; i < 4u; i++) {
        slab_b[(slab * SLAB + place.k + i) * B_STRIDE + place.quad] = vec4<f16>(values[i]);
    }
}

alias Sums = array<FragmentC, DOWN * ACROSS>;

// Adds the products of a slab to the block that begins at row m and column n of the tile.
fn multiply_slabs(sums: ptr<function, Sums>, slab: u32, m: u32, n: u32) {
    for (var s = 0u; s < SLAB; s += FRAGMENT) {
        var right: array<FragmentB, ACROSS>;
        for (var j = 0u; j < ACROSS; j++) {
            let at = (slab * SLAB + s) * B_STRIDE + (n + j * FRAGMENT) / 4u;
            right[j] = coopLoadT<FragmentB>(&slab_b[at], B_STRIDE);
        }
        for (var i = 0u; i < DOWN; i++) {
            let at = (slab * TILE_M + m + i * FRAGMENT) * A_STRIDE + s / 4u;
            let left = coopLoadT<FragmentA>(&slab_a[at], A_STRIDE);
            for (var j = 0u; j < ACROSS; j++) {
                (*sums)[i * ACROSS + j] = coopMultiplyAdd(left, right[j], (*sums)[i * ACROSS + j]);
            }
        }
    }
}

fn tile_product(tile_m: u32, tile_n: u32, first_k: u32, last_k: u32, lane: u32) {
    var loads: Loads;
    prepare_loads(&loads, tile_m, lane);
    // Adapters with larger subgroups have fewer of them, and take several turns.
    for (var first = 0u; first < BLOCKS; first += subgroups) {
        let block = first + subgroup;
        let m = block / BLOCK_COLUMNS * DOWN * FRAGMENT;
        let n = block % BLOCK_COLUMNS * ACROSS * FRAGMENT;
        var sums: Sums;
        load_slabs(&loads, tile_m, tile_n, first_k, last_k, lane);
        store_slabs(&loads, 0u, lane);
        workgroupBarrier();
        var full = 0u;
        for (var k = first_k + SLAB; k < last_k + SLAB; k += SLAB) {
            if k < last_k { load_slabs(&loads, tile_m, tile_n, k, last_k, lane); }
            if block < BLOCKS { multiply_slabs(&sums, full, m, n); }
            full = 1u - full;
            if k < last_k { store_slabs(&loads, full, lane); }
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
                tile_c(tile_m * TILE_M + row, tile_n * TILE_N + column, results[i]);
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
