// Scalars of the kernels of batch normalisation.

struct Params {
    rows: u32,
    channels: u32,
    // Rows of a piece of the sums, and the number of pieces.
    piece: u32,
    pieces: u32,
    // The activation; the kernels read it as the constant FUNCTION.
    function: u32,
    // Whether mean and variance are those of the batch.
    training: u32,
    epsilon: f32,
    momentum: f32,
}
