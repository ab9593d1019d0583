//! Functions of two numbers.

use crate::harness::{Bound, Draw, Input, Op, input, ones, refuse, sample};
use allometry::ops::binary::Binary;
use allometry::{Device, Error, Tensor};

/// The two operands where the function is smooth.
fn operands(function: Binary, a: Input, b: Input) -> [Input; 2] {
    match function {
        Binary::Div => [a.magnitudes(1e-2, 1e3), b.magnitudes(1e-2, 1e3)],
        Binary::Max | Binary::Min => [a.distinct(), b.interleaved()],
        Binary::Add | Binary::Sub | Binary::Mul => [a.magnitudes(1e-3, 1e4), b.magnitudes(1e-3, 1e4)],
        Binary::Pow | Binary::PowSlope | Binary::PowLogarithm => {
            let [a, b] = [a.uniform(0.2, 3.0), b.uniform(-3.0, 3.0)];
            if function == Binary::Pow { [a, b] } else { [a.fixed(), b.fixed()] }
        }
        Binary::BinaryCrossEntropy => [a.uniform(-8.0, 8.0), b.uniform(0.0, 1.0)],
        Binary::BinaryCrossEntropySlope => [a.uniform(-8.0, 8.0).fixed(), b.uniform(0.0, 1.0).fixed()],
        // Steps: there is no gradient, and ties are what has to be right.
        _ => [a.ties().fixed(), b.ties().fixed()],
    }
}

