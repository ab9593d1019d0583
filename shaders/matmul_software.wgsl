// C[b] = f(A[b]·B[b] + bias), as matmul.wgsl, by the tile for software adapters (lib/tile_software.wgsl).

@compute @workgroup_size(8)
fn software(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
            @builtin(local_invocation_index) lane: u32) {
    // Tiles follow each other down the rows: the columns of B that they share stay in a core's cache.
    let down = (p.m + TILE_ROWS - 1u) / TILE_ROWS;
    let tiles = (p.n + TILE_COLUMNS - 1u) / TILE_COLUMNS * down;
    let tile = group_index(group, groups);
    if tile >= tiles * p.batch * p.splits { return; }
    let matrix = tile / tiles / p.splits;
    let split = tile / tiles % p.splits;
    let first_k = split * p.piece;
    let m = first_row(tile % down, lane);
    // Rows beyond the matrix repeat its last one and are not stored.
    var start: array<u32, ROWS>;
    var inside: array<bool, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        start[r] = matrix * p.a_batch + min(m + r * ROW_STEP, p.m - 1u) * p.a_row + first_k * p.a_column;
        inside[r] = true;
    }
    let n = first_column(tile % tiles / down, lane);
    let right = Right(matrix * p.b_batch + first_k * p.b_row, p.b_row, p.b_column, n, p.n);
    clear();
    accumulate(start, inside, p.a_column, right, min(p.piece, p.k - first_k));
    store(m, p.m, right, (matrix * p.splits + split) * p.m * p.n, 0u, p.n);
}
