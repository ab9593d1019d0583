//! Depthwise convolution of images.

use super::conv2d::{Use, add, sample_of};
use crate::harness::{Draw, Input, Op, input, ones, refuse};
use allometry::Error;
use allometry::ops::Function::{Gelu, Linear, Relu, Sigmoid, Tanh};
use allometry::ops::Padding::{Explicit, Same, Valid};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    let images = |n, h, w, c| input([n, h, w, c]);
    let kernel = |h, w, c, multiplier| input([h, w, c, multiplier]);

    for (name, inputs, strides, padding) in [
        ("3×3", vec![images(2, 9, 7, 3), kernel(3, 3, 3, 1)], [1, 1], Valid),
        ("same, whole vectors", vec![images(2, 9, 7, 8), kernel(3, 3, 8, 1)], [1, 1], Same),
        (
            "vectors along all lanes",
            vec![images(2, 5, 9, 64), kernel(3, 3, 64, 1), input([64])],
            [1, 1],
            Same,
        ),
        ("some lanes idle", vec![images(1, 5, 6, 52), kernel(3, 5, 52, 1), input([52])], [1, 2], Same),
        ("no whole vector, many lanes", vec![images(1, 4, 5, 67), kernel(2, 3, 67, 1)], [1, 1], Valid),
        ("multiplier 2", vec![images(2, 7, 6, 4), kernel(3, 3, 4, 2), input([8])], [1, 1], Same),
        ("multiplier 3, stride 2", vec![images(2, 8, 9, 3), kernel(3, 2, 3, 3), input([9])], [2, 2], Same),
        ("multiplier of one channel", vec![images(2, 6, 5, 1), kernel(3, 3, 1, 5)], [1, 1], Valid),
        ("same, stride 2", vec![images(2, 9, 8, 16), kernel(3, 3, 16, 1)], [2, 2], Same),
        ("stride 3, even kernel", vec![images(2, 11, 13, 4), kernel(4, 4, 4, 1)], [3, 3], Same),
        ("stride beyond the kernel", vec![images(1, 11, 10, 2), kernel(2, 1, 2, 1)], [3, 4], Valid),
        ("a stride too wide for neighbours", vec![images(1, 3, 29, 4), kernel(3, 7, 4, 1)], [1, 5], Same),
        ("even kernel", vec![images(3, 6, 5, 1), kernel(2, 4, 1, 1)], [1, 2], Same),
        ("explicit", vec![images(2, 5, 6, 2), kernel(3, 2, 2, 1)], [2, 1], Explicit([[2, 0], [1, 1]])),
        ("pointwise", vec![images(2, 5, 5, 6), kernel(1, 1, 6, 1)], [1, 1], Valid),
        ("the whole image", vec![images(3, 4, 5, 4), kernel(4, 5, 4, 1)], [1, 1], Valid),
        ("kernel larger than the image", vec![images(1, 2, 3, 2), kernel(5, 5, 2, 1)], [1, 1], Same),
        ("one pixel", vec![images(1, 1, 1, 1), kernel(1, 1, 1, 1)], [1, 1], Valid),
        // The reference of the image's gradient works on two images at a time.
        ("images for several threads", vec![images(4, 12, 11, 16), kernel(3, 3, 16, 1)], [1, 1], Same),
        ("the weights' sum in pieces", vec![images(5, 17, 19, 4), kernel(3, 3, 4, 1)], [1, 1], Same),
        (
            "views",
            vec![images(2, 7, 6, 4).sliced(), kernel(3, 3, 4, 2).transposed(), input([8]).rows()],
            [1, 1],
            Same,
        ),
        // Nothing of these is asked for a gradient: 65,792 groups of eight lanes, each with four pixels.
        (
            "more groups than fit in a dimension",
            vec![images(1, 1028, 257, 32).fixed(), kernel(1, 1, 32, 1).fixed()],
            [1, 1],
            Valid,
        ),
    ] {
        add(&mut op, name, inputs, Use::depthwise(strides, padding));
    }
    // Of few kernels, as of conv2d.
    for (name, inputs, how) in [
        (
            "dilated",
            vec![images(2, 9, 8, 5), kernel(3, 3, 5, 1)],
            Use::depthwise([1, 1], Valid).dilated([2, 2]),
        ),
        (
            "dilated, same, multiplier 2",
            vec![images(1, 7, 6, 3), kernel(2, 3, 3, 2)],
            Use::depthwise([1, 1], Same).dilated([3, 2]),
        ),
        (
            "dilated beyond the image",
            vec![images(1, 3, 4, 5), kernel(3, 3, 5, 1)],
            Use::depthwise([1, 1], Same).dilated([4, 2]),
        ),
        (
            "dilated, only padding under a window",
            vec![images(1, 2, 1, 5), kernel(2, 3, 5, 1)],
            Use::depthwise([1, 1], Explicit([[1, 1], [2, 2]])).dilated([2, 2]),
        ),
        (
            "dilated with a stride",
            vec![images(2, 11, 10, 5), kernel(3, 3, 5, 1)],
            Use::depthwise([2, 3], Explicit([[2, 1], [3, 0]])).dilated([2, 2]),
        ),
        (
            "dilated along an axis, a stride along the other",
            vec![images(1, 9, 9, 8), kernel(3, 3, 8, 1)],
            Use::depthwise([2, 1], Same).dilated([1, 2]),
        ),
    ] {
        op.add(sample_of(name, inputs, how, false));
    }
    add(
        &mut op,
        "dilated, not differentiated",
        vec![images(2, 9, 8, 5).fixed(), kernel(3, 3, 5, 1).fixed()],
        Use::depthwise([1, 1], Valid).dilated([2, 2]),
    );
    for function in [Relu, Tanh, Sigmoid, Gelu] {
        add(
            &mut op,
            &format!("bias and {}", function.name()),
            vec![images(2, 6, 7, 12), kernel(3, 3, 12, 1), input([12])],
            Use { function, ..Use::depthwise([1, 1], Same) },
        );
    }
    let some = || vec![images(2, 6, 7, 3), kernel(3, 3, 3, 2), input([6])];
    let with_tanh = Use { function: Tanh, ..Use::depthwise([2, 2], Same) };
    let [x, w, b] = <[Input; 3]>::try_from(some()).ok().expect("three inputs");
    add(&mut op, "only the images differentiated", vec![x, w.fixed(), b.fixed()], with_tanh);
    let [x, w, b] = <[Input; 3]>::try_from(some()).ok().expect("three inputs");
    add(&mut op, "only the kernel differentiated", vec![x.fixed(), w, b.fixed()], with_tanh);

    let (channels, multiplier) = (draw.extent(40), draw.extent(3));
    let (kh, kw) = (draw.extent(5), draw.extent(5));
    let strides = [draw.extent(3), draw.extent(3)];
    let drawn = vec![
        images(draw.extent(4), 4 + draw.extent(12), 4 + draw.extent(12), channels),
        kernel(kh, kw, channels, multiplier),
        input([channels * multiplier]),
    ];
    add(&mut op, "drawn, valid", drawn.clone(), Use::depthwise(strides, Valid));
    add(&mut op, "drawn, same", drawn.clone(), Use { function: Tanh, ..Use::depthwise(strides, Same) });
    let mut pads = |kernel| [draw.below(kernel), draw.below(kernel)];
    let padding = Explicit([pads(kh), pads(kw)]);
    add(&mut op, "drawn, explicit", drawn, Use::depthwise(strides, padding));
    let vectors = 4 * draw.extent(12);
    add(
        &mut op,
        "drawn, whole vectors",
        vec![images(2, 8, 5 + draw.extent(8), vectors), kernel(3, 1 + draw.extent(4), vectors, 1)],
        Use::depthwise([draw.extent(2), draw.extent(4)], Same),
    );

    op.add_timed("depthwise_conv2d", |sample| sample);

    let shaped = |x: [usize; 4], w: [usize; 4], how: Use| {
        move |device: &_| how.apply(&[ones(device, x)?, ones(device, w)?])
    };
    op.refuse(refuse(
        "channels that differ",
        shaped([1, 5, 5, 3], [3, 3, 4, 1], Use::depthwise([1, 1], Same)),
        |e| matches!(e, Error::Shape { op: "depthwise_conv2d", .. }),
    ));
    op.refuse(refuse(
        "a kernel larger than the image",
        shaped([1, 2, 5, 3], [3, 3, 3, 1], Use::depthwise([1, 1], Valid)),
        |e| matches!(e, Error::Argument { op: "depthwise_conv2d", argument: "kernel", .. }),
    ));
    op.refuse(refuse(
        "a stride of 0",
        shaped([1, 5, 5, 3], [3, 3, 3, 1], Use::depthwise([1, 0], Valid)),
        |e| matches!(e, Error::Argument { op: "depthwise_conv2d", argument: "stride", .. }),
    ));
    op.refuse(refuse(
        "a dilation of 0",
        shaped([1, 5, 5, 3], [3, 3, 3, 1], Use::depthwise([1, 1], Same).dilated([1, 0])),
        |e| matches!(e, Error::Argument { op: "depthwise_conv2d", argument: "dilation", .. }),
    ));
    op.refuse(refuse(
        "images of rank 3",
        |device| {
            let kernel = ones(device, [3, 3, 3, 1])?;
            ones(device, [5, 5, 3])?.depthwise_conv2d(&kernel, None, [1, 1], Same, Linear)
        },
        |e| matches!(e, Error::Shape { op: "depthwise_conv2d", .. }),
    ));
    op.refuse(refuse(
        "a bias of another length",
        |device| {
            let (x, w) = (ones(device, [1, 5, 5, 3])?, ones(device, [3, 3, 3, 2])?);
            x.depthwise_conv2d(&w, Some(&ones(device, [3])?), [1, 1], Same, Linear)
        },
        |e| matches!(e, Error::Shape { op: "depthwise_conv2d", .. }),
    ));
    op
}
