// C = A·B in the shape that software adapters run fastest, for products and convolutions: no workgroup memory and no
// barrier, which such an adapter pays for, and a lane of the processor's vectors for each invocation.
//
// A workgroup of LANES invocations computes a tile of C of TILE_ROWS × TILE_COLUMNS, an invocation ROWS rows of VECTORS
// vectors of four columns. ALONG_ROWS says in which direction the lanes lie. A value whose address all lanes share is
// one load and a broadcast, any other is gathered lane by lane: with lanes along the columns the values of A are shared
// and B's are gathered, with lanes along the rows it is the other way round.
//
// Where it is UNROLLED, four steps along k are written out one after the other. Such an adapter stores everything that a
// loop changes at the end of each round, under the mask of the lanes that are still in it, and for a sum that takes
// longer than a step. But it also takes a multiple of the time to compile, which short work does not win back.
//
// The host's constants: ROWS, VECTORS, FUNCTION, and of 0 or 1: ALONG_ROWS, UNROLLED, HAS_BIAS, WHOLE (steps come in
// fours), and where four neighbours lie in one aligned vector: A_VECTOR along k in A, A_ALONG_M along m (only with lanes
// along the columns, where rows come in fours), B_VECTOR along n in B, B_ALONG_K along k.

const LANES: u32 = 8u;
// From one row of an invocation to the next, and from one vector of columns to the next.
const ROW_STEP: u32 = 1u + ALONG_ROWS * (LANES - 1u);
const COLUMN_STEP: u32 = 4u + (1u - ALONG_ROWS) * 4u * (LANES - 1u);
const TILE_ROWS: u32 = ROWS * ROW_STEP;
const TILE_COLUMNS: u32 = VECTORS * COLUMN_STEP;

@group(0) @binding(0) var<storage, read> a: array<vec4<Element0>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Element1>>;
@group(0) @binding(2) var<storage, read> bias: array<Element2>;
@group(0) @binding(3) var<storage, read_write> c: array<Element3>;

// The sums of one invocation.
var<private> sums: array<array<vec4<f32>, VECTORS>, ROWS>;

// B as an invocation reads it: the value of row k and column n is element start + k·row + n·column. `first` is the
// invocation's first column; those from `columns` on don't exist.
struct Right {
    start: u32,
    row: u32,
    column: u32,
    first: u32,
    columns: u32,
}

fn first_row(tile_row: u32, lane: u32) -> u32 {
    return tile_row * TILE_ROWS + ALONG_ROWS * lane;
}

fn first_column(tile_column: u32, lane: u32) -> u32 {
    return tile_column * TILE_COLUMNS + (1u - ALONG_ROWS) * 4u * lane;
}

fn clear() {
    for (var r = 0u; r < ROWS; r++) {
        for (var v = 0u; v < VECTORS; v++) {
            sums[r][v] = vec4(0.0);
        }
    }
}

fn a_scalar(i: u32) -> f32 {
    return f32(a[i / 4u][i % 4u]);
}

fn b_scalar(i: u32) -> f32 {
    return f32(b[i / 4u][i % 4u]);
}

// Four columns of row k of B, from n on; those beyond the last repeat it.
fn b_columns(right: Right, k: u32, n: u32) -> vec4<f32> {
    let row = right.start + k * right.row;
    if B_VECTOR == 1u {
        return vec4<f32>(b[(row + min(n, right.columns - 4u)) / 4u]);
    }
    let last = right.columns - 1u;
    return vec4(
        b_scalar(row + min(n, last) * right.column),
        b_scalar(row + min(n + 1u, last) * right.column),
        b_scalar(row + min(n + 2u, last) * right.column),
        b_scalar(row + min(n + 3u, last) * right.column),
    );
}

// Four columns of rows k to k + 3 of B, a row in each column of the matrix.
fn b_block(right: Right, k: u32, n: u32) -> mat4x4<f32> {
    if B_ALONG_K == 1u {
        let last = right.columns - 1u;
        let begin = right.start + k;
        return transpose(mat4x4(
            vec4<f32>(b[(begin + min(n, last) * right.column) / 4u]),
            vec4<f32>(b[(begin + min(n + 1u, last) * right.column) / 4u]),
            vec4<f32>(b[(begin + min(n + 2u, last) * right.column) / 4u]),
            vec4<f32>(b[(begin + min(n + 3u, last) * right.column) / 4u]),
        ));
    }
    return mat4x4(
        b_columns(right, k, n),
        b_columns(right, k + 1u, n),
        b_columns(right, k + 2u, n),
        b_columns(right, k + 3u, n),
    );
}

