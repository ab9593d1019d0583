//! The logarithm of a sum of exponentials.

use crate::harness::{Bound, Draw, Input, Op, input, ones, refuse, sample};
use allometry::{Error, Tensor};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    let mut add = |what: &str, x: Input, axes: &'static [usize], keep: bool| {
        let function = move |t: &[Tensor]| t[0].logsumexp(axes, keep);
        op.add(sample(what, [x], function).forward(Bound::elementwise().floor(1e-6)).half(1));
    };
    add("last axis", input([7, 13]).uniform(-3.0, 3.0), &[1], false);
    add("first axis", input([7, 13]).uniform(-20.0, 20.0), &[0], true);
    add("two axes apart", input([3, 5, 4]), &[0, 2], false);
    add("all axes, a view", input([5, draw.extent(9), 3]).sliced(), &[], false);
    add("transposed", input([5, 11]).transposed(), &[1], true);
    add("one element", input([4, 1]), &[1], false);
    add("a scalar", input([]), &[], false);

    // Larger than exp can hold, and infinite.
    const INFINITY: f32 = f32::INFINITY;
    let values = [
        [1000.0, 1000.0, -INFINITY],
        [-1000.0, -1000.0, -2000.0],
        [-INFINITY, -INFINITY, -INFINITY],
        [INFINITY, 0.0, -INFINITY],
        [0.0, f32::NAN, 1.0],
    ];
    op.add(sample("written out", [input([5, 3]).values(values.concat()).fixed()], |t| {
        let y = t[0].logsumexp(&[1], false)?;
        let ln_2 = std::f64::consts::LN_2;
        let wanted = [1000.0 + ln_2, -1000.0 + ln_2, f64::NEG_INFINITY, f64::INFINITY, f64::NAN];
        for (row, (y, want)) in y.to_f64()?.into_iter().zip(wanted).enumerate() {
            let same = y == want || (y - want).abs() < 1e-3 || y.is_nan() && want.is_nan();
            assert!(same, "row {row}: {y}, {want} expected");
        }
        Ok(y)
    }));

    op.refuse(refuse(
        "an axis twice",
        |device| ones(device, [2, 3])?.logsumexp(&[1, 1], false),
        |e| matches!(e, Error::Argument { op: "logsumexp", argument: "axes", .. }),
    ));
    op.refuse(refuse(
        "whole numbers",
        |device| Tensor::new(device, &[1u32, 2], [2])?.logsumexp(&[], false),
        |e| matches!(e, Error::DType { op: "logsumexp", found: "u32", .. }),
    ));
    op
}
