//! Functions of one number and constants.

use crate::harness::{Bound, Draw, Input, Op, input, ones, refuse, sample};
use allometry::{Error, Result, Tensor};

/// A function, with its name and points that its inputs keep away from.
type Case = (&'static str, fn(&Tensor) -> Result<Tensor>, &'static [f32]);

const CASES: &[Case] = &[
    ("clamp", |x| x.clamp(-0.75, 1.5), &[-0.75, 1.5]),
    ("clamp from below", |x| x.clamp(0.25, f32::INFINITY), &[0.25]),
    ("leaky_relu_with", |x| x.leaky_relu_with(0.2), &[0.0]),
    ("elu_with", |x| x.elu_with(1.5), &[0.0]),
    ("powf 3", |x| x.powf(3.0), &[]),
    ("powf 2", |x| x.powf(2.0), &[]),
    ("powf -1", |x| x.powf(-1.0), &[0.0]),
    ("powf 0", |x| x.powf(0.0), &[]),
];

fn without(points: &[f32], input: Input) -> Input {
    points.iter().fold(input, |input, &point| input.avoid(point, 0.05))
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    for &(name, function, kinks) in CASES {
        let apply = move |t: &[Tensor]| function(&t[0]);
        let mut add = |what: &str, input: Input| {
            let sample = sample(format!("{name}, {what}"), [without(kinks, input.uniform(-3.0, 3.0))], apply);
            op.add(sample.gradient(Bound::elementwise()).half(1));
        };
        add("odd extents", input([7, 13]));
        add("a view", input([5, draw.extent(9), 3]).sliced());
        let ends = [f32::INFINITY, f32::NEG_INFINITY, 0.0, f32::NAN];
        op.add(sample(format!("{name}, not finite"), [input([4]).values(ends).fixed()], apply));
        op.add(sample(
            format!("{name}, wide range"),
            [without(kinks, input([300]).magnitudes(1e-3, 1e4))],
            apply,
        ));
    }
    let mut add = |what: &str, x: Input| op.add(sample(what, [x], |t| t[0].clamp(-0.5, 0.5)));
    add("a scalar", input([]).values([0.75]));
    add("transposed", input([5, 7]).transposed());
    add("six axes, reversed", input([2, 3, 1, 2, 3, 2]).stored(crate::harness::Storage::Reversed));
    op.add(
        sample("powf 2.5", [input([draw.extent(90)]).uniform(0.1, 20.0)], |t| t[0].powf(2.5))
            .gradient(Bound::elementwise()),
    );

    op.add(
        sample("powf 3, large enough for every thread", [input([97, 93])], |t| t[0].powf(3.0))
            .gradient(Bound::elementwise()),
    );

    // Bounds have the derivative 1, zeros have that of the numbers below; NaN stays NaN.
    let at = |what: &str, values: &[f32], function: fn(&Tensor) -> Result<Tensor>, want: &'static [f32]| {
        let values = values.to_vec();
        sample(what, [input([values.len()]).values(values)], move |t| {
            let y = function(&t[0])?;
            for (i, (y, &want)) in y.to_f64()?.into_iter().zip(want).enumerate() {
                let want = f64::from(want);
                assert!(
                    (y - want).abs() <= 1e-6 || y == want || y.is_nan() && want.is_nan(),
                    "element {i} is {y}"
                );
            }
            Ok(y)
        })
        .no_differences("kinks")
    };
    const NAN: f32 = f32::NAN;
    op.add(at(
        "clamp, written out",
        &[-2.0, -1.0, 0.5, 1.0, 3.0, NAN],
        |x| x.clamp(-1.0, 1.0),
        &[-1.0, -1.0, 0.5, 1.0, 1.0, NAN],
    ));
    op.add(at(
        "leaky_relu_with, written out",
        &[-2.0, 0.0, 4.0, NAN],
        |x| x.leaky_relu_with(0.25),
        &[-0.5, 0.0, 4.0, NAN],
    ));
    op.add(at(
        "elu_with, written out",
        &[-1.0, 0.0, 4.0, NAN],
        |x| x.elu_with(2.0),
        &[-1.264_241_1, 0.0, 4.0, NAN],
    ));
    op.add(at(
        "powf, written out",
        &[4.0, 0.25, 0.0, -1.0, NAN],
        |x| x.powf(1.5),
        &[8.0, 0.125, 0.0, NAN, NAN],
    ));

    op.add_timed("parametric", |sample| sample);

    op.refuse(refuse(
        "a range that is none",
        |device| ones(device, [2])?.clamp(1.0, -1.0),
        |e| matches!(e, Error::Argument { op: "clamp", argument: "range", .. }),
    ));
    op.refuse(refuse(
        "a bound that is NaN",
        |device| ones(device, [2])?.clamp(f32::NAN, 1.0),
        |e| matches!(e, Error::Argument { op: "clamp", .. }),
    ));
    op.refuse(refuse(
        "an infinite exponent",
        |device| ones(device, [2])?.powf(f32::INFINITY),
        |e| matches!(e, Error::Argument { op: "powf", argument: "exponent", .. }),
    ));
    op.refuse(refuse(
        "an infinite slope",
        |device| ones(device, [2])?.leaky_relu_with(f32::NEG_INFINITY),
        |e| matches!(e, Error::Argument { op: "leaky_relu_with", argument: "slope", .. }),
    ));
    op.refuse(refuse(
        "a scale that is NaN",
        |device| ones(device, [2])?.elu_with(f32::NAN),
        |e| matches!(e, Error::Argument { op: "elu_with", argument: "scale", .. }),
    ));
    op.refuse(refuse(
        "whole numbers",
        |device| Tensor::new(device, &[1u32, 2], [2])?.clamp(0.0, 1.0),
        |e| matches!(e, Error::DType { op: "clamp", found: "u32", .. }),
    ));
    op
}
