// C = A·B for GPUs with cooperative matrices (tensor cores), for operands stored in f16; sums are f32. (The same names
// as lib/tile.wgsl.)
//
// A workgroup computes a tile of TILE_M × TILE_N. A and B pass through workgroup memory in slabs of 16 along k
// (lib/blocks.wgsl), which takes care of edges and of operands that lie transposed; there are two slabs of each matrix, as
// in lib/tile.wgsl. A fragment is a matrix of FRAGMENT × FRAGMENT, 16 or 8, that the lanes of a subgroup hold together;
// each subgroup sums a part of C, 4 × 2 fragments. They have names of their own: an array of them, or a pointer to one,
// ends up in memory (29 instead of 85 TFLOP/s on an H100, 4096³). A fragment's elements have no names, so the results go
// back through workgroup memory before bias and activation.
//
// All lanes of a subgroup come to the same loads, products and stores of fragments: the loops depend on numbers that
// the workgroup has in common, the branches on the number of the subgroup.
//
// The host's constants: those of lib/blocks.wgsl, with THREADS = TILE_M · TILE_N / 64, so that there is a part for each
// subgroup of 32 lanes with fragments of 16, or of 8 with fragments of 8. The device's: FRAGMENT, and the types
// FragmentA (f16), FragmentB (f16) and FragmentC (f32).

const PART_M: u32 = 4u * FRAGMENT;
const PART_N: u32 = 2u * FRAGMENT;
const PARTS_ACROSS: u32 = TILE_N / PART_N;
const PARTS: u32 = TILE_M / PART_M * PARTS_ACROSS;

// Rows of the slabs, in vectors of four. Two vectors lie between them, so that a fragment's rows are in other banks.
const A_STRIDE: u32 = SLAB / 4u + 2u;
const B_STRIDE: u32 = QUADS_B + 2u;
// Vectors of four in a fragment's row, and in all of it.
const C_STRIDE: u32 = FRAGMENT / 4u;
const C_VECTORS: u32 = FRAGMENT * C_STRIDE;

// slab_a[m][k], slab_b[k][n]
var<workgroup> slab_a: array<vec4<f16>, 2u * TILE_M * A_STRIDE>;
var<workgroup> slab_b: array<vec4<f16>, 2u * SLAB * B_STRIDE>;
// One fragment of each part.
var<workgroup> results: array<vec4<f32>, PARTS * C_VECTORS>;

// The number of this invocation's subgroup, and the number of subgroups.
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

// Where a fragment begins in its slab: fragment i of A from row m of the tile on, j of B from column n on; k inside the
// slab.
fn fragment_of_a(slab: u32, m: u32, i: u32, k: u32) -> u32 {
    return (slab * TILE_M + m + i * FRAGMENT) * A_STRIDE + k / 4u;
}

fn fragment_of_b(slab: u32, n: u32, j: u32, k: u32) -> u32 {
    return (slab * SLAB + k) * B_STRIDE + (n + j * FRAGMENT) / 4u;
}

// Stores fragment (i, j) of each part. The parts are those from `first` on, one for each subgroup.
fn store_fragments(fragment: FragmentC, first: u32, i: u32, j: u32, tile_m: u32, tile_n: u32, lane: u32) {
    if first + subgroup < PARTS {
        let at = subgroup * C_VECTORS;
        coopStoreT(fragment, &results[at], C_STRIDE);
    }
    workgroupBarrier();
    for (var v = lane; v < min(subgroups, PARTS - first) * C_VECTORS; v += THREADS) {
        let part = first + v / C_VECTORS;
        let row = part / PARTS_ACROSS * PART_M + i * FRAGMENT + v % C_VECTORS / C_STRIDE;
        let column = part % PARTS_ACROSS * PART_N + j * FRAGMENT + v % C_STRIDE * 4u;
        tile_c(tile_m * TILE_M + row, tile_n * TILE_N + column, results[v]);
    }
    workgroupBarrier();
}

