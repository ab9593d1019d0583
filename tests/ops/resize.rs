//! Images of other sizes.

use crate::harness::{Bound, Draw, Input, Op, Storage, input, ones, refuse, sample};
use allometry::ops::Interpolation::{self, Bilinear, Nearest};
use allometry::{Error, Tensor};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    for (interpolation, name) in [(Nearest, "nearest"), (Bilinear, "bilinear")] {
        let mut add = |what: &str, x: Input, size: [usize; 2]| {
            let resize = move |t: &[Tensor]| t[0].resize2d(size, interpolation);
            // A gradient sums over the outputs that read a pixel.
            let gradient = Bound::elementwise().floor(2e-6);
            op.add(
                sample(format!("{name}, {what}"), [x], resize)
                    .forward(Bound::elementwise().floor(1e-6))
                    .gradient(gradient)
                    .half(1),
            );
        };
        add("twice as large", input([2, 3, 5, 3]), [6, 10]);
        add("half as large", input([1, 6, 9, 2]), [3, 4]);
        add("one axis larger, one smaller", input([2, 5, 7, 1]), [7, 3]);
        add("a third, from a view", input([1, 7, 9, 4]).sliced(), [2, 3]);
        add("one pixel", input([3, 1, 1, 2]), [3, 2]);
        add("to one pixel", input([1, 4, 5, 2]).stored(Storage::Reversed), [1, 1]);
        add("as large", input([1, 3, 4, 5]), [3, 4]);
        add("large enough for every thread", input([2, 16, 16, 5]), [32, 27]);
        add("drawn", input([1, draw.extent(9), draw.extent(9), 2]), [draw.extent(20), draw.extent(20)]);
    }
    // Of PyTorch 2: `torch.nn.functional.interpolate` of 0, 10, 20 to 6, 2 and 5 columns, `nearest-exact` and
    // `bilinear` with `align_corners=False`. (Two columns are by the formula where the nearest pixel is a tie.)
    let written: [(Interpolation, &[f64]); 6] = [
        (Nearest, &[0.0, 0.0, 10.0, 10.0, 20.0, 20.0]),
        (Bilinear, &[0.0, 2.5, 7.5, 12.5, 17.5, 20.0]),
        (Nearest, &[0.0, 20.0]),
        (Bilinear, &[2.5, 17.5]),
        (Nearest, &[0.0, 0.0, 10.0, 20.0, 20.0]),
        (Bilinear, &[0.0, 4.0, 10.0, 16.0, 20.0]),
    ];
    for (interpolation, want) in written {
        let what = format!("{interpolation:?} to {}, written out", want.len());
        op.add(sample(what, [input([1, 1, 3, 1]).values([0.0, 10.0, 20.0]).fixed()], move |t| {
            let y = t[0].resize2d([1, want.len()], interpolation)?;
            for (y, want) in y.to_f64()?.into_iter().zip(want) {
                assert!((y - want).abs() < 1e-5, "{y}, {want} expected");
            }
            Ok(y)
        }));
    }
    // Pixels of weight 0 are not read.
    let with_nan = [1.0, f32::NAN, 3.0, 5.0];
    op.add(
        sample("nearest beside NaN", [input([1, 1, 4, 1]).values(with_nan)], |t| {
            t[0].resize2d([2, 8], Nearest)
        })
        .forward(Bound::exact())
        .no_differences("NaN"),
    );

    op.add_timed("resize", |sample| sample);

    op.refuse(refuse(
        "other axes",
        |d| ones(d, [3, 4])?.resize2d([2, 2], Nearest),
        |e| matches!(e, Error::Shape { op: "resize2d", .. }),
    ));
    for (what, size) in [("no rows", [0, 2]), ("more columns than kernels count", [1, 40_000])] {
        op.refuse(refuse(
            what,
            move |d| ones(d, [1, 2, 2, 1])?.resize2d(size, Bilinear),
            |e| matches!(e, Error::Argument { op: "resize2d", argument: "size", .. }),
        ));
    }
    op.refuse(refuse(
        "whole numbers",
        |d| Tensor::new(d, &[1u32], [1, 1, 1, 1])?.resize2d([2, 2], Nearest),
        |e| matches!(e, Error::DType { op: "resize2d", found: "u32", .. }),
    ));
    op
}
