//! Tensors of one value.

use crate::harness::{Bound, Draw, Op, input, refuse, sample};
use allometry::{DType, Error, Tensor};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    for (value, shape) in [
        (0.0, draw.shape(3, 9)),
        (1.0, [7, 13].into()),
        (-2.5, [].into()),
        (f32::MIN_POSITIVE, [257].into()),
        (f32::INFINITY, [3].into()),
    ] {
        // The input says on which device and in which type.
        op.add(
            sample(format!("{value} in {shape}"), [input([]).fixed()], move |t| {
                Tensor::full(t[0].device(), t[0].dtype(), shape, value)
            })
            .forward(Bound::exact())
            .half(1),
        );
    }
    op.refuse(refuse(
        "whole numbers",
        |device| Tensor::zeros(device, DType::U32, [2]),
        |e| matches!(e, Error::DType { op: "full", found: "u32", .. }),
    ));
    op.refuse(refuse(
        "an extent of zero",
        |device| Tensor::zeros(device, DType::F32, [2, 0]),
        |e| matches!(e, Error::Shape { op: "full", .. }),
    ));
    op
}
