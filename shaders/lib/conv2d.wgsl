// The scalars of a convolution in each direction: images of n × h × w × ci, results of n × oh × ow × co, windows of
// kh × kw.

struct Params {
    n: u32,
    h: u32,
    w: u32,
    ci: u32,
    oh: u32,
    ow: u32,
    co: u32,
    kh: u32,
    kw: u32,
    stride_h: u32,
    stride_w: u32,
    // Rows and columns of zeros above and to the left of the image.
    pad_h: u32,
    pad_w: u32,
    // Groups of channels. An output channel reads only the input channels of its group.
    groups: u32,
    function: u32,
    has_bias: u32,
    // For the gradient of the weights: the pieces of the sum over pixels, and the rows of images in each.
    splits: u32,
    piece: u32,
    // Pixels of the image from one element of the kernel to the next.
    dilation_h: u32,
    dilation_w: u32,
}
