// The scalars of a matrix product C[b] = A[b]·B[b] in each of its kernels. A is m × k, B is k × n, C is m × n, each
// `batch` times.

struct Params {
    batch: u32,
    m: u32,
    n: u32,
    k: u32,
    // Elements from one row, column and matrix to the next.
    a_row: u32,
    a_column: u32,
    a_batch: u32,
    b_row: u32,
    b_column: u32,
    b_batch: u32,
    function: u32,
    has_bias: u32,
    // The pieces of the sum over k, and the terms of each.
    splits: u32,
    piece: u32,
}
