//! Elements at indices along an axis, and rows of one 1.

use crate::harness::{Bound, Draw, Input, Op, Storage, input, ones, refuse, sample};
use allometry::{DType, Device, Error, Result, Tensor};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    let mut add = |what: &str, x: Input, axis: usize, indices: Input| {
        let extent = x.shape[axis];
        let gather = move |t: &[Tensor]| t[0].gather(axis, &t[1]);
        op.add(
            sample(what, [x, indices.labels(extent)], gather)
                .forward(Bound::exact())
                .gradient(Bound::elementwise().floor(1e-6))
                .half(0),
        );
    };
    add("rows", input([7, 5]), 0, input([11]));
    add("columns", input([3, 13]), 1, input([4]));
    add("the middle, indices of two axes", input([3, 5, 2]), 1, input([2, 3]));
    add("a view, indices in another order", input([5, 7, 3]).sliced(), 1, input([4, 3]).transposed());
    add("one index, which drops the axis", input([3, 5]).transposed(), 1, input([]));
    add("a batch of one", input([1, 9]), 0, input([3]));
    add("large enough for every thread", input([2, 90, 130]), 1, input([260]));
    add("drawn", input(draw.shape(3, 7)).stored(Storage::Reversed), draw.below(3), input([draw.extent(9)]));

    let index = |device: &Device, values: &[u32]| Tensor::new(device, values, [values.len()]);
    op.add(
        sample("beyond the extent", [input([3, 2])], move |t| {
            t[0].gather(0, &index(t[0].device(), &[2, 3, 0])?)
        })
        .forward(Bound::exact())
        .no_differences("NaN"),
    );
    op.add(
        sample("written out", [input([3]).values([10.0, 20.0, 30.0]).fixed()], move |t| {
            let y = t[0].gather(0, &index(t[0].device(), &[2, 0, 2])?)?;
            assert_eq!(y.to_f64()?, [30.0, 10.0, 30.0]);
            Ok(y)
        })
        .forward(Bound::exact()),
    );
    for (what, shape) in
        [("of rows", input([7])), ("of a matrix", input([2, 3])), ("of one label", input([]))]
    {
        let function = |t: &[Tensor]| t[0].one_hot(5, DType::F32);
        // One label in six is beyond the classes.
        op.add(
            sample(format!("one_hot {what}"), [shape.labels(6)], function).forward(Bound::exact()).half(0),
        );
    }
    op.add(
        sample("one_hot, written out", [input([1]).fixed()], move |t| {
            let y = index(t[0].device(), &[1, 3, 0])?.one_hot(3, DType::F32)?;
            assert_eq!(y.to_f64()?, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
            Ok(y)
        })
        .forward(Bound::exact()),
    );

    op.add_timed("gather", |sample| sample);

    let of = |x: Result<Tensor>, axis, values: &[u32]| {
        let x = x?;
        x.gather(axis, &Tensor::new(x.device(), values, [values.len()])?)
    };
    op.refuse(refuse(
        "an axis that is not there",
        move |d| of(ones(d, [2, 3]), 2, &[0]),
        |e| matches!(e, Error::Argument { op: "gather", argument: "axis", .. }),
    ));
    op.refuse(refuse(
        "indices that are no whole numbers",
        |d| ones(d, [2, 3])?.gather(0, &ones(d, [2])?),
        |e| matches!(e, Error::DType { op: "gather", found: "f32", .. }),
    ));
    op.refuse(refuse(
        "indices on another device",
        |d| ones(d, [2])?.gather(0, &Tensor::new(&Device::cpu(), &[0u32], [1])?),
        |e| matches!(e, Error::Placement { op: "gather", .. }),
    ));
    op.refuse(refuse(
        "more than six axes",
        |d| ones(d, [1; 6])?.gather(0, &Tensor::new(d, &[0u32], [1, 1])?),
        |e| matches!(e, Error::Argument { .. }),
    ));
    op.refuse(refuse(
        "one_hot of numbers",
        |d| ones(d, [2])?.one_hot(3, DType::F32),
        |e| matches!(e, Error::DType { op: "one_hot", found: "f32", .. }),
    ));
    op.refuse(refuse(
        "one_hot in whole numbers",
        |d| Tensor::new(d, &[0u32], [1])?.one_hot(3, DType::U32),
        |e| matches!(e, Error::DType { op: "one_hot", found: "u32", .. }),
    ));
    op.refuse(refuse(
        "one_hot of no classes",
        |d| Tensor::new(d, &[0u32], [1])?.one_hot(0, DType::F32),
        |e| matches!(e, Error::Shape { op: "one_hot", .. }),
    ));
    op
}
