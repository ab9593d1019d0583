//! Binary cross-entropy from logits, against the formula of `torch.nn.functional.binary_cross_entropy_with_logits`
//! written out for one number.

use crate::harness::{Bound, Draw, Op, input, ones, refuse, sample};
use allometry::Error;

/// The loss of a logit, by logarithms of both probabilities.
fn expected(x: f64, t: f64) -> f64 {
    t * (-x).exp().ln_1p() + (1.0 - t) * x.exp().ln_1p()
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    let bound = || Bound::elementwise().floor(1e-7);
    let logits = || input([17, 3]).uniform(-8.0, 8.0);
    let targets = || input([17, 3]).uniform(0.0, 1.0);
    let pairs = [("targets fixed", targets().fixed()), ("both differentiated", targets().transposed())];
    for (what, targets) in pairs {
        op.add(
            sample(what, [logits(), targets], |t| t[0].binary_cross_entropy(&t[1])).forward(bound()).half(3),
        );
    }
    op.add(
        sample(
            "rows of images",
            [input([1, draw.extent(9), 4, 2]).sliced(), input([1, 1, 1, 1]).fixed()],
            |t| t[0].binary_cross_entropy_rows(&t[1].broadcast_to(t[0].shape())?),
        )
        .forward(bound()),
    );
    // Certain and right, certain and wrong: where probabilities round to 0 and 1, each digit of the loss is there.
    let x = [-80.0, -20.0, -10.0, -1.0, 0.0, 1.0, 10.0, 20.0, 80.0];
    for t in [0.0, 1.0, 0.25] {
        let inputs = [input([9]).values(x).fixed(), input([9]).values([t; 9]).fixed()];
        op.add(sample(format!("written out, of {t}"), inputs, move |tensors| {
            let y = tensors[0].binary_cross_entropy_rows(&tensors[1])?;
            for (x, y) in x.iter().zip(y.to_f64()?) {
                let want = expected(f64::from(*x), t.into());
                assert!((y - want).abs() <= 1e-5 * want + 1e-37, "{x}: {y}, {want} expected");
            }
            Ok(y)
        }));
    }
    op.add(
        sample("far from zero", [input([99]).uniform(-90.0, 90.0), input([99]).ties().fixed()], |t| {
            // Targets 0 and 1.
            t[0].binary_cross_entropy_rows(&t[1].greater(&t[1].neg()?)?)
        })
        .forward(bound())
        .gradient(Bound::elementwise().floor(3e-7)),
    );
    let values = [f32::NAN, 1.0];
    op.add(sample("NaN", [input([2]).values(values).fixed(), input([2]).fixed()], |t| {
        t[0].binary_cross_entropy_rows(&t[1])
    }));

    op.refuse(refuse(
        "a column and a row",
        |device| ones(device, [4, 1])?.binary_cross_entropy(&ones(device, [4])?),
        |e| matches!(e, Error::Shape { op: "binary_cross_entropy", .. }),
    ));
    op.refuse(refuse(
        "scalars",
        |device| ones(device, [])?.binary_cross_entropy(&ones(device, [])?),
        |e| matches!(e, Error::Shape { op: "binary_cross_entropy", .. }),
    ));
    op
}
