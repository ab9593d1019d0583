// The scalars of a matrix product C[b] = A[b]·B[b] in any of its kernels: A is m × k, B k × n, C m × n, each `batch`
// times.

struct Params {
    batch: u32,
    m: u32,
    n: u32,
    k: u32,
    // From one row, column and matrix to the next, in elements.
    a_row: u32,
    a_column: u32,
    a_batch: u32,
    b_row: u32,
    b_column: u32,
    b_batch: u32,
    function: u32,
    has_bias: u32,
    // Pieces of the sum over k, and terms in each.
    splits: u32,
    piece: u32,
}
