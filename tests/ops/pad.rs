//! Elements around a tensor.

use crate::harness::{Bound, Draw, Input, Op, Storage, input, ones, refuse, sample};
use allometry::ops::PadMode;
use allometry::{Error, Result, Tensor};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    for (mode, name) in [(PadMode::Constant(-1.5), "constant"), (PadMode::Reflect, "reflect")] {
        let mut add = |what: &str, x: Input, pads: Vec<[usize; 2]>| {
            let pad = move |t: &[Tensor]| t[0].pad(&pads, mode);
            op.add(sample(format!("{name}, {what}"), [x], pad).forward(Bound::exact()).half(0));
        };
        add("both axes", input([5, 7]), vec![[2, 1], [3, 6]]);
        add("images", input([2, 5, 3, 2]), vec![[0, 0], [4, 4], [2, 1], [0, 0]]);
        add("a view", input([4, 5, 3]).sliced(), vec![[1, 0], [0, 4], [2, 2]]);
        add("transposed", input([4, 6]).transposed(), vec![[3, 0], [0, 0]]);
        add("reversed axes", input([3, 4, 2]).stored(Storage::Reversed), vec![[0, 2], [1, 1], [1, 0]]);
        add("no pads, a batch of one", input([1, 3]), vec![[0, 0], [0, 0]]);
        add("an extent of one", input([1, 3]), vec![[0, 0], [2, 2]]);
        add("a scalar", input([]), vec![]);
        let (before, after) = (draw.below(5), draw.below(5));
        add("drawn", input([9, 2]), vec![[before, after], [1, 0]]);
    }
    let written = |name: &str, mode, want: [f64; 8]| {
        sample(format!("{name}, written out"), [input([4]).values([1.0, 2.0, 3.0, 4.0]).fixed()], move |t| {
            let y = t[0].pad(&[[3, 1]], mode)?;
            assert_eq!(y.to_f64()?, want);
            Ok(y)
        })
    };
    op.add(written("constant", PadMode::Constant(9.0), [9.0, 9.0, 9.0, 1.0, 2.0, 3.0, 4.0, 9.0]));
    op.add(written("reflect", PadMode::Reflect, [4.0, 3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0]));
    let infinite = PadMode::Constant(f32::NEG_INFINITY);
    op.add(
        sample("minus infinity", [input([3])], move |t| t[0].pad(&[[1, 0]], infinite))
            .no_differences("infinite"),
    );

    op.add_timed("pad", |sample| sample);

    let argument = |what, attempt: fn(&allometry::Device) -> Result<Tensor>| {
        refuse(what, attempt, |e| matches!(e, Error::Argument { op: "pad", argument: "pads", .. }))
    };
    op.refuse(argument("one pair for two axes", |d| ones(d, [2, 3])?.pad(&[[1, 1]], PadMode::Reflect)));
    op.refuse(argument("a reflection of the whole axis", |d| ones(d, [3])?.pad(&[[3, 0]], PadMode::Reflect)));
    op.refuse(refuse(
        "more elements than kernels count",
        |d| ones(d, [3])?.pad(&[[usize::MAX, 1]], PadMode::Constant(0.0)),
        |e| matches!(e, Error::TooManyElements { .. }),
    ));
    op.refuse(refuse(
        "whole numbers",
        |d| Tensor::new(d, &[1u32], [1])?.pad(&[[1, 1]], PadMode::Constant(0.0)),
        |e| matches!(e, Error::DType { op: "pad", found: "u32", .. }),
    ));
    op
}
