//! Reshape, permute, slice, broadcast, concat: elements keep their bits, and so do gradients.

use crate::harness::{Bound, Draw, Input, Op, Storage, input, ones, refuse, sample};
use allometry::{Error, Result, Tensor};

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    let mut add = |what: &str, input: Input, f: fn(&[Tensor]) -> Result<Tensor>| {
        op.add(sample(what, [input], f).forward(Bound::exact()).gradient(Bound::exact()).half(0));
    };
    add("reshape", input([6, 5]), |t| t[0].reshape([3, 10]));
    add("reshape, transposed", input([6, 5]).transposed(), |t| t[0].reshape([10, 3]));
    add("reshape, sliced", input([6, 5]).sliced(), |t| t[0].reshape([2, 3, 5, 1]));
    add("reshape to a scalar", input([1, 1]), |t| t[0].reshape([]));
    add("flatten", input([3, 4, 5]).stored(Storage::Reversed), |t| t[0].flatten());
    add("permute, six axes", input([2, 3, 1, 4, 2, 3]), |t| t[0].permute(&[3, 0, 5, 2, 4, 1]));
    add("permute, sliced", input([5, 3, 4]).sliced(), |t| t[0].permute(&[2, 0, 1]));
    add("transpose", input([4, 7, 3]), |t| t[0].transpose());
    add("slice, first axis", input([7, 5]), |t| t[0].slice(0, 2..5));
    add("slice, last axis", input([7, 5]), |t| t[0].slice(1, 4..5));
    add("slice of a slice", input([7, 9, 5]).sliced(), |t| {
        t[0].slice(1, 1..8)?.slice(1, 2..5)?.slice(2, 1..3)
    });
    add("slice of a transpose", input([7, 9]), |t| t[0].transpose()?.slice(0, 3..8));
    add("slices that overlap", input([9, 4]), |t| {
        Tensor::concat(&[&t[0].slice(0, 0..5)?, &t[0].slice(0, 5..9)?], 0)
    });

    // A broadcast's gradient is a sum.
    let mut stretch = |what: &str, input: Input, f: fn(&[Tensor]) -> Result<Tensor>| {
        op.add(sample(what, [input], f).forward(Bound::exact()).half(0));
    };
    stretch("broadcast a scalar", input([]), |t| t[0].broadcast_to([5, 7]));
    stretch("broadcast a row", input([7]), |t| t[0].broadcast_to([3, 5, 7]));
    stretch("broadcast the middle", input([4, 1, 3]).sliced(), |t| t[0].broadcast_to([2, 4, 5, 3]));
    stretch("broadcast, then reshape", input([4, 1]), |t| t[0].broadcast_to([4, 6])?.reshape([8, 3]));

    for axis in 0..3 {
        let (a, b, c) = (draw.extent(5), draw.extent(5), draw.extent(5));
        let part = |extent: usize| input(allometry::Shape::from([4, 3, 5]).with(axis, extent));
        let concat = move |t: &[Tensor]| Tensor::concat(&[&t[0], &t[1], &t[2]], axis);
        op.add(
            sample(format!("concat along {axis}"), [part(a), part(b).transposed(), part(c).sliced()], concat)
                .forward(Bound::exact())
                .gradient(Bound::exact()),
        );
    }
    op.add(
        sample("concat with a part that has no gradient", [input([2, 3]), input([1, 3]).fixed()], |t| {
            Tensor::concat(&[&t[1], &t[0]], 0)
        })
        .forward(Bound::exact())
        .gradient(Bound::exact()),
    );
    op.add(sample("concat of one twice", [input([3, 2])], |t| Tensor::concat(&[&t[0], &t[0]], 1)));

    for axis in 0..3 {
        let stack = move |t: &[Tensor]| Tensor::stack(&[&t[0], &t[1], &t[0]], axis);
        op.add(
            sample(format!("stack as axis {axis}"), [input([3, 4]), input([3, 4]).transposed()], stack)
                .forward(Bound::exact())
                .half(0),
        );
    }
    op.add(
        sample("stack scalars", [input([]), input([])], |t| Tensor::stack(&[&t[1], &t[0]], 0))
            .forward(Bound::exact()),
    );
    op.add(
        sample("split and joined the other way", [input([2, 9, 3]).sliced()], |t| {
            let parts = t[0].split(1, &[4, 1, 4])?;
            Tensor::concat(&[&parts[2], &parts[0]], 2)?.add(&Tensor::concat(&[&parts[1], &parts[1]], 2)?)
        })
        .half(1),
    );

    let argument = |what, attempt: fn(&allometry::Device) -> Result<Tensor>| {
        refuse(what, attempt, |e| matches!(e, Error::Argument { .. }))
    };
    let shape = |what, attempt: fn(&allometry::Device) -> Result<Tensor>| {
        refuse(what, attempt, |e| matches!(e, Error::Shape { .. }))
    };
    op.refuse(shape("another number of elements", |d| ones(d, [2, 3])?.reshape([7])));
    op.refuse(shape("flatten a scalar", |d| ones(d, [])?.flatten()));
    op.refuse(argument("permute with an axis twice", |d| ones(d, [2, 3])?.permute(&[0, 0])));
    op.refuse(argument("permute with an axis missing", |d| ones(d, [2, 3])?.permute(&[1])));
    op.refuse(shape("transpose a vector", |d| ones(d, [3])?.transpose()));
    op.refuse(argument("slice past the end", |d| ones(d, [2, 3])?.slice(1, 2..4)));
    op.refuse(argument("an empty slice", |d| ones(d, [2, 3])?.slice(1, 2..2)));
    // Written from the larger to the smaller on purpose.
    #[allow(clippy::reversed_empty_ranges)]
    op.refuse(argument("a slice backwards", |d| ones(d, [2, 3])?.slice(1, 2..1)));
    op.refuse(argument("slice an axis that is not there", |d| ones(d, [2, 3])?.slice(2, 0..1)));
    op.refuse(shape("broadcast to less", |d| ones(d, [2, 3])?.broadcast_to([3])));
    op.refuse(shape("broadcast to nothing", |d| ones(d, [1, 3])?.broadcast_to([0, 3])));
    op.refuse(shape("broadcast 3 to 4", |d| ones(d, [3])?.broadcast_to([4])));
    op.refuse(argument("concat nothing", |_| Tensor::concat(&[], 0)));
    op.refuse(shape("concat other extents", |d| Tensor::concat(&[&ones(d, [2, 3])?, &ones(d, [2, 4])?], 0)));
    op.refuse(shape("concat other ranks", |d| Tensor::concat(&[&ones(d, [2, 3])?, &ones(d, [2])?], 0)));
    op.refuse(argument("concat along no axis", |d| Tensor::concat(&[&ones(d, [2])?], 1)));
    op.refuse(argument("stack nothing", |_| Tensor::stack(&[], 0)));
    op.refuse(argument("stack beyond the rank", |d| Tensor::stack(&[&ones(d, [2])?], 2)));
    op.refuse(argument("stack to seven axes", |d| Tensor::stack(&[&ones(d, [1; 6])?], 0)));
    op.refuse(shape("stack other shapes", |d| Tensor::stack(&[&ones(d, [2])?, &ones(d, [3])?], 0)));
    op.refuse(argument("split into less", |d| Ok(ones(d, [5])?.split(0, &[2, 2])?[0].clone())));
    op.refuse(argument("split with an empty part", |d| Ok(ones(d, [5])?.split(0, &[5, 0])?[0].clone())));
    op.refuse(argument("split an axis that is not there", |d| Ok(ones(d, [5])?.split(1, &[5])?[0].clone())));
    op.refuse(refuse(
        "concat whole numbers",
        |d| Tensor::concat(&[&Tensor::new(d, &[1u32], [1])?], 0),
        |e| matches!(e, Error::DType { op: "concat", .. }),
    ));
    op
}