fn tile_product(tile_m: u32, tile_n: u32, first_k: u32, last_k: u32, lane: u32) {
    var loads: Loads;
    prepare_loads(&loads, tile_m, lane);
    // Adapters with larger subgroups have fewer of them, and take several turns.
    for (var first = 0u; first < PARTS; first += subgroups) {
        let part = first + subgroup;
        let m = part / PARTS_ACROSS * PART_M;
        let n = part % PARTS_ACROSS * PART_N;
        var c00 = FragmentC();
        var c01 = FragmentC();
        var c10 = FragmentC();
        var c11 = FragmentC();
        var c20 = FragmentC();
        var c21 = FragmentC();
        var c30 = FragmentC();
        var c31 = FragmentC();
        load_slabs(&loads, tile_m, tile_n, first_k, last_k, lane);
        store_slabs(&loads, 0u, lane);
        workgroupBarrier();
        var full = 0u;
        for (var k = first_k + SLAB; k < last_k + SLAB; k += SLAB) {
            if k < last_k { load_slabs(&loads, tile_m, tile_n, k, last_k, lane); }
            if part < PARTS {
                for (var s = 0u; s < SLAB; s += FRAGMENT) {
                    let at_b0 = fragment_of_b(full, n, 0u, s);
                    let at_b1 = fragment_of_b(full, n, 1u, s);
                    let b0 = coopLoadT<FragmentB>(&slab_b[at_b0], B_STRIDE);
                    let b1 = coopLoadT<FragmentB>(&slab_b[at_b1], B_STRIDE);
                    let at_a0 = fragment_of_a(full, m, 0u, s);
                    let a0 = coopLoadT<FragmentA>(&slab_a[at_a0], A_STRIDE);
                    c00 = coopMultiplyAdd(a0, b0, c00);
                    c01 = coopMultiplyAdd(a0, b1, c01);
                    let at_a1 = fragment_of_a(full, m, 1u, s);
                    let a1 = coopLoadT<FragmentA>(&slab_a[at_a1], A_STRIDE);
                    c10 = coopMultiplyAdd(a1, b0, c10);
                    c11 = coopMultiplyAdd(a1, b1, c11);
                    let at_a2 = fragment_of_a(full, m, 2u, s);
                    let a2 = coopLoadT<FragmentA>(&slab_a[at_a2], A_STRIDE);
                    c20 = coopMultiplyAdd(a2, b0, c20);
                    c21 = coopMultiplyAdd(a2, b1, c21);
                    let at_a3 = fragment_of_a(full, m, 3u, s);
                    let a3 = coopLoadT<FragmentA>(&slab_a[at_a3], A_STRIDE);
                    c30 = coopMultiplyAdd(a3, b0, c30);
                    c31 = coopMultiplyAdd(a3, b1, c31);
                }
            }
            full = 1u - full;
            if k < last_k { store_slabs(&loads, full, lane); }
            workgroupBarrier();
        }
        store_fragments(c00, first, 0u, 0u, tile_m, tile_n, lane);
        store_fragments(c01, first, 0u, 1u, tile_m, tile_n, lane);
        store_fragments(c10, first, 1u, 0u, tile_m, tile_n, lane);
        store_fragments(c11, first, 1u, 1u, tile_m, tile_n, lane);
        store_fragments(c20, first, 2u, 0u, tile_m, tile_n, lane);
        store_fragments(c21, first, 2u, 1u, tile_m, tile_n, lane);
        store_fragments(c30, first, 3u, 0u, tile_m, tile_n, lane);
        store_fragments(c31, first, 3u, 1u, tile_m, tile_n, lane);
    }
}

@compute @workgroup_size(THREADS)
fn cooperative(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
               @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) id: u32,
               @builtin(num_subgroups) count: u32) {
    subgroup = id;
    subgroups = count;
    compute_tile(group_index(group, groups), lane);
}
