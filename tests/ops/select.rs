//! `select(c, a, b)`.

use crate::harness::{Bound, Draw, Input, Op, input, ones, refuse, sample};
use allometry::{Device, Error, Tensor};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    let mut add = |what: &str, c: Input, a: Input, b: Input| {
        let select = |t: &[Tensor]| t[0].select(&t[1], &t[2]);
        op.add(sample(what, [c.ties().fixed(), a, b], select).forward(Bound::exact()).half(0));
    };
    add("odd extents", input([7, 13]), input([7, 13]), input([7, 13]));
    add("scalars", input([]), input([]), input([]));
    add("all broadcast", input([5, 1, 3]), input([4, 1]), input([3]));
    add("a mask for every row", input([11]), input([6, 11]), input([]));
    add("views", input([5, 7]).transposed(), input([5, 7]).sliced(), input([5, 7]).repeated(0));
    add("large enough for every thread", input([181, 183]), input([181, 183]), input([181, 183]));
    let shape = draw.shape(5, 4);
    add("drawn", input(shape), input(shape.with(draw.below(5), 1)), input(shape).rows());

    op.refuse(refuse(
        "extents that don't broadcast",
        |device| ones(device, [3])?.select(&ones(device, [2])?, &ones(device, [3])?),
        |e| matches!(e, Error::Shape { op: "select", .. }),
    ));
    op.refuse(refuse(
        "whole numbers as the condition",
        |device| Tensor::new(device, &[0u32, 1], [2])?.select(&ones(device, [2])?, &ones(device, [2])?),
        |e| matches!(e, Error::DType { op: "select", found: "u32", .. }),
    ));
    op.refuse(refuse(
        "two devices",
        |device| ones(device, [2])?.select(&ones(&Device::cpu(), [2])?, &ones(device, [2])?),
        |e| matches!(e, Error::Placement { op: "select", .. }),
    ));
    op
}
