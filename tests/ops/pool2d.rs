//! Pooling; and with it src/ops/padding.rs, which says where its windows lie.

use crate::harness::{Bound, Draw, Input, Op, input, ones, refuse, sample};
use allometry::ops::Padding::{self, Explicit, Same, Valid};
use allometry::{Error, Shape};

/// Both kinds of pooling of one input.
fn add(op: &mut Op, name: &str, x: Input, kernel: [usize; 2], strides: [usize; 2], padding: Padding) {
    // Where there are no ties, the maximum has a slope.
    op.add(
        sample(format!("max, {name}"), [x.clone().distinct()], move |t| {
            t[0].max_pool2d(kernel, strides, padding)
        })
        .forward(Bound::exact())
        .half(0),
    );
    op.add(
        sample(format!("max with ties, {name}"), [x.clone().ties()], move |t| {
            t[0].max_pool2d(kernel, strides, padding)
        })
        .forward(Bound::exact())
        .no_differences("at a tie the maximum has a kink")
        .half(0),
    );
    op.add(
        sample(format!("average, {name}"), [x], move |t| t[0].average_pool2d(kernel, strides, padding))
            .forward(Bound::product(kernel[0] * kernel[1], move |t| {
                t[0].average_pool2d(kernel, strides, padding)
            }))
            .half(1),
    );
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    add(&mut op, "2×2", input([3, 8, 6, 5]), [2, 2], [2, 2], Valid);
    add(&mut op, "odd image", input([2, 7, 5, 3]), [2, 2], [2, 2], Valid);
    add(&mut op, "same, odd image", input([2, 7, 5, 3]), [2, 2], [2, 2], Same);
    add(&mut op, "overlapping", input([2, 9, 11, 4]), [3, 3], [2, 2], Valid);
    add(&mut op, "same, stride 1", input([1, 5, 7, 2]), [3, 3], [1, 1], Same);
    add(&mut op, "window larger than the image", input([1, 3, 2, 1]), [5, 4], [1, 1], Same);
    add(&mut op, "gaps between windows", input([2, 9, 8, 1]), [2, 1], [3, 4], Valid);
    add(&mut op, "explicit", input([2, 6, 6, 3]), [3, 2], [2, 1], Explicit([[2, 1], [1, 0]]));
    add(&mut op, "one pixel", input([1, 1, 1, 1]), [1, 1], [1, 1], Valid);
    add(&mut op, "a view", input([3, 5, 6, 4]).sliced(), [2, 3], [1, 2], Same);
    add(&mut op, "channels apart", input([2, 6, 5, 4]).transposed(), [2, 2], [2, 2], Same);
    let shape = Shape::from([draw.extent(4), draw.extent(20), draw.extent(20), draw.extent(40)]);
    let kernel = [draw.extent(4), draw.extent(4)];
    let strides = [draw.extent(4), draw.extent(4)];
    add(&mut op, "drawn", input(shape), kernel, strides, Same);
    let pad = |draw: &mut Draw, kernel: usize| [draw.below(kernel), kernel - 1];
    let pads = [pad(draw, kernel[0]), pad(draw, kernel[1])];
    add(&mut op, "drawn, explicit", input(shape), kernel, strides, Explicit(pads));

    op.add(
        sample("global average", [input([3, 7, 5, 6])], |t| t[0].global_average_pool2d())
            .forward(Bound::product(35, |t| t[0].global_average_pool2d()))
            .half(1),
    );
    op.add(
        sample("global max", [input([3, 7, 5, 6]).distinct()], |t| t[0].global_max_pool2d())
            .forward(Bound::exact())
            .half(0),
    );
    let mut spots = vec![-1.0; 3 * 3];
    spots[4] = f32::NAN;
    op.add(
        sample("a maximum with NaN is NaN", [input([1, 3, 3, 1]).values(spots).fixed()], |t| {
            t[0].max_pool2d([2, 2], [1, 1], Same)
        })
        .forward(Bound::exact()),
    );

    op.add_timed("pool2d", |sample| sample);

    op.refuse(refuse(
        "three axes",
        |device| ones(device, [4, 4, 1])?.max_pool2d([2, 2], [2, 2], Valid),
        |e| matches!(e, Error::Shape { op: "max_pool2d", .. }),
    ));
    op.refuse(refuse(
        "three axes, global",
        |device| ones(device, [4, 4, 1])?.global_average_pool2d(),
        |e| matches!(e, Error::Shape { op: "global_average_pool2d", .. }),
    ));
    op.refuse(refuse(
        "a kernel larger than the image",
        |device| ones(device, [1, 4, 4, 1])?.average_pool2d([5, 2], [1, 1], Valid),
        |e| matches!(e, Error::Argument { op: "average_pool2d", argument: "kernel", .. }),
    ));
    op.refuse(refuse(
        "a kernel of no elements",
        |device| ones(device, [1, 4, 4, 1])?.max_pool2d([2, 0], [1, 1], Same),
        |e| matches!(e, Error::Argument { op: "max_pool2d", argument: "kernel", .. }),
    ));
    op.refuse(refuse(
        "a stride of 0",
        |device| ones(device, [1, 4, 4, 1])?.max_pool2d([2, 2], [2, 0], Valid),
        |e| matches!(e, Error::Argument { op: "max_pool2d", argument: "stride", .. }),
    ));
    op.refuse(refuse(
        "a kernel beyond all counting",
        |device| ones(device, [1, 4, 4, 1])?.max_pool2d([usize::MAX, 2], [1, 1], Same),
        |e| matches!(e, Error::Argument { op: "max_pool2d", argument: "kernel", .. }),
    ));
    op.refuse(refuse(
        "padding as large as the kernel",
        |device| ones(device, [1, 4, 4, 1])?.max_pool2d([2, 2], [1, 1], Explicit([[0, 0], [2, 0]])),
        |e| matches!(e, Error::Argument { op: "max_pool2d", argument: "padding", .. }),
    ));
    op
}
