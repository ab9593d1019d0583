//! Sums of losses and of right answers.

use crate::harness::{Draw, Op, input, ones, refuse, sample};
use allometry::train::metric::{add_classification, add_losses};
use allometry::{DType, Error, Result, Tensor};

/// Three pairs of sums after batches that went to the first, the last and the first.
fn classified(t: &[Tensor]) -> Result<Tensor> {
    let sums = Tensor::zeros(t[0].device(), t[0].dtype(), [3, 2])?;
    for pair in [0, 2, 0] {
        add_classification(&sums, pair, &t[0], &t[1], &t[2])?;
    }
    Ok(sums)
}

fn summed(t: &[Tensor]) -> Result<Tensor> {
    let sums = Tensor::ones(t[0].device(), t[0].dtype(), [3, 2])?;
    for pair in [1, 1, 2] {
        add_losses(&sums, pair, &t[0])?;
    }
    Ok(sums)
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    let drawn = draw.extent(2000);
    for (name, rows, classes) in [
        ("ten classes", 64, 10),
        ("one row", 1, 3),
        ("one class", 5, 1),
        ("more rows than a workgroup", 777, 13),
        ("drawn", drawn, 7),
    ] {
        let losses = || input([rows]).uniform(0.0, 5.0).fixed();
        let labels = || input([rows]).labels(classes);
        let logits = || input([rows, classes]).fixed();
        op.add(sample(name, [losses(), logits(), labels()], classified));
        // The first of equal logits counts as the largest.
        // f16 logits beside f32 losses; small whole numbers are the same in both.
        op.add(sample(format!("{name}, 16-bit logits"), [losses(), logits().ties(), labels()], |t| {
            let half = t[1].dtype() == DType::F32;
            let logits = if half { t[1].cast(DType::F16)? } else { t[1].clone() };
            classified(&[t[0].clone(), logits, t[2].clone()])
        }));
        op.add(sample(format!("{name}, ties"), [losses(), logits().ties(), labels()], classified));
        op.add(sample(
            format!("{name}, views"),
            [losses().rows(), logits().transposed(), labels().rows()],
            classified,
        ));
        op.add(sample(format!("{name}, losses only"), [losses()], summed));
    }

    let labels = |device: &_| Tensor::new(device, &[0u32, 1], [2]);
    op.refuse(refuse(
        "logits of another number of rows",
        move |device| {
            let sums = ones(device, [1, 2])?;
            add_classification(&sums, 0, &ones(device, [2])?, &ones(device, [3, 2])?, &labels(device)?)?;
            Ok(sums)
        },
        |e| matches!(e, Error::Shape { op: "metric", .. }),
    ));
    op.refuse(refuse(
        "floats as labels",
        |device| {
            let sums = ones(device, [1, 2])?;
            add_classification(&sums, 0, &ones(device, [2])?, &ones(device, [2, 2])?, &ones(device, [2])?)?;
            Ok(sums)
        },
        |e| matches!(e, Error::DType { op: "metric", .. }),
    ));
    op.refuse(refuse(
        "sums of another extent",
        |device| {
            let sums = ones(device, [3])?;
            add_losses(&sums, 0, &ones(device, [4])?)?;
            Ok(sums)
        },
        |e| matches!(e, Error::Shape { op: "metric", .. }),
    ));
    op.refuse(refuse(
        "a pair beyond the last",
        |device| {
            let sums = ones(device, [3, 2])?;
            add_losses(&sums, 3, &ones(device, [4])?)?;
            Ok(sums)
        },
        |e| matches!(e, Error::Argument { op: "metric", argument: "pair", .. }),
    ));
    op
}
