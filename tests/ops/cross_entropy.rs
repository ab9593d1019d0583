//! Cross-entropy with integer labels.

use crate::harness::{Bound, Draw, Op, input, ones, refuse, sample};
use allometry::{Device, Error, Result, Tensor};

/// The loss of a row that is nearly certain is the difference of numbers of about 1.
fn of_loss() -> Bound {
    Bound::elementwise().floor(1e-6)
}

fn labels(device: &Device, values: &[u32]) -> Result<Tensor> {
    Tensor::new(device, values, [values.len()])
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    let loss = |name: &str, rows: usize, classes: usize, smoothing: f32, op: &mut Op| {
        let inputs = [input([rows, classes]).uniform(-4.0, 4.0), input([rows]).labels(classes)];
        op.add(
            sample(name, inputs.clone(), move |t| t[0].cross_entropy_rows(&t[1], smoothing))
                .forward(of_loss())
                .half(0),
        );
        let name = format!("{name}, mean");
        op.add(
            sample(name, inputs, move |t| t[0].cross_entropy(&t[1], smoothing)).forward(of_loss()).half(0),
        );
    };
    loss("ten classes", 33, 10, 0.0, &mut op);
    loss("smoothing", 33, 10, 0.1, &mut op);
    loss("nothing but smoothing", 5, 7, 1.0, &mut op);
    loss("one class", 3, 1, 0.1, &mut op);
    loss("one row", 1, 62, 0.0, &mut op);
    loss("more classes than a workgroup", 4, 203, 0.2, &mut op);
    loss("drawn", draw.extent(90), draw.extent(90), draw.uniform(0.0, 1.0), &mut op);
    op.add(
        sample(
            "more rows than workgroups in a dimension",
            [input([65_600, 2]), input([65_600]).labels(2)],
            |t| t[0].cross_entropy_rows(&t[1], 0.0),
        )
        .forward(of_loss()),
    );
    for smoothing in [0.0, 0.1] {
        op.add(
            sample(
                format!("large logits, smoothing {smoothing}"),
                [input([40, 13]).magnitudes(1e-4, 1e4).transposed(), input([40]).labels(13).rows()],
                move |t| t[0].cross_entropy_rows(&t[1], smoothing),
            )
            .forward(of_loss()),
        );
    }
    let ruled_out = [0.5, f32::NEG_INFINITY, -1.0, 2.0, 0.0, f32::NEG_INFINITY];
    op.add(
        sample("a class that is ruled out", [input([2, 3]).values(ruled_out)], |t| {
            t[0].cross_entropy_rows(&labels(t[0].device(), &[2, 0])?, 0.0)
        })
        .forward(of_loss())
        .no_differences("the logits are not finite"),
    );

    // Labels that are no class: NaN in that row, nothing else, and no read outside.
    let wrong = [1, 4, u32::MAX, 3];
    op.add(
        sample("labels that are no class", [input([4, 4]).fixed()], move |t| {
            t[0].cross_entropy_rows(&labels(t[0].device(), &wrong)?, 0.1)
        })
        .forward(of_loss()),
    );
    op.add(
        sample("labels that are no class, gradient", [input([4, 4]).fixed()], move |t| {
            let x = t[0].requires_grad();
            let loss = x.cross_entropy_rows(&labels(x.device(), &wrong)?, 0.1)?;
            let ones = Tensor::ones(x.device(), x.dtype(), [4])?;
            Ok(loss.backward_from(&ones)?.get(&x).expect("the loss depends on the logits").clone())
        })
        .forward(of_loss()),
    );

    op.add_timed("cross_entropy", |sample| sample.forward(of_loss()));

    op.refuse(refuse(
        "fewer labels than rows",
        |device| ones(device, [3, 4])?.cross_entropy(&labels(device, &[0, 1])?, 0.0),
        |e| matches!(e, Error::Shape { op: "cross_entropy", .. }),
    ));
    op.refuse(refuse(
        "logits of rank 3",
        |device| ones(device, [2, 3, 4])?.cross_entropy(&labels(device, &[0, 1])?, 0.0),
        |e| matches!(e, Error::Shape { op: "cross_entropy", .. }),
    ));
    op.refuse(refuse(
        "floats as labels",
        |device| ones(device, [2, 3])?.cross_entropy(&ones(device, [2])?, 0.0),
        |e| matches!(e, Error::DType { op: "cross_entropy", .. }),
    ));
    for smoothing in [-0.1, 1.5, f32::NAN] {
        op.refuse(refuse(
            "smoothing outside [0, 1]",
            move |device| ones(device, [2, 3])?.cross_entropy(&labels(device, &[0, 1])?, smoothing),
            |e| matches!(e, Error::Argument { op: "cross_entropy", argument: "smoothing", .. }),
        ));
    }
    op.refuse(refuse(
        "labels on another device",
        |device| ones(device, [2, 3])?.cross_entropy(&labels(&Device::cpu(), &[0, 1])?, 0.0),
        |e| matches!(e, Error::Placement { op: "cross_entropy", .. }),
    ));
    op
}
