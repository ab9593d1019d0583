//! Moving elements between layouts, of floats and of whole numbers. (Adding into memory is tested beside the walk
//! that does it, in `src/ops/gradient.rs`.)

use crate::harness::{Bound, Draw, Input, Op, Storage, input, refuse, sample};
use allometry::{Error, Tensor};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    // A reshape to one axis copies what is not row-major.
    let mut add = |what: &str, input: Input| {
        let count = input.shape.elements();
        op.add(
            sample(what, [input], move |t| t[0].reshape([count]))
                .forward(Bound::exact())
                .gradient(Bound::exact())
                .half(0),
        );
    };
    add("transposed", input([13, 31]).transposed());
    add("reversed, five axes", input([3, 2, 4, 3, 2]).stored(Storage::Reversed));
    add("sliced, six axes", input([2, 3, 2, 2, 1, 3]).sliced());
    add("repeated", input([5, 7, 2]).repeated(1));
    add("rows at an odd offset", input([5, 3]).rows());
    add("drawn", input(draw.shape(4, 7)).stored(*draw.pick(&[Storage::Reversed, Storage::Sliced])));
    add("labels, transposed", input([7, 9]).labels(1000).transposed());
    add("labels, sliced", input([3, 4, 5]).labels(7).sliced());
    // Into the middle of a larger tensor: both sides strided.
    op.add(
        sample("into a part", [input([3, 4, 5]).transposed(), input([3, 2, 5]).sliced()], |t| {
            Tensor::concat(&[&t[0], &t[1]], 1)
        })
        .forward(Bound::exact())
        .gradient(Bound::exact())
        .half(0),
    );
    // Into a part with one element between its rows, and into a column.
    op.add(
        sample("into all columns but the last, and into the last", [input([3, 4]), input([3, 1])], |t| {
            Tensor::concat(&[&t[0], &t[1]], 1)
        })
        .forward(Bound::exact())
        .gradient(Bound::exact())
        .half(0),
    );
    op.add(
        sample("large enough for every thread", [input([301, 307]).transposed()], |t| {
            t[0].reshape([301 * 307])
        })
        .forward(Bound::exact())
        .gradient(Bound::exact())
        .half(0),
    );
    let column = [input([66_000, 1]).sliced(), input([3, 1])];
    op.add(
        sample("a column, large enough for every thread", column, |t| Tensor::concat(&[&t[0], &t[1]], 0))
            .forward(Bound::exact())
            .gradient(Bound::exact())
            .half(0),
    );
    op.refuse(refuse(
        "read as another type",
        |device| {
            Tensor::new(device, &[1u32, 2], [2])?.to_vec::<f32>().and_then(|v| Tensor::new(device, &v, [2]))
        },
        |e| matches!(e, Error::DType { op: "to_vec", .. }),
    ));
    op
}
