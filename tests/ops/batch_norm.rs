//! Batch normalization: statistics of the batch and given ones, and the update of running statistics. With it, how
//! kernels divide rows of channels (src/ops/columns.rs).

use crate::harness::{Bound, Draw, Input, Op, Sample, input, ones, refuse, sample};
use allometry::ops::Function::{self, HardSwish, Linear, Relu, Relu6, Silu, Tanh};
use allometry::ops::batch_norm::updated_statistics;
use allometry::{DType, Error, Result, Shape, Tensor};

const EPSILON: f32 = 1e-5;

/// Normalised values have a size of about 1, and so has the rounding of those near 0.
fn of_normalized() -> Bound {
    Bound::elementwise().floor(4e-6)
}

/// x, γ and β.
fn operands(x: Input) -> Vec<Input> {
    let channels = x.shape[x.shape.rank() - 1];
    vec![x, input([channels]).uniform(0.5, 1.5), input([channels])]
}

fn apply(t: &[Tensor], function: Function) -> Result<Tensor> {
    t[0].batch_norm(&t[1], &t[2], EPSILON, function).map(|normalized| normalized.output)
}

/// Mean and variance, after x, γ and β.
fn apply_given(t: &[Tensor], function: Function) -> Result<Tensor> {
    let statistics = [&t[3], &t[4]].map(|statistic| statistic.cast(t[0].dtype().of_sums()));
    let [mean, variance] = statistics;
    t[0].batch_norm_with([&mean?, &variance?], [&t[1], &t[2]], EPSILON, function)
}

fn given(x: Input) -> Vec<Input> {
    let channels = x.shape[x.shape.rank() - 1];
    let mut inputs = operands(x);
    inputs.push(input([channels]).fixed());
    inputs.push(input([channels]).uniform(0.2, 2.0).fixed());
    inputs
}

