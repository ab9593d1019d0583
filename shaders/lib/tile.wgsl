// C = A·B for GPUs: a workgroup of THREADS invocations computes a tile of TILE_M × TILE_N, each of them ROWS rows of
// VECTORS vectors of four columns.
//
// A and B pass through workgroup memory in slabs of 16 along k (lib/blocks.wgsl, which also says what the kernel
// defines). Each value is loaded from memory once per tile. There are two slabs of each matrix: during the products of
// one, the next is loaded from memory into registers. One barrier per slab is enough, because no invocation reads what
// another one writes. Each value from workgroup memory is used more than once: with 8 × 8 results per invocation, four
// vectors are enough for 64 products.
//
// Between two column vectors of an invocation are those of its neighbours, so that neighbours read neighbouring
// vectors.
//
// The host's constants: TILE_M, TILE_N, ROWS (4 or 8), VECTORS (1 or 2), and THREADS = TILE_M / ROWS · TILE_N / 4 /
// VECTORS. The slabs take (TILE_M + TILE_N) · 128 bytes of workgroup memory.

const ACROSS: u32 = QUADS_B / VECTORS;
const ROW_QUADS: u32 = ROWS / 4u;

// slab_a[k][m], slab_b[k][n]
var<workgroup> slab_a: array<vec4<f32>, 2u * SLAB * QUADS_A>;
var<workgroup> slab_b: array<vec4<f32>, 2u * SLAB * QUADS_B>;

alias Sums = array<array<vec4<f32>, VECTORS>, ROWS>;

fn store_block_a(slab: u32, place: Place, values: mat4x4<f32>) {
    for (var i = 0u; i < 4u; i++) {
        slab_a[(slab * SLAB + place.k + i) * QUADS_A + place.quad] = values[i];
    }
}

fn store_block_b(slab: u32, place: Place, values: mat4x4<f32>) {
    for (var i = 0u; i < 4u; i++) {
        slab_b[(slab * SLAB + place.k + i) * QUADS_B + place.quad] = values[i];
    }
}

// Adds the products of one k.
fn step(c: ptr<function, Sums>, k: u32, x: u32, y: u32) {
    // Named, not in an array, which drivers would have to take apart in each of the sixteen steps.
    let first = slab_b[k * QUADS_B + x];
    let last = slab_b[k * QUADS_B + (VECTORS - 1u) * ACROSS + x];
    for (var q = 0u; q < ROW_QUADS; q++) {
        let column = slab_a[k * QUADS_A + y * ROW_QUADS + q];
        for (var i = 0u; i < 4u; i++) {
            let r = q * 4u + i;
            (*c)[r][0] = fma(vec4(column[i]), first, (*c)[r][0]);
            if VECTORS == 2u { (*c)[r][VECTORS - 1u] = fma(vec4(column[i]), last, (*c)[r][VECTORS - 1u]); }
        }
    }
}

// The steps are written one by one, because NVIDIA's compiler does not unroll a loop over them. With a loop it does
// not load the next step during the products of the current one: 37 instead of 46 TFLOP/s (H100, 4096³).
fn multiply_slabs(c: ptr<function, Sums>, slab: u32, x: u32, y: u32) {
    let k = slab * SLAB;
    step(c, k, x, y);
    step(c, k + 1u, x, y);
    step(c, k + 2u, x, y);
    step(c, k + 3u, x, y);
    step(c, k + 4u, x, y);
    step(c, k + 5u, x, y);
    step(c, k + 6u, x, y);
    step(c, k + 7u, x, y);
    step(c, k + 8u, x, y);
    step(c, k + 9u, x, y);
    step(c, k + 10u, x, y);
    step(c, k + 11u, x, y);
    step(c, k + 12u, x, y);
    step(c, k + 13u, x, y);
    step(c, k + 14u, x, y);
    step(c, k + 15u, x, y);
}

// Stores an invocation's sums in row m of C, of which the first vector is at column n.
fn store_row(m: u32, n: u32, row: array<vec4<f32>, VECTORS>) {
    tile_c(m, n, row[0]);
    if VECTORS == 2u { tile_c(m, n + ACROSS * 4u, row[VECTORS - 1u]); }
}

fn tile_product(tile_m: u32, tile_n: u32, first_k: u32, last_k: u32, lane: u32) {
    let x = lane % ACROSS;
    let y = lane / ACROSS;
    var c: Sums;
    var loads: Loads;
    prepare_loads(&loads, tile_m, lane);
    load_slabs(&loads, tile_m, tile_n, first_k, last_k, lane);
    store_slabs(&loads, 0u, lane);
    workgroupBarrier();
    var full = 0u;
    for (var k = first_k + SLAB; k < last_k + SLAB; k += SLAB) {
        if k < last_k { load_slabs(&loads, tile_m, tile_n, k, last_k, lane); }
        multiply_slabs(&c, full, x, y);
        full = 1u - full;
        if k < last_k { store_slabs(&loads, full, lane); }
        workgroupBarrier();
    }
    // Row by row in the text: in a loop with `tile_c` inside, which NVIDIA's compiler does not unroll, `c` would be
    // indexed by a number that is known only then, and kept in memory (58.7 instead of 3.1 ms with bias and ReLU on an
    // H200, 4096³).
    let m = tile_m * TILE_M + y * ROWS;
    let n = tile_n * TILE_N + x * 4u;
    store_row(m, n, c[0]);
    store_row(m + 1u, n, c[1]);
    store_row(m + 2u, n, c[2]);
    store_row(m + 3u, n, c[3]);
    if ROWS == 8u {
        store_row(m + 4u, n, c[ROWS - 4u]);
        store_row(m + 5u, n, c[ROWS - 3u]);
        store_row(m + 6u, n, c[ROWS - 2u]);
        store_row(m + 7u, n, c[ROWS - 1u]);
    }
}

@compute @workgroup_size(THREADS)
fn tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
         @builtin(local_invocation_index) lane: u32) {
    compute_tile(group_index(group, groups), lane);
}
