//! Normalisation over sets of one sample: layer, RMS and group norm.

use crate::harness::{Bound, Draw, Input, Op, Sample, input, ones, refuse, sample};
use allometry::ops::Function::{self, Linear, Relu, Silu, Tanh};
use allometry::{Error, Result, Tensor};

const EPSILON: f32 = 1e-5;

/// Normalised values have a size of about 1, and so has the rounding of those near 0.
fn of_normalized() -> Bound {
    Bound::elementwise().floor(4e-6)
}

/// Which of the three.
#[derive(Clone, Copy)]
enum Kind {
    Layer,
    Rms,
    Group(usize),
}

impl Kind {
    fn apply(self, t: &[Tensor], function: Function) -> Result<Tensor> {
        match self {
            Kind::Layer => t[0].layer_norm(&t[1], &t[2], EPSILON, function),
            Kind::Rms => t[0].rms_norm(&t[1], EPSILON, function),
            Kind::Group(groups) => t[0].group_norm(groups, [&t[1], &t[2]], EPSILON, function),
        }
    }

    /// x, γ and, where there is one, β.
    fn operands(self, x: Input) -> Vec<Input> {
        let channels = x.shape[x.shape.rank() - 1];
        let gamma = input([channels]).uniform(0.5, 1.5);
        if let Kind::Rms = self { vec![x, gamma] } else { vec![x, gamma, input([channels])] }
    }

    fn sample(self, name: &str, x: Input, function: Function) -> Sample {
        sample(name, self.operands(x), move |t| self.apply(t, function)).forward(of_normalized())
    }
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    for (name, kind, x) in [
        ("layer, a vector", Kind::Layer, input([11])),
        ("layer, rows", Kind::Layer, input([7, 13])),
        ("layer, rows longer than a workgroup", Kind::Layer, input([3, 137])),
        ("layer, pixels", Kind::Layer, input([2, 3, 5, 6])),
        ("layer, several pieces", Kind::Layer, input([700, 12])),
        ("layer, a transposed view", Kind::Layer, input([9, 6]).transposed()),
        ("rms, rows", Kind::Rms, input([5, 19])),
        ("rms, a sliced view", Kind::Rms, input([2, 4, 9]).sliced()),
        ("groups of images, odd extents", Kind::Group(3), input([2, 5, 3, 9])),
        ("one group of one image", Kind::Group(1), input([1, 4, 5, 3])),
        ("a group for each channel", Kind::Group(4), input([3, 7, 4])),
        ("groups of features", Kind::Group(2), input([5, 10])),
        ("groups of a sliced view", Kind::Group(2), input([2, 3, 4, 6]).sliced()),
        ("groups, more channels than a block", Kind::Group(13), input([2, 5, 130])),
    ] {
        op.add(kind.sample(name, x, Linear).half(1));
    }
    for (name, kind, function) in [
        ("layer with SiLU", Kind::Layer, Silu),
        ("rms with tanh", Kind::Rms, Tanh),
        ("groups with tanh", Kind::Group(2), Tanh),
        ("groups with ReLU", Kind::Group(2), Relu),
    ] {
        let x = input([3, 4, 5, 6]).uniform(-3.0, 3.0);
        let sample = kind.sample(name, x, function);
        op.add(if function == Relu { sample.no_differences("a kink") } else { sample });
    }
    let large = Kind::Layer.sample("layer, large enough for every thread", input([260, 260]), Linear);
    op.add(large.no_differences("the sheer size"));
    op.add(
        sample("only γ and β differentiated", Kind::Layer.operands(input([9, 4]).fixed()), |t| {
            Kind::Layer.apply(t, Tanh)
        })
        .forward(of_normalized()),
    );
    let only_x: Vec<Input> = (Kind::Group(2).operands(input([3, 5, 4])).into_iter().enumerate())
        .map(|(i, operand)| if i == 0 { operand } else { operand.fixed() })
        .collect();
    op.add(
        sample("only x differentiated", only_x, |t| Kind::Group(2).apply(t, Tanh)).forward(of_normalized()),
    );
    // A mean 4,000 times the deviation. What x itself is rounded to remains.
    let far = Kind::Layer.operands(input([3, 1001]).uniform(1999.0, 2001.0));
    op.add(
        sample("far from 0", far.into_iter().map(Input::fixed).collect::<Vec<_>>(), |t| {
            Kind::Layer.apply(t, Linear)
        })
        .forward(of_normalized().floor(1e-3)),
    );
    let (rows, width, groups) = (draw.extent(60), draw.extent(9) + 1, draw.extent(6));
    op.add(Kind::Layer.sample("layer, drawn", input([rows, 2 + width]).uniform(-2.0, 5.0), Tanh));
    op.add(Kind::Group(groups).sample("groups, drawn", input([3, rows + 1, groups * width]), Tanh));

    op.add_timed("group_norm", |sample| sample.forward(of_normalized()));

    op.refuse(refuse(
        "layer norm of a scalar",
        |device| Kind::Layer.apply(&[ones(device, [])?, ones(device, [1])?, ones(device, [1])?], Linear),
        |e| matches!(e, Error::Shape { op: "layer_norm", .. }),
    ));
    op.refuse(refuse(
        "too few γ",
        |device| Kind::Rms.apply(&[ones(device, [2, 3])?, ones(device, [2])?], Linear),
        |e| matches!(e, Error::Shape { op: "rms_norm", .. }),
    ));
    op.refuse(refuse(
        "group norm of a vector",
        |device| Kind::Group(1).apply(&[ones(device, [4])?, ones(device, [4])?, ones(device, [4])?], Linear),
        |e| matches!(e, Error::Shape { op: "group_norm", .. }),
    ));
    for groups in [0, 3] {
        op.refuse(refuse(
            "groups that do not divide the channels",
            move |device| {
                let c = ones(device, [4])?;
                Kind::Group(groups).apply(&[ones(device, [2, 5, 4])?, c.clone(), c], Linear)
            },
            |e| matches!(e, Error::Argument { op: "group_norm", argument: "groups", .. }),
        ));
    }
    op.refuse(refuse(
        "an epsilon below 0",
        |device| ones(device, [2, 3])?.rms_norm(&ones(device, [3])?, -1.0, Linear),
        |e| matches!(e, Error::Argument { op: "rms_norm", argument: "epsilon", .. }),
    ));
    op.refuse(refuse(
        "labels",
        |device| Tensor::new(device, &[1u32, 2], [2])?.rms_norm(&ones(device, [2])?, EPSILON, Linear),
        |e| matches!(e, Error::DType { op: "rms_norm", .. }),
    ));
    op
}
