// How a workgroup loads slabs of A (TILE_M × SLAB) and of B (SLAB × TILE_N) into workgroup memory for lib/tile.wgsl: in
// blocks of 4 × 4. An invocation loads LOADS blocks.
//
// The kernel that comes before this file defines the matrices:
//   rows_of_a(m)                -> RowsOfA, what it has to know of the rows m..m+4 of A, computed once
//   load_a(rows, m, k, last_k)  -> the block A[m..m+4, k..k+4]
//   load_b(k, n)                -> the block B[k..k+4, n..n+4]
//   tile_c(m, n, c)                stores the four values C[m, n..n+4] that are inside
//   A_TURNED, B_TURNED          -> 1 if the vectors of a block are rows of A, columns of B
//   A_WHOLE, B_WHOLE            -> 1 if no tile reaches beyond the matrix
//
// A block is loaded during the products of the slab before. So its values must not be used before they are stored:
// values outside are loaded from any address (the device keeps loads inside their buffer) and set to zero when they are
// stored, and 16-bit floats are converted then.
//
// The host's constants: TILE_M, TILE_N, THREADS, and A_ALONG_K, B_ALONG_N: 1 if the matrix is contiguous in that
// direction. Neighbouring invocations load blocks that are neighbours in it.

const SLAB: u32 = 16u;
const QUADS_A: u32 = TILE_M / 4u;
const QUADS_B: u32 = TILE_N / 4u;
const BLOCKS_A: u32 = QUADS_A * SLAB / 4u;
const BLOCKS_B: u32 = QUADS_B * SLAB / 4u;
const LOADS: u32 = (BLOCKS_A + BLOCKS_B + THREADS - 1u) / THREADS;

struct Block {
    vectors: mat4x4<Element0>,
    // Bit 4·i + j: element j of vector i is inside the matrix.
    inside: u32,
}

// The number of the four indices from `first` on that are below `end`.
fn count_below(first: u32, end: u32) -> u32 {
    return min(max(first, end) - first, 4u);
}

// The bits of this many elements of this many vectors.
fn bits_inside(vectors: u32, elements: u32) -> u32 {
    return ((1u << elements) - 1u) * (0x1111u >> (16u - 4u * vectors));
}

// The position of a block in its slab: its first k, and its four rows of A or columns of B.
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

// The block as numbers: for A, vector i is A[m..m+4, k+i]; for B, it is B[k+i, n..n+4].
fn values_of(block: Block, turned: u32, whole: u32) -> mat4x4<f32> {
    let v = block.vectors;
    var values = mat4x4<f32>(vec4<f32>(v[0]), vec4<f32>(v[1]), vec4<f32>(v[2]), vec4<f32>(v[3]));
    if whole == 0u && block.inside != 0xffffu {
        for (var i = 0u; i < 4u; i++) {
            let bits = (vec4(block.inside) >> (vec4(4u * i) + vec4(0u, 1u, 2u, 3u))) & vec4(1u);
            values[i] = select(vec4(0.0), values[i], bits == vec4(1u));
        }
    }
    if turned == 1u { return transpose(values); }
    return values;
}

// The state of an invocation from one slab to the next: blocks of A, then blocks of B.
struct Loads {
    rows: array<RowsOfA, LOADS>,
    blocks: array<Block, LOADS>,
}

// Whether block i of an invocation is one of the first `count`. Often that holds for all invocations or for none. A
// driver that unrolls the loop over i then leaves out what is not needed, also one that does not know how large a lane
// can be.
fn is_below(i: u32, lane: u32, count: u32) -> bool {
    let all = (i + 1u) * THREADS <= count;
    let some = i * THREADS < count;
    return all | (some & (lane + i * THREADS < count));
}

fn prepare_loads(loads: ptr<function, Loads>, tile_m: u32, lane: u32) {
    for (var i = 0u; i < LOADS; i++) {
        let block = lane + i * THREADS;
        if is_below(i, lane, BLOCKS_A) { (*loads).rows[i] = rows_of_a(tile_m * TILE_M + place_of_a(block).quad * 4u); }
    }
}

// Loads the slab from k on. A is zero from last_k on.
fn load_slabs(loads: ptr<function, Loads>, tile_m: u32, tile_n: u32, k: u32, last_k: u32, lane: u32) {
    for (var i = 0u; i < LOADS; i++) {
        let block = lane + i * THREADS;
        if is_below(i, lane, BLOCKS_A) {
            let place = place_of_a(block);
            (*loads).blocks[i] =
                load_a((*loads).rows[i], tile_m * TILE_M + place.quad * 4u, k + place.k, last_k);
        } else if is_below(i, lane, BLOCKS_A + BLOCKS_B) {
            let place = place_of_b(block - BLOCKS_A);
            (*loads).blocks[i] = load_b(k + place.k, tile_n * TILE_N + place.quad * 4u);
        }
    }
}

// Stores the loaded blocks in slab 0 or 1 of each matrix.
fn store_slabs(loads: ptr<function, Loads>, slab: u32, lane: u32) {
    for (var i = 0u; i < LOADS; i++) {
        let block = lane + i * THREADS;
        if is_below(i, lane, BLOCKS_A) {
            store_block_a(slab, place_of_a(block), values_of((*loads).blocks[i], A_TURNED, A_WHOLE));
        } else if is_below(i, lane, BLOCKS_A + BLOCKS_B) {
            store_block_b(slab, place_of_b(block - BLOCKS_A), values_of((*loads).blocks[i], B_TURNED, B_WHOLE));
        }
    }
}
