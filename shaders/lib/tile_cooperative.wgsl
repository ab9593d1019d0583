// C = A·B for GPUs with cooperative matrices (tensor cores), for operands stored in f16; sums are f32.
//
// A workgroup computes a tile of TILE_M × TILE_N. A and B pass through workgroup memory in slabs of two fragments
// along k (lib/octets.wgsl); there are two slabs of each matrix, as in lib/tile.wgsl. A fragment is a matrix of
// FRAGMENT × FRAGMENT, 16 or 8, that the lanes of a subgroup hold together; each subgroup sums a part of C, 4 × 2
// fragments. They have names of their own: an array of them, or a pointer to one, is kept in memory (29 instead of 85
// TFLOP/s on an H100, 4096³). A fragment's elements have no names, so the results go through workgroup memory before
// bias and activation.
//
// In a turn of the loop an invocation multiplies the current slab, stores the slab that it loaded in the turn before, and
// loads the one after that. Nothing in the loop is under a condition: a condition around loads and stores costs a third
// of the speed (119 instead of 169 TFLOP/s on an H200, 4096³). The order matters too: stores before products need more
// registers, and fewer workgroups are in flight (120 instead of 150).
//
// All lanes of a subgroup execute the same loads, products and stores of fragments: the loops depend on numbers that
// are the same in the whole workgroup, the branches on the number of the subgroup.
//
// The host's constants: those of lib/octets.wgsl, with THREADS = TILE_M · TILE_N / 64, so that there is a part for each
// subgroup of 32 lanes with fragments of 16, or of 8 with fragments of 8. The device's: FRAGMENT, and the types
// FragmentA (f16), FragmentB (f16) and FragmentC (f32).

const PART_M: u32 = 4u * FRAGMENT;
const PART_N: u32 = 2u * FRAGMENT;
const PARTS_ACROSS: u32 = TILE_N / PART_N;
const PARTS: u32 = TILE_M / PART_M * PARTS_ACROSS;

// Vectors of four in a row of a fragment, and in the whole fragment.
const C_STRIDE: u32 = FRAGMENT / 4u;
const C_VECTORS: u32 = FRAGMENT * C_STRIDE;

// One fragment of each part.
var<workgroup> results: array<vec4<f32>, PARTS * C_VECTORS>;

// The number of this invocation's subgroup, and the number of subgroups.
var<private> subgroup: u32;
var<private> subgroups: u32;

// The fragment of A from row m of the tile and k of the slab on.
fn fragment_a(slab: u32, m: u32, k: u32) -> FragmentA {
    if A_ALONG_K == 1u {
        let at = slab * SLAB_A + m * STRIDE_A + k / 4u;
        return coopLoadT<FragmentA>(&slab_a[at], STRIDE_A);
    }
    let at = slab * SLAB_A + k * STRIDE_A + m / 4u;
    return coopLoad<FragmentA>(&slab_a[at], STRIDE_A);
}

// The fragment of B from k of the slab and column n of the tile on.
fn fragment_b(slab: u32, k: u32, n: u32) -> FragmentB {
    if B_ALONG_N == 1u {
        let at = slab * SLAB_B + k * STRIDE_B + n / 4u;
        return coopLoadT<FragmentB>(&slab_b[at], STRIDE_B);
    }
    let at = slab * SLAB_B + n * STRIDE_B + k / 4u;
    return coopLoad<FragmentB>(&slab_b[at], STRIDE_B);
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
    // Adapters with larger subgroups have fewer of them, and take several turns. In the last turn some may repeat the
    // last part, which is stored once.
    for (var first = 0u; first < PARTS; first += subgroups) {
        let part = min(first + subgroup, PARTS - 1u);
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
        load_slabs(&loads, tile_m, tile_n, first_k + SLAB, last_k, lane);
        workgroupBarrier();
        var full = 0u;
        for (var k = first_k; k < last_k; k += SLAB) {
            let b0 = fragment_b(full, 0u, n);
            let b1 = fragment_b(full, 0u, n + FRAGMENT);
            let a0 = fragment_a(full, m, 0u);
            c00 = coopMultiplyAdd(a0, b0, c00);
            c01 = coopMultiplyAdd(a0, b1, c01);
            let a1 = fragment_a(full, m + FRAGMENT, 0u);
            c10 = coopMultiplyAdd(a1, b0, c10);
            c11 = coopMultiplyAdd(a1, b1, c11);
            let a2 = fragment_a(full, m + 2u * FRAGMENT, 0u);
            c20 = coopMultiplyAdd(a2, b0, c20);
            c21 = coopMultiplyAdd(a2, b1, c21);
            let a3 = fragment_a(full, m + 3u * FRAGMENT, 0u);
            c30 = coopMultiplyAdd(a3, b0, c30);
            c31 = coopMultiplyAdd(a3, b1, c31);

            let b2 = fragment_b(full, FRAGMENT, n);
            let b3 = fragment_b(full, FRAGMENT, n + FRAGMENT);
            let a4 = fragment_a(full, m, FRAGMENT);
            c00 = coopMultiplyAdd(a4, b2, c00);
            c01 = coopMultiplyAdd(a4, b3, c01);
            let a5 = fragment_a(full, m + FRAGMENT, FRAGMENT);
            c10 = coopMultiplyAdd(a5, b2, c10);
            c11 = coopMultiplyAdd(a5, b3, c11);
            let a6 = fragment_a(full, m + 2u * FRAGMENT, FRAGMENT);
            c20 = coopMultiplyAdd(a6, b2, c20);
            c21 = coopMultiplyAdd(a6, b3, c21);
            let a7 = fragment_a(full, m + 3u * FRAGMENT, FRAGMENT);
            c30 = coopMultiplyAdd(a7, b2, c30);
            c31 = coopMultiplyAdd(a7, b3, c31);
            store_slabs(&loads, 1u - full, lane);
            load_slabs(&loads, tile_m, tile_n, k + 2u * SLAB, last_k, lane);
            workgroupBarrier();
            full = 1u - full;
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