fn kinked(sample: Sample, function: Function) -> Sample {
    match function {
        Relu | Relu6 => sample.no_differences("a kink"),
        _ => sample,
    }
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    for (name, x) in [
        ("a matrix", input([7, 5])),
        ("images, odd extents", input([3, 5, 7, 9])),
        ("one image", input([1, 5, 4, 3])),
        ("one channel", input([67, 1])),
        ("one row", input([1, 6])),
        ("more channels than a block", input([13, 130])),
        ("several pieces", input([5, 19, 17, 12])),
        ("a transposed view", input([11, 6]).transposed()),
        ("a sliced view", input([2, 5, 4, 6]).sliced()),
        ("the same row again and again", input([9, 4]).repeated(1)),
    ] {
        let sample = sample(name, operands(x), |t| apply(t, Linear)).forward(of_normalized());
        op.add(sample.half(1));
    }
    for function in [Relu, Relu6, Tanh, Silu, HardSwish] {
        let inputs = operands(input([2, 6, 5, 8]).uniform(-3.0, 3.0));
        let name = format!("with {}", function.name());
        let sample = sample(name, inputs, move |t| apply(t, function)).forward(of_normalized()).half(1);
        op.add(kinked(sample, function));
        let inputs = given(input([3, 4, 6]).uniform(-3.0, 3.0));
        let name = format!("given statistics, with {}", function.name());
        let sample = sample_of_given(name, inputs, function);
        op.add(kinked(sample, function));
    }
    op.add(sample_of_given("given statistics".into(), given(input([7, 5]).transposed()), Linear));
    // The gradient arrives at two ops, so it is not overwritten.
    op.add(
        sample("a shared gradient", operands(input([9, 4])), |t| {
            let normalized = apply(t, Tanh)?;
            normalized.add(&t[0])
        })
        .forward(of_normalized()),
    );
    op.add(
        sample(
            "only x differentiated",
            operands(input([9, 4]))
                .into_iter()
                .enumerate()
                .map(|(i, operand)| if i == 0 { operand } else { operand.fixed() })
                .collect::<Vec<_>>(),
            |t| apply(t, Tanh),
        )
        .forward(of_normalized()),
    );
    op.add(
        sample("only γ and β differentiated", operands(input([9, 4]).fixed()), |t| apply(t, Tanh))
            .forward(of_normalized()),
    );
    let fixed = |x| operands(x).into_iter().map(Input::fixed).collect::<Vec<_>>();
    // A mean 4,000 times the deviation: E[x²] − E[x]² would have no digit left. What x itself is rounded to remains.
    op.add(
        sample("far from 0", fixed(input([4001, 3]).uniform(1999.0, 2001.0)), |t| apply(t, Linear))
            .forward(of_normalized().floor(1e-3)),
    );
    let (rows, channels) = (draw.extent(300) + 1, draw.extent(90));
    op.add(
        sample("drawn", operands(input([rows, channels]).uniform(-2.0, 5.0)), |t| apply(t, Tanh))
            .forward(of_normalized()),
    );

    let statistics = |t: &[Tensor]| t[0].batch_norm(&t[1], &t[2], EPSILON, Linear);
    // It is near 0, and what it is the mean of is not.
    op.add(
        sample("the mean", fixed(input([4001, 3])), move |t| statistics(t).map(|normalized| normalized.mean))
            .forward(Bound::elementwise().floor(1e-6))
            .half(0),
    );
    op.add(
        sample("the variance", fixed(input([4001, 3]).uniform(99.0, 101.0)), move |t| {
            statistics(t).map(|normalized| normalized.variance)
        })
        .half(0),
    );
    for (i, name) in ["running mean", "running variance"].into_iter().enumerate() {
        let statistics = [5; 4].map(|channels| input([channels]).uniform(0.1, 2.0).fixed());
        op.add(sample(name, statistics, move |t| {
            updated_statistics([&t[0], &t[1]], [&t[2], &t[3]], 24, 0.9).map(|new| new[i].clone())
        }));
    }

    op.add_timed("batch_norm", |sample| sample.forward(of_normalized()));

    let refused = |what, shapes: [Shape; 3], expected| {
        refuse(
            what,
            move |device| {
                let [x, gamma, beta] = shapes;
                apply(&[ones(device, x)?, ones(device, gamma)?, ones(device, beta)?], Linear)
            },
            expected,
        )
    };
    let is_shape = |e: &Error| matches!(e, Error::Shape { op: "batch_norm", .. });
    op.refuse(refused("a vector", [[4].into(), [4].into(), [4].into()], is_shape));
    op.refuse(refused("too few γ", [[5, 4].into(), [3].into(), [4].into()], is_shape));
    op.refuse(refused("a matrix of β", [[5, 4].into(), [4].into(), [1, 4].into()], is_shape));
    op.refuse(refuse(
        "an epsilon of 0",
        |device| {
            let c = ones(device, [4])?;
            ones(device, [3, 4])?.batch_norm(&c, &c, 0.0, Linear).map(|normalized| normalized.output)
        },
        |e| matches!(e, Error::Argument { op: "batch_norm", argument: "epsilon", .. }),
    ));
    op.refuse(refuse(
        "labels",
        |device| {
            let c = ones(device, [2])?;
            apply(&[Tensor::new(device, &[1u32, 2], [1, 2])?, c.clone(), c], Linear)
        },
        |e| matches!(e, Error::DType { op: "batch_norm", found: "u32", .. }),
    ));
    op.refuse(refuse(
        "statistics in another type",
        |device| {
            let c = ones(device, [4])?;
            let mean = c.cast(DType::F16)?;
            ones(device, [3, 4])?.batch_norm_with([&mean, &c], [&c, &c], EPSILON, Linear)
        },
        |e| matches!(e, Error::DType { op: "batch_norm", found: "f16", .. }),
    ));
    op.refuse(refuse(
        "running statistics of other channels",
        |device| {
            let (c, other) = (ones(device, [4])?, ones(device, [5])?);
            updated_statistics([&c, &c], [&c, &other], 3, 0.9).map(|new| new[0].clone())
        },
        is_shape,
    ));
    op
}

fn sample_of_given(name: String, inputs: Vec<Input>, function: Function) -> Sample {
    sample(name, inputs, move |t| apply_given(t, function)).forward(of_normalized()).half(1)
}
