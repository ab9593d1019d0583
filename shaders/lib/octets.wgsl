// How a workgroup loads slabs of A (TILE_M × SLAB) and of B (SLAB × TILE_N), both stored in f16, into workgroup memory
// for lib/tile_cooperative.wgsl: in octets, eight numbers that are neighbours in memory. A slab keeps the order that its
// matrix has in memory: the lines of slab_a are rows of A if A_ALONG_K is 1, else columns; the lines of slab_b are rows
// of B if B_ALONG_N is 1, else columns. So no number is moved within its octet.
//
// The kernel that comes before this file defines the matrices:
//   line_of_a(m)                    -> LineOfA, what it has to know of row m of A, or of the rows m..m+8, computed once
//   octet_of_a(line, m, k, last_k)  -> A[m, k..k+8] or A[m..m+8, k]
//   octet_of_b(k, n, last_k)        -> B[k, n..n+8] or B[k..k+8, n]
//   tile_c(m, n, c)                    stores the four values C[m, n..n+4] that are inside
//   A_OCTETS, B_OCTETS              -> 1 if an octet is inside or outside as a whole
//   A_WHOLE, B_WHOLE                -> 1 if no tile reaches beyond the matrix
//
// Octets are loaded during the products of an earlier slab. So their values must not be used before they are stored:
// numbers outside are loaded from any address and set to zero when they are stored. For the same reason no load is
// under a condition: a slab beyond the last one is loaded and never multiplied.
//
// The host's constants: TILE_M, TILE_N, THREADS, A_ALONG_K, B_ALONG_N. The device's: FRAGMENT.

// Two fragments: a loop over more of them inside a turn costs speed.
const SLAB: u32 = 2u * FRAGMENT;
const LINES_A: u32 = select(SLAB, TILE_M, A_ALONG_K == 1u);
const LINES_B: u32 = select(TILE_N, SLAB, B_ALONG_N == 1u);
// Octets of a line.
const LENGTH_A: u32 = select(TILE_M, SLAB, A_ALONG_K == 1u) / 8u;
const LENGTH_B: u32 = select(SLAB, TILE_N, B_ALONG_N == 1u) / 8u;
// Octets of an invocation. THREADS divides the octets of a slab.
const OCTETS_A: u32 = LINES_A * LENGTH_A / THREADS;
const OCTETS_B: u32 = LINES_B * LENGTH_B / THREADS;
// From one line of a slab to the next, in vectors of four. The two unused vectors put the lines into different banks.
const STRIDE_A: u32 = LENGTH_A * 2u + 2u;
const STRIDE_B: u32 = LENGTH_B * 2u + 2u;
const SLAB_A: u32 = LINES_A * STRIDE_A;
const SLAB_B: u32 = LINES_B * STRIDE_B;

// Two slabs of each matrix.
var<workgroup> slab_a: array<vec4<f16>, 2u * SLAB_A>;
var<workgroup> slab_b: array<vec4<f16>, 2u * SLAB_B>;

// Eight numbers as they are in memory, which one instruction loads.
struct Eight {
    low: vec4<f16>,
    high: vec4<f16>,
}

struct Octet {
    numbers: Eight,
    // Bit i: number i is inside the matrix. If octets are inside or outside as a whole, 0 means outside.
    inside: u32,
}

// One of eight numbers.
fn one_of(numbers: Eight, i: u32) -> f16 {
    return select(numbers.low, numbers.high, i >= 4u)[i % 4u];
}

// The bits of the indices from `first` to `first` + 8 that are below `end`.
fn bits_below(first: u32, end: u32) -> u32 {
    return (1u << min(max(first, end) - first, 8u)) - 1u;
}

// What an invocation keeps between two slabs.
struct Loads {
    lines: array<LineOfA, OCTETS_A>,
    a: array<Octet, OCTETS_A>,
    b: array<Octet, OCTETS_B>,
}

// The first row of A in octet i of this invocation, and its k within the slab.
fn place_in_a(i: u32, lane: u32) -> vec2<u32> {
    let octet = lane + i * THREADS;
    let line = octet / LENGTH_A;
    let along = octet % LENGTH_A * 8u;
    if A_ALONG_K == 1u { return vec2(line, along); }
    return vec2(along, line);
}

// The k of octet i of B within the slab, and its first column.
fn place_in_b(i: u32, lane: u32) -> vec2<u32> {
    let octet = lane + i * THREADS;
    let line = octet / LENGTH_B;
    let along = octet % LENGTH_B * 8u;
    if B_ALONG_N == 1u { return vec2(line, along); }
    return vec2(along, line);
}

fn prepare_loads(loads: ptr<function, Loads>, tile_m: u32, lane: u32) {
    for (var i = 0u; i < OCTETS_A; i++) {
        (*loads).lines[i] = line_of_a(tile_m * TILE_M + place_in_a(i, lane).x);
    }
}

// Loads the slab from k to k + SLAB; A counts as zero from last_k on.
fn load_slabs(loads: ptr<function, Loads>, tile_m: u32, tile_n: u32, k: u32, last_k: u32, lane: u32) {
    for (var i = 0u; i < OCTETS_A; i++) {
        let place = place_in_a(i, lane);
        (*loads).a[i] = octet_of_a((*loads).lines[i], tile_m * TILE_M + place.x, k + place.y, last_k);
    }
    for (var i = 0u; i < OCTETS_B; i++) {
        let place = place_in_b(i, lane);
        (*loads).b[i] = octet_of_b(k + place.x, tile_n * TILE_N + place.y, last_k);
    }
}

// Four numbers of an octet, zero where their bit is not set.
fn inside_only(four: vec4<f16>, inside: u32, octets: u32, whole: u32) -> vec4<f16> {
    if whole == 1u { return four; }
    if octets == 1u { return select(vec4<f16>(), four, vec4(inside != 0u)); }
    return select(vec4<f16>(), four, (vec4(inside) & vec4(1u, 2u, 4u, 8u)) != vec4(0u));
}

// Stores the loaded slabs as slab 0 or 1 of each matrix.
fn store_slabs(loads: ptr<function, Loads>, slab: u32, lane: u32) {
    for (var i = 0u; i < OCTETS_A; i++) {
        let octet = lane + i * THREADS;
        let at = slab * SLAB_A + octet / LENGTH_A * STRIDE_A + octet % LENGTH_A * 2u;
        let loaded = (*loads).a[i];
        slab_a[at] = inside_only(loaded.numbers.low, loaded.inside, A_OCTETS, A_WHOLE);
        slab_a[at + 1u] = inside_only(loaded.numbers.high, loaded.inside >> 4u, A_OCTETS, A_WHOLE);
    }
    for (var i = 0u; i < OCTETS_B; i++) {
        let octet = lane + i * THREADS;
        let at = slab * SLAB_B + octet / LENGTH_B * STRIDE_B + octet % LENGTH_B * 2u;
        let loaded = (*loads).b[i];
        slab_b[at] = inside_only(loaded.numbers.low, loaded.inside, B_OCTETS, B_WHOLE);
        slab_b[at + 1u] = inside_only(loaded.numbers.high, loaded.inside >> 4u, B_OCTETS, B_WHOLE);
    }
}