// One step along k: `left` is A's column k.
fn step_along_k(left: array<f32, ROWS>, right: Right, k: u32) {
    for (var v = 0u; v < VECTORS; v++) {
        let row = b_columns(right, k, right.first + v * COLUMN_STEP);
        for (var r = 0u; r < ROWS; r++) {
            sums[r][v] = fma(vec4(left[r]), row, sums[r][v]);
        }
    }
}

// Four steps from k on: `left` is A's columns. A sum takes all four at once, as there are more sums than registers.
fn four_steps_along_k(left: array<vec4<f32>, ROWS>, right: Right, k: u32) {
    for (var v = 0u; v < VECTORS; v++) {
        let n = right.first + v * COLUMN_STEP;
        let rows = b_block(right, k, n);
        for (var r = 0u; r < ROWS; r++) {
            let sum = fma(vec4(left[r].y), rows[1], fma(vec4(left[r].x), rows[0], sums[r][v]));
            sums[r][v] = fma(vec4(left[r].w), rows[3], fma(vec4(left[r].z), rows[2], sum));
        }
    }
}

// `count` steps: row r's values of A lie from start[r] on, `step` apart; where inside[r] is false they are zero (with
// A_ALONG_M all rows are inside).
fn accumulate(start: array<u32, ROWS>, inside: array<bool, ROWS>, step: u32, right: Right, count: u32) {
    var k = 0u;
    for (; UNROLLED == 1u && k + 4u <= count; k += 4u) {
        var left: array<vec4<f32>, ROWS>;
        for (var r = 0u; A_ALONG_M == 1u && r < ROWS; r += 4u) {
            let i = start[r] + k * step;
            // (Rows beyond the matrix, which repeat its last one elsewhere, are others of it here.)
            let rows = transpose(mat4x4(
                vec4<f32>(a[i / 4u]),
                vec4<f32>(a[(i + step) / 4u]),
                vec4<f32>(a[(i + 2u * step) / 4u]),
                vec4<f32>(a[(i + 3u * step) / 4u]),
            ));
            for (var j = 0u; j < 4u; j++) { left[r + j] = rows[j]; }
        }
        for (var r = 0u; A_ALONG_M == 0u && r < ROWS; r++) {
            let i = start[r] + k * step;
            if A_VECTOR == 1u {
                left[r] = vec4<f32>(a[i / 4u]);
            } else {
                left[r] =
                    vec4(a_scalar(i), a_scalar(i + step), a_scalar(i + 2u * step), a_scalar(i + 3u * step));
            }
            left[r] = select(vec4(0.0), left[r], inside[r]);
        }
        four_steps_along_k(left, right, k);
    }
    for (; UNROLLED * WHOLE == 0u && k < count; k++) {
        var left: array<f32, ROWS>;
        for (var r = 0u; r < ROWS; r++) {
            left[r] = select(0.0, a_scalar(start[r] + k * step), inside[r]);
        }
        step_along_k(left, right, k);
    }
}

// Stores the rows from `m` on of a result with so many, which begins at element `base`, in rows of `all` values of which
// the columns of `right` begin at `begin`.
fn store(m: u32, rows: u32, right: Right, base: u32, begin: u32, all: u32) {
    for (var r = 0u; r < ROWS; r++) {
        for (var v = 0u; v < VECTORS; v++) {
            for (var i = 0u; i < 4u; i++) {
                let row = m + r * ROW_STEP;
                let column = right.first + v * COLUMN_STEP + i;
                if row < rows && column < right.columns {
                    var z = sums[r][v][i];
                    if HAS_BIAS == 1u { z += f32(bias[begin + column]); }
                    c[base + row * all + begin + column] = Element3(apply(FUNCTION, z));
                }
            }
        }
    }
}
