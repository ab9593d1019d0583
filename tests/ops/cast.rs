//! Conversion between float types.

use crate::harness::{Bound, Draw, Input, Op, Storage, input, ones, refuse, sample};
use allometry::device::GpuOptions;
use allometry::{DType, Device, Error, Tensor};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    // To f16 and back: one rounding there, one of the gradient.
    let drawn = input(draw.shape(3, 20));
    let mut add = |what: &str, input: Input| {
        let there_and_back = |t: &[Tensor]| t[0].cast(DType::F16)?.cast(t[0].dtype());
        // The oracle rounds as well, and everybody to nearest.
        op.add(
            sample(format!("there and back, {what}"), [input], there_and_back)
                .forward(Bound::exact())
                .gradient(Bound::exact())
                .no_differences("steps")
                .half(0),
        );
    };
    add("odd extents", input([7, 13]));
    add("a wide range", input([400]).magnitudes(1e-4, 6e4));
    add("a view", input([5, 6, 7]).stored(Storage::Sliced));
    add("drawn", drawn);
    let values = [65504.0, 65519.0, 65520.0, 1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0];
    op.add(
        sample("the end of the range", [input([8]).values(values).fixed()], |t| {
            t[0].cast(DType::F16)?.cast(t[0].dtype())
        })
        .forward(Bound::exact()),
    );

    op.refuse(refuse(
        "whole numbers",
        |device| Tensor::new(device, &[1u32, 2], [2])?.cast(DType::F32),
        |e| matches!(e, Error::DType { op: "cast", found: "u32", .. }),
    ));
    op.refuse(refuse(
        "to whole numbers",
        |device| ones(device, [2])?.cast(DType::U32),
        |e| matches!(e, Error::DType { op: "cast", found: "u32", .. }),
    ));
    op.refuse(refuse(
        "f16 and f32 in one op",
        |device| ones(device, [2])?.cast(DType::F16)?.add(&ones(device, [2])?),
        |e| matches!(e, Error::DType { op: "add", found: "f32", .. }),
    ));
    op.refuse(refuse(
        "f16 on an adapter without it",
        |_| ones(&Device::gpu(GpuOptions { f16: false, ..GpuOptions::default() })?, [2])?.cast(DType::F16),
        |e| matches!(e, Error::DType { op: "cast", found: "f16", expected } if expected.contains("16-bit")),
    ));
    op
}
