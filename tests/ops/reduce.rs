//! Sums, means, maxima over any axes, and the place of the maximum.

use crate::harness::{Bound, Draw, Input, Op, Sample, input, ones, refuse, sample};
use allometry::{Error, Tensor};

/// How many terms each result has.
fn terms(input: &Input, axes: &[usize]) -> usize {
    let over = |axis: &usize| axes.is_empty() || axes.contains(axis);
    (0..input.shape.rank()).filter(over).map(|axis| input.shape[axis]).product()
}

fn sum(what: String, input: Input, axes: &[usize], keep: bool) -> Sample {
    let (count, axes) = (terms(&input, axes), axes.to_vec());
    let over = axes.clone();
    // The sum of absolute values is the product of the terms with ones.
    let bound = Bound::product(count, move |t| t[0].sum(&over, keep));
    sample(what, [input], move |t| t[0].sum(&axes, keep)).forward(bound).gradient(Bound::exact()).half(1)
}

fn mean(what: String, input: Input, axes: &[usize], keep: bool) -> Sample {
    let (count, axes) = (terms(&input, axes), axes.to_vec());
    let over = axes.clone();
    let bound = Bound::product(count, move |t| t[0].mean(&over, keep));
    let gradient = Bound::elementwise();
    sample(what, [input], move |t| t[0].mean(&axes, keep)).forward(bound).gradient(gradient).half(1)
}

fn max(what: String, input: Input, axes: &[usize], keep: bool) -> Sample {
    let axes = axes.to_vec();
    sample(what, [input], move |t| t[0].max(&axes, keep))
        .forward(Bound::exact())
        .gradient(Bound::elementwise())
        .half(0)
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    // Every set of axes of four; the empty one means all.
    for set in 0..16usize {
        let axes: Vec<usize> = (0..4).filter(|axis| set >> axis & 1 == 1).collect();
        let keep = draw.toss();
        let x = input([3, 5, 2, 7]);
        op.add(sum(format!("sum over {axes:?}"), x.clone(), &axes, keep));
        op.add(mean(format!("mean over {axes:?}"), x.clone(), &axes, !keep));
        op.add(max(format!("max over {axes:?}"), x.distinct(), &axes, keep));
    }
    // Axes in any order, views, ones.
    op.add(sum("sum, axes out of order".into(), input([3, 4, 5]), &[2, 0], true));
    op.add(sum("sum of a scalar".into(), input([]), &[], false));
    op.add(sum("sum, extents of 1".into(), input([1, 7, 1]), &[0, 2], false));
    op.add(sum("sum, transposed".into(), input([13, 31]).transposed(), &[1], false));
    op.add(mean("mean, sliced".into(), input([5, 7, 3]).sliced(), &[0, 1], false));
    op.add(mean("mean, repeated".into(), input([9, 5]).repeated(0), &[0], false));
    op.add(max("max, reversed".into(), input([4, 3, 5]).distinct().transposed(), &[2], true));
    op.add(
        max("max, negative".into(), input([5, 9]).uniform(-1e4, -1e3), &[1], false).no_differences("may tie"),
    );
    op.add(max("max, ties".into(), input([7, 9]).ties(), &[1], false).no_differences("kinks at ties"));
    op.add(
        max("max, ties over all".into(), input([7, 9]).ties(), &[], false).no_differences("kinks at ties"),
    );
    let shape = draw.shape(3, 30);
    let axis = draw.below(3);
    op.add(sum(format!("sum, drawn, over {axis}"), input(shape), &[axis], draw.toss()));
    // Long axes are cut into pieces; at 307,201 elements the last piece is empty.
    op.add(sum("sum of 70,000".into(), input([70_000]), &[], false));
    op.add(mean("mean of 3 × 70,001".into(), input([3, 70_001]), &[1], false));
    op.add(mean("mean of 70,001 × 3".into(), input([70_001, 3]), &[0], false));
    op.add(sum("sum of 307,201".into(), input([307_201]), &[0], false));
    op.add(sum("sum of 5 × 2,049 × 3".into(), input([5, 2049, 3]), &[1], true));
    op.add(max("max of 70,000".into(), input([70_000]).distinct(), &[], false));
    op.add(max("max of 2 × 9,001 × 2".into(), input([2, 9001, 2]).distinct(), &[1], false));
    // A workgroup per row on GPUs, and more rows than one dimension of workgroups holds.
    op.add(sum("65,601 rows".into(), input([65_601, 3]).fixed(), &[1], false));
    op.add(mean("rows longer than a workgroup".into(), input([5, 509]), &[1], false));

    let mut argmax = |what: &str, input: Input, axis: usize| {
        let function = move |t: &[Tensor]| t[0].argmax(axis);
        op.add(sample(format!("argmax, {what}"), [input.fixed()], function).forward(Bound::exact()).half(0));
    };
    argmax("last axis", input([7, 13]).distinct(), 1);
    argmax("first axis", input([7, 13]).distinct(), 0);
    argmax("middle axis, ties", input([5, 9, 3]).ties(), 1);
    argmax("one element", input([1]), 0);
    argmax("transposed", input([5, 11]).transposed(), 1);
    argmax("65,601 rows", input([65_601, 3]).ties(), 1);

    // As NumPy: NaN is the largest, and nothing is lower than minus infinity.
    let (nan, infinity) = (f32::NAN, f32::INFINITY);
    let values = [
        [1.0, nan, 2.0, nan],
        [-infinity; 4],
        [3.0, -infinity, infinity, 3.0],
        [-infinity, -1.0, -3e38, -2.0],
    ];
    let columns: Vec<f32> = (0..16).map(|i| values[i % 4][i / 4]).collect();
    for (axis, values) in [(1, values.concat()), (0, columns)] {
        let special = || input([4, 4]).values(values.clone());
        op.add(
            sample(format!("max along {axis}, not finite"), [special().fixed()], move |t| {
                let y = t[0].max(&[axis], false)?.to_f64()?;
                let [a, b, c, d] = y[..] else { panic!("four results") };
                let right = a.is_nan() && b == f64::NEG_INFINITY && c == f64::INFINITY && d == -1.0;
                assert!(right, "{y:?}");
                t[0].max(&[axis], false)
            })
            .half(0),
        );
        op.add(
            sample(format!("argmax along {axis}, not finite"), [special().fixed()], move |t| {
                let y = t[0].argmax(axis)?;
                assert_eq!(y.to_vec::<u32>()?, [1, 0, 2, 1]);
                Ok(y)
            })
            .forward(Bound::exact()),
        );
    }
    op.add_timed("reduce", |sample| sample);

    op.refuse(refuse(
        "an axis that is not there",
        |device| ones(device, [2, 3])?.sum(&[2], false),
        |e| matches!(e, Error::Argument { op: "sum", argument: "axis", .. }),
    ));
    op.refuse(refuse(
        "an axis twice",
        |device| ones(device, [2, 3])?.mean(&[1, 1], false),
        |e| matches!(e, Error::Argument { op: "mean", argument: "axes", .. }),
    ));
    op.refuse(refuse(
        "whole numbers",
        |device| Tensor::new(device, &[1u32, 2], [2])?.max(&[], false),
        |e| matches!(e, Error::DType { op: "max", found: "u32", .. }),
    ));
    op.refuse(refuse(
        "argmax of a scalar",
        |device| ones(device, [])?.argmax(0),
        |e| matches!(e, Error::Argument { op: "argmax", .. }),
    ));
    op
}
