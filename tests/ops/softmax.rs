//! Softmax and its logarithm.

use crate::harness::{Bound, Draw, HALF_ROUNDING, Op, input, ones, refuse, sample};
use allometry::{DType, Error, Tensor};

/// Where a probability is nearly 1, its logarithm is the difference of numbers of about 1.
fn of_logarithm() -> Bound {
    Bound::elementwise().floor(1e-6)
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    op.add(sample("a row", [input([10])], |t| t[0].softmax(0)).half(1));
    op.add(sample("one class", [input([5, 1])], |t| t[0].softmax(1)).half(1));
    // One probability is nearly 1 and has lost its distance from it.
    op.add(
        sample("more than a workgroup", [input([3, 197]).uniform(-20.0, 20.0)], |t| t[0].softmax(1))
            .half(1)
            .half_floor(2.0 * HALF_ROUNDING),
    );
    op.add(sample("seen transposed", [input([7, 13]).transposed()], |t| t[0].softmax(1)).half(1));
    op.add(sample("the middle axis", [input([3, 5, 7]).sliced()], |t| t[0].softmax(1)).half(1));
    op.add(sample("the first axis", [input([67, 2, 3])], |t| t[0].softmax(0)).half(1));
    op.add(sample("more rows than workgroups in a dimension", [input([65_600, 2])], |t| t[0].softmax(1)));
    // Saturated rows have gradients far below the rounding of their terms.
    op.add(sample("large", [input([9, 31]).magnitudes(1e-4, 1e4).fixed()], |t| t[0].softmax(1)));

    op.add(sample("logarithm", [input([4, 11])], |t| t[0].log_softmax(1)).forward(of_logarithm()).half(1));
    op.add(
        sample("logarithm, more than a workgroup", [input([2, 131]).uniform(-20.0, 20.0)], |t| {
            t[0].log_softmax(1)
        })
        .forward(of_logarithm()),
    );
    op.add(
        sample("logarithm along the first axis", [input([13, 4]).rows()], |t| t[0].log_softmax(0))
            .forward(of_logarithm()),
    );
    op.add(
        sample("logarithm, large", [input([9, 31]).magnitudes(1e-4, 1e4)], |t| t[0].log_softmax(1))
            .forward(of_logarithm()),
    );
    let (rows, extent) = (draw.extent(90), draw.extent(90));
    let axis = draw.below(2);
    op.add(sample("drawn", [input([rows, extent]).uniform(-5.0, 5.0)], move |t| t[0].softmax(axis)));
    op.add(
        sample("logarithm, drawn", [input([rows, extent]).uniform(-5.0, 5.0)], move |t| {
            t[0].log_softmax(axis)
        })
        .forward(of_logarithm()),
    );

    // Elements that are ruled out have the probability 0; an infinite one leaves none that are numbers.
    let (infinity, nan) = (f32::INFINITY, f32::NAN);
    let rows = [[0.0, -infinity, 1.0], [-infinity, -infinity, 5.0], [infinity, 0.0, 0.0], [nan, 0.0, 1.0]];
    for logarithm in [false, true] {
        let name = if logarithm { "logarithm, not finite" } else { "not finite" };
        op.add(
            sample(name, [input([4, 3]).values(rows.concat()).fixed()], move |t| {
                if logarithm { t[0].log_softmax(1) } else { t[0].softmax(1) }
            })
            .forward(of_logarithm()),
        );
    }

    op.add_timed("softmax", |sample| sample);

    op.refuse(refuse(
        "an axis that is not there",
        |device| ones(device, [2, 3])?.softmax(2),
        |e| matches!(e, Error::Argument { op: "softmax", argument: "axis", .. }),
    ));
    op.refuse(refuse(
        "a scalar",
        |device| Tensor::ones(device, DType::F32, [])?.log_softmax(0),
        |e| matches!(e, Error::Argument { op: "log_softmax", argument: "axis", .. }),
    ));
    op.refuse(refuse(
        "labels",
        |device| Tensor::new(device, &[1u32, 2], [2])?.softmax(0),
        |e| matches!(e, Error::DType { op: "softmax", .. }),
    ));
    op
}
