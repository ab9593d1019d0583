//! The variance over any axes.

use crate::harness::{Bound, Draw, Input, Op, input, ones, refuse, sample};
use allometry::{Error, Tensor};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    let mut add = |what: &str, x: Input, axes: &'static [usize], keep: bool, correction: usize| {
        let function = move |t: &[Tensor]| t[0].variance(axes, keep, correction);
        // Squares of differences of up to 2, whose rounding is that of the mean too.
        let bound = Bound::elementwise().floor(2e-6);
        op.add(sample(what, [x], function).forward(bound).half(2));
    };
    add("last axis", input([7, 13]), &[1], false, 0);
    add("first axis, a sample's", input([7, 13]), &[0], true, 1);
    add("two axes apart", input([3, 5, 4]), &[0, 2], false, 1);
    add("all axes, a view", input([5, draw.extent(9), 3]).sliced(), &[], false, 0);
    add("transposed", input([5, 11]).transposed(), &[1], true, 2);
    add("a batch of one", input([1, 9]), &[1], false, 1);
    add("one element", input([4, 1]), &[1], false, 0);
    add("a scalar", input([]), &[], false, 0);

    // Far from zero, where the mean of squares less the square of the mean would have no digits left.
    op.add(
        sample(
            "written out",
            [input([2, 4]).values([1001.0, 1002.0, 1003.0, 1006.0, -1.0, 1.0, -1.0, 1.0])],
            |t| {
                let y = t[0].variance(&[1], false, 1)?;
                for (y, want) in y.to_f64()?.into_iter().zip([14.0 / 3.0, 4.0 / 3.0]) {
                    assert!((y - want).abs() < 1e-5, "{y}, {want} expected");
                }
                Ok(y)
            },
        )
        .no_differences("differences of thousands"),
    );

    op.refuse(refuse(
        "as large a correction as elements",
        |device| ones(device, [2, 1])?.variance(&[1], false, 1),
        |e| matches!(e, Error::Argument { op: "variance", argument: "correction", .. }),
    ));
    op.refuse(refuse(
        "an axis that is not there",
        |device| ones(device, [2, 3])?.variance(&[2], false, 0),
        |e| matches!(e, Error::Argument { op: "variance", argument: "axis", .. }),
    ));
    op.refuse(refuse(
        "whole numbers",
        |device| Tensor::new(device, &[1u32, 2], [2])?.variance(&[], false, 0),
        |e| matches!(e, Error::DType { op: "variance", found: "u32", .. }),
    ));
    op
}
