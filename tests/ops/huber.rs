//! The Huber loss, against the formula of `torch.nn.functional.huber_loss` written out for one number.

use crate::harness::{Draw, Input, Op, Sample, input, ones, refuse, sample};
use allometry::{Error, Tensor};

/// The loss of a difference.
fn expected(d: f64, delta: f64) -> f64 {
    if d.abs() <= delta { 0.5 * d * d } else { delta * (d.abs() - 0.5 * delta) }
}

/// The mean over everything, which must be that of the formula.
fn mean(what: &str, inputs: [Input; 2], delta: f32) -> Sample {
    sample(format!("{what}, delta {delta}"), inputs, move |t: &[Tensor]| {
        let loss = t[0].huber(&t[1], delta)?;
        let (x, y) = (t[0].to_f64()?, t[1].to_f64()?);
        let want = x.iter().zip(&y).map(|(x, y)| expected(x - y, delta.into())).sum::<f64>() / x.len() as f64;
        let got = loss.to_f64()?[0];
        let bound = if t[0].dtype() == allometry::DType::F16 { 1e-2 } else { 1e-5 };
        assert!((got - want).abs() <= bound * want, "{got}, {want} expected");
        Ok(loss)
    })
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    for delta in [0.1, 1.0, 2.5] {
        let wide = || input([17, 3]).uniform(-3.0, 3.0);
        op.add(mean("both sides of the bend", [wide(), input([17, 3]).fixed()], delta).half(6));
    }
    op.add(mean("both differentiated", [input([5, 3]), input([5, 3]).transposed()], 0.5));
    op.add(mean("all squares", [input([9, 2]), input([9, 2])], 100.0));
    op.add(sample("rows of numbers", [input([19]), input([19])], |t| t[0].huber_rows(&t[1], 0.5)));
    op.add(sample("rows of images", [input([3, 5, 4, 2]), input([3, 5, 4, 2]).sliced()], |t| {
        t[0].huber_rows(&t[1], 0.5)
    }));
    let shape = draw.shape(3, 20);
    op.add(sample("drawn", [input(shape).uniform(-100.0, 100.0), input(shape)], |t| {
        t[0].huber_rows(&t[1], 30.0)
    }));
    // The slope is d up to the bend, ±delta from there on, and 0 at 0.
    let at = [-2.0, -0.5, 0.0, 0.5, 2.0];
    op.add(
        sample(
            "at zero and at the bend",
            [input([5]).values(at), input([5]).values([0.0; 5]).fixed()],
            |t| t[0].huber_rows(&t[1], 0.5),
        )
        .no_differences("the second derivative jumps"),
    );
    let values = [f32::NAN, 1.0, f32::NAN];
    op.add(sample("NaN", [input([3]).values(values).fixed(), input([3]).fixed()], |t| {
        t[0].huber_rows(&t[1], 1.0)
    }));

    op.refuse(refuse(
        "a column and a row",
        |device| ones(device, [4, 1])?.huber(&ones(device, [4])?, 1.0),
        |e| matches!(e, Error::Shape { op: "huber", .. }),
    ));
    op.refuse(refuse(
        "scalars",
        |device| ones(device, [])?.huber(&ones(device, [])?, 1.0),
        |e| matches!(e, Error::Shape { op: "huber", .. }),
    ));
    op.refuse(refuse(
        "a bend at zero",
        |device| ones(device, [4])?.huber(&ones(device, [4])?, 0.0),
        |e| matches!(e, Error::Argument { op: "huber", argument: "delta", .. }),
    ));
    op.refuse(refuse(
        "a bend that is no number",
        |device| ones(device, [4])?.huber(&ones(device, [4])?, f32::NAN),
        |e| matches!(e, Error::Argument { op: "huber", argument: "delta", .. }),
    ));
    op
}