fn is_step(function: Binary) -> bool {
    function as u32 >= Binary::Greater as u32 && function as u32 <= Binary::Share as u32
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    for &function in Binary::ALL {
        let name = function.name();
        let apply = move |t: &[Tensor]| t[0].combine(function, &t[1]);
        let forward = || match function {
            _ if is_step(function) => Bound::exact(),
            // The logarithm crosses zero at 1, where its argument's rounding is all that is left of it.
            Binary::PowLogarithm => Bound::elementwise().floor(1e-6),
            // A difference of numbers of up to 1.
            Binary::BinaryCrossEntropySlope => Bound::elementwise().floor(3e-7),
            _ => Bound::elementwise(),
        };
        let gradient = || match function {
            Binary::BinaryCrossEntropy => Bound::elementwise().floor(3e-7),
            Binary::Pow => Bound::elementwise().floor(1e-5),
            _ => Bound::elementwise(),
        };
        // One shape: the gradient is elementwise too.
        let mut same = |what: &str, a: Input, b: Input| {
            let sample = sample(format!("{name}, {what}"), operands(function, a, b), apply);
            op.add(sample.forward(forward()).gradient(gradient()));
        };
        same("odd extents", input([7, 13]), input([7, 13]));
        same("transposed and sliced", input([5, 11]).transposed(), input([5, 11]).sliced());
        // Broadcast: the gradient is summed over what was repeated.
        let mut wide = |what: &str, a: Input, b: Input| {
            op.add(sample(format!("{name}, {what}"), operands(function, a, b), apply).forward(forward()));
        };
        wide("both broadcast", input([7, 1, 5]), input([3, 1]));
    }

    for function in [Binary::Add, Binary::Mul, Binary::Div, Binary::Max, Binary::Min] {
        let operands = [input([7, 13]).uniform(0.5, 2.0), input([13]).uniform(0.5, 2.0)];
        op.add(
            sample(format!("{}, near one", function.name()), operands, move |t| {
                t[0].combine(function, &t[1])
            })
            .no_differences("may tie")
            .half(1),
        );
    }

    let mut add = |what: &str, a: Input, b: Input| {
        op.add(sample(what, [a, b], |t| t[0].sub(&t[1])).half(1));
    };
    add("two scalars", input([]), input([]));
    add("a scalar and a matrix", input([]), input([5, 7]));
    add("a row for every row", input([31, 17]), input([17]));
    add("a column for every column", input([31, 17]), input([31, 1]));
    add("six axes", input([2, 1, 3, 1, 2, 1]), input([3, 1, 2, 1, 5]));
    add("repeated views", input([5, 7]).repeated(0), input([5, 7]).repeated(1));
    let shape = draw.shape(4, 6);
    let (a, b) = (draw.below(4), draw.below(4));
    add("drawn", input(shape.with(a, 1)), input(shape.with(b, 1)).sliced());

    for (name, function) in [("maximum", Binary::Max), ("minimum", Binary::Min)] {
        op.add(
            sample(format!("{name}, ties"), [input([9, 7]).ties(), input([9, 7]).ties()], move |t| {
                t[0].combine(function, &t[1])
            })
            .forward(Bound::exact())
            .no_differences("a kink wherever the two meet"),
        );
    }
    // A number that was overwritten with itself would not show; the same tensor on both sides must not either.
    op.add(sample("a tensor with itself", [input([7, 5]).transposed()], |t| t[0].mul(&t[0])));
    op.add(sample("an operand and its part", [input([6, 5])], |t| t[0].mul(&t[0].slice(0, 2..3)?)));
    op.add(
        sample(
            "division by zero",
            [input([3]).values([1.0, -2.0, 3.0]), input([3]).values([0.0, 0.0, 1.0])],
            |t| t[0].div(&t[1]),
        )
        .no_differences("not defined there"),
    );

    // IEEE 754's powers of zero, of one, of negative numbers, and those that are not finite.
    let base = [
        0.0,
        -0.0,
        0.0,
        0.0,
        -0.0,
        1.0,
        -1.0,
        -2.0,
        -2.0,
        -2.0,
        -8.0,
        3.0,
        f32::NAN,
        1.0,
        f32::NAN,
        2.0,
        1e30,
    ];
    let exponent = [
        0.0,
        3.0,
        2.5,
        -1.0,
        -3.0,
        1e30,
        7.0,
        3.0,
        -2.0,
        0.5,
        1.0 / 3.0,
        0.0,
        0.0,
        f32::NAN,
        2.0,
        f32::NAN,
        2.0,
    ];
    op.add(sample(
        "pow, special cases",
        [input([17]).values(base).fixed(), input([17]).values(exponent).fixed()],
        move |t| {
            let y = t[0].pow(&t[1])?;
            for ((a, b), y) in base.iter().zip(exponent).zip(y.to_f64()?) {
                let want = f64::from(*a).powf(b.into()) as f32;
                let near = (y - f64::from(want)).abs() <= 1e-5 * f64::from(want.abs());
                let same = y == f64::from(want) || y.is_nan() && want.is_nan() || near;
                assert!(same || y > f64::from(f32::MAX), "{a}^{b} = {y}, {want} expected");
            }
            Ok(y)
        },
    ));
    op.add(
        sample(
            "pow, gradients at zero",
            [input([4]).values([0.0, 0.0, 2.0, 0.0]), input([4]).values([2.0, 0.0, 0.0, 1.0])],
            |t| t[0].pow(&t[1]),
        )
        .no_differences("powers of numbers below zero are not defined"),
    );

    // NaN is the larger and the smaller number, on either side.
    let (nan, infinity) = (f32::NAN, f32::INFINITY);
    let (a, b) = ([nan, 1.0, nan, infinity, -infinity, -infinity], [1.0, nan, nan, 1.0, 1.0, infinity]);
    for function in Binary::ALL.iter().copied().filter(|function| *function as u32 <= Binary::Share as u32) {
        let inputs = [input([6]).values(a).fixed(), input([6]).values(b).fixed()];
        op.add(sample(format!("{}, not finite", function.name()), inputs, move |t| {
            t[0].combine(function, &t[1])
        }));
    }
    op.add_timed("binary", |sample| sample);

    op.refuse(refuse(
        "extents that don't broadcast",
        |device| ones(device, [2, 3])?.add(&ones(device, [2, 4])?),
        |e| matches!(e, Error::Shape { op: "add", .. }),
    ));
    op.refuse(refuse(
        "whole numbers",
        |device| ones(device, [2])?.mul(&Tensor::new(device, &[1u32, 2], [2])?),
        |e| matches!(e, Error::DType { op: "mul", found: "u32", .. }),
    ));
    op.refuse(refuse(
        "two devices",
        |device| ones(device, [2])?.sub(&ones(&Device::cpu(), [2])?),
        |e| matches!(e, Error::Placement { op: "sub", .. }),
    ));
    op.refuse(refuse(
        "the gradient of a step",
        |device| {
            let x = ones(device, [2])?.requires_grad();
            let step = x.greater(&ones(device, [2])?)?;
            step.backward_from(&ones(device, [2])?)?;
            Ok(step)
        },
        |e| matches!(e, Error::Graph(_)),
    ));
    op
}
