// C[b] = f(A[b]·B[b] + bias), as matmul.wgsl, in the shape that software adapters run fastest.
//
// No workgroup memory and no barrier. Lanes lie along the columns: an invocation computes ROWS rows of VECTORS
// vectors of four columns (constants of the host), a workgroup of 8 lanes ROWS rows of 32·VECTORS columns. A's
// values have the same address in all lanes, which makes each of them one load and a broadcast.

const LANES: u32 = 8u;

@group(0) @binding(0) var<storage, read> a: array<Element0>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Element1>>;
@group(0) @binding(2) var<storage, read> bias: array<Element2>;
@group(0) @binding(3) var<storage, read_write> c: array<Element3>;

fn b_at(i: u32) -> f32 {
    return f32(b[i / 4u][i % 4u]);
}

@compute @workgroup_size(8)
fn rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let width = LANES * 4u * VECTORS;
    let columns = (p.n + width - 1u) / width;
    let tiles = (p.m + ROWS - 1u) / ROWS * columns;
    let tile = group_index(group, groups);
    if tile >= tiles * p.batch * p.splits { return; }
    let matrix = tile / tiles / p.splits;
    let split = tile / tiles % p.splits;
    let last_k = min((split + 1u) * p.piece, p.k);
    let m = tile % tiles / columns * ROWS;
    let n = tile % columns * width + lane * 4u;
    // Rows and columns beyond the matrix repeat its last one and are not stored.
    var a_from: array<u32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        a_from[r] = matrix * p.a_batch + min(m + r, p.m - 1u) * p.a_row;
    }
    var acc: array<array<vec4<f32>, VECTORS>, ROWS>;
    for (var k = split * p.piece; k < last_k; k++) {
        var row: array<vec4<f32>, VECTORS>;
        let b_from = matrix * p.b_batch + k * p.b_row;
        for (var v = 0u; v < VECTORS; v++) {
            let column = n + v * LANES * 4u;
            if B_VECTOR == 1u {
                row[v] = vec4<f32>(b[(b_from + min(column, p.n - 4u)) / 4u]);
            } else {
                row[v] = vec4(
                    b_at(b_from + min(column, p.n - 1u) * p.b_column),
                    b_at(b_from + min(column + 1u, p.n - 1u) * p.b_column),
                    b_at(b_from + min(column + 2u, p.n - 1u) * p.b_column),
                    b_at(b_from + min(column + 3u, p.n - 1u) * p.b_column),
                );
            }
        }
        for (var r = 0u; r < ROWS; r++) {
            let value = vec4(f32(a[a_from[r] + k * p.a_column]));
            for (var v = 0u; v < VECTORS; v++) {
                acc[r][v] = fma(value, row[v], acc[r][v]);
            }
        }
    }
    for (var r = 0u; r < ROWS; r++) {
        for (var v = 0u; v < VECTORS; v++) {
            for (var i = 0u; i < 4u; i++) {
                let column = n + v * LANES * 4u + i;
                if m + r < p.m && column < p.n {
                    var z = acc[r][v][i];
                    if HAS_BIAS == 1u { z += f32(bias[column]); }
                    c[((matrix * p.splits + split) * p.m + m + r) * p.n + column] = Element3(apply(FUNCTION, z));
                }
            }
        }
    }
}
