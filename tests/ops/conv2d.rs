//! Convolution of images, and with it what all convolutions share (src/ops/convolution.rs).

use crate::harness::{Bound, Draw, HALF_ROUNDING, Input, Op, Sample, input, ones, refuse, sample};
use allometry::ops::ConvOptions;
use allometry::ops::Function::{self, Gelu, Linear, Relu, Sigmoid, Tanh};
use allometry::ops::Padding::{self, Explicit, Same, Valid};
use allometry::{Error, Result, Tensor};

/// What stays the same between the samples of one geometry.
#[derive(Clone, Copy)]
pub struct Use {
    pub kind: Kind,
    pub strides: [usize; 2],
    pub dilation: [usize; 2],
    pub padding: Padding,
    pub function: Function,
}

/// Which channels reach which.
#[derive(Clone, Copy)]
pub enum Kind {
    All,
    Groups(usize),
    Depthwise,
}

impl Use {
    pub fn plain(strides: [usize; 2], padding: Padding) -> Use {
        Use { kind: Kind::All, strides, dilation: [1, 1], padding, function: Linear }
    }

    pub fn dilated(self, dilation: [usize; 2]) -> Use {
        Use { dilation, ..self }
    }

    pub fn groups(self, groups: usize) -> Use {
        Use { kind: Kind::Groups(groups), ..self }
    }

    pub fn depthwise(strides: [usize; 2], padding: Padding) -> Use {
        Use { kind: Kind::Depthwise, ..Use::plain(strides, padding) }
    }

    /// With a bias where a third tensor is given.
    pub fn apply(self, t: &[Tensor]) -> Result<Tensor> {
        let (x, w, bias) = (&t[0], &t[1], t.get(2));
        let Use { kind, strides, dilation, padding, function } = self;
        if dilation != [1, 1] {
            let groups = if let Kind::Groups(groups) = kind { groups } else { 1 };
            let options = ConvOptions { strides, dilation, padding, groups, function };
            return match kind {
                Kind::Depthwise => x.depthwise_conv2d_with(w, bias, &options),
                _ => x.conv2d_with(w, bias, &options),
            };
        }
        match kind {
            Kind::All => x.conv2d(w, bias, strides, padding, function),
            Kind::Groups(groups) => x.conv2d_grouped(w, bias, groups, strides, padding, function),
            Kind::Depthwise => x.depthwise_conv2d(w, bias, strides, padding, function),
        }
    }
}

/// The sample, in f32 and in f16.
pub fn add(op: &mut Op, name: &str, inputs: Vec<Input>, how: Use) {
    op.add(sample_of(name, inputs, how, true));
}

/// No function here is steeper than 1.13, so the bound on the sum (which leaves a margin for that) is one on its value;
/// the functions add their own rounding. With `half` in f16 too.
pub fn sample_of(name: &str, inputs: Vec<Input>, how: Use, half: bool) -> Sample {
    let summed = if matches!(how.kind, Kind::Depthwise) { 2 } else { 3 };
    let terms: usize = inputs[1].shape[..summed].iter().product::<usize>() + 1;
    let bound = Bound::product(terms, move |t| Use { function: Linear, ..how }.apply(t));
    let bound = if how.function == Linear { bound } else { bound.relative(1e-5) };
    let sample = sample(name, inputs, move |t| how.apply(t)).forward(bound);
    // Gelu is a second dispatch where a gradient is asked for; what it makes of the first's rounding is not bounded
    // here.
    let sample = match how.function {
        _ if !half => sample,
        Gelu => sample,
        // Their slopes are worked out from the rounded result, which where they are flat leaves little of them.
        Tanh | Sigmoid => sample.half(1).half_floor(2.0 * HALF_ROUNDING),
        _ => sample.half(1),
    };
    if how.function == Relu { sample.no_differences("a kink where the sum is 0") } else { sample }
}

pub fn op(draw: &mut Draw) -> Op {
    let mut op = Op::default();
    let images = |n, h, w, c| input([n, h, w, c]);
    let kernel = |h, w, ci, co| input([h, w, ci, co]);

    add(&mut op, "3×3", vec![images(2, 9, 7, 3), kernel(3, 3, 3, 5)], Use::plain([1, 1], Valid));
    add(&mut op, "same", vec![images(2, 9, 7, 4), kernel(3, 3, 4, 8)], Use::plain([1, 1], Same));
    add(&mut op, "same, stride 2", vec![images(2, 9, 8, 3), kernel(3, 3, 3, 4)], Use::plain([2, 2], Same));
    add(
        &mut op,
        "stride beyond the kernel",
        vec![images(1, 11, 10, 2), kernel(2, 1, 2, 3)],
        Use::plain([3, 4], Valid),
    );
    add(&mut op, "even kernel", vec![images(3, 6, 5, 1), kernel(2, 4, 1, 1)], Use::plain([1, 2], Same));
    add(
        &mut op,
        "explicit padding",
        vec![images(2, 5, 6, 2), kernel(3, 2, 2, 3)],
        Use::plain([2, 1], Explicit([[2, 0], [1, 1]])),
    );
    add(&mut op, "pointwise", vec![images(2, 5, 5, 6), kernel(1, 1, 6, 7)], Use::plain([1, 1], Valid));
    add(
        &mut op,
        "pointwise, stride 2",
        vec![images(2, 5, 5, 6), kernel(1, 1, 6, 7)],
        Use::plain([2, 2], Valid),
    );
    add(&mut op, "the whole image", vec![images(3, 4, 5, 2), kernel(4, 5, 2, 9)], Use::plain([1, 1], Valid));
    add(
        &mut op,
        "kernel larger than the image",
        vec![images(1, 2, 3, 2), kernel(5, 5, 2, 2)],
        Use::plain([1, 1], Same),
    );
    add(&mut op, "one pixel", vec![images(1, 1, 1, 1), kernel(1, 1, 1, 1)], Use::plain([1, 1], Valid));
    add(
        &mut op,
        "more channels than a tile",
        vec![images(2, 6, 5, 65), kernel(3, 3, 65, 67), input([67])],
        Use::plain([1, 1], Same),
    );
    add(
        &mut op,
        "more pixels than a tile, the weights' sum in pieces",
        vec![images(5, 17, 19, 4), kernel(3, 3, 4, 4), input([4])],
        Use::plain([1, 1], Same),
    );
    add(
        &mut op,
        "views",
        vec![images(2, 7, 6, 3).sliced(), kernel(3, 3, 3, 4).transposed(), input([4]).rows()],
        Use::plain([1, 1], Same),
    );
    // Nothing of these is asked for a gradient: 65,704 groups of eight pixels, and 8,213 tiles.
    add(
        &mut op,
        "more groups than fit in a dimension",
        vec![images(1, 725, 725, 1).fixed(), kernel(1, 1, 1, 1).fixed()],
        Use::plain([1, 1], Valid),
    );
    for (name, inputs, groups, strides, padding) in [
        ("two groups of vectors", vec![images(2, 6, 7, 8), kernel(3, 3, 4, 8), input([8])], 2, [1, 1], Same),
        ("three groups", vec![images(2, 7, 5, 9), kernel(3, 2, 3, 6), input([6])], 3, [2, 1], Same),
        ("five groups, stride 2", vec![images(1, 9, 8, 10), kernel(3, 3, 2, 15)], 5, [2, 2], Same),
        ("a channel a group", vec![images(2, 5, 6, 7), kernel(3, 3, 1, 7), input([7])], 7, [1, 1], Valid),
        ("many of few", vec![images(2, 5, 6, 4), kernel(3, 3, 1, 12)], 4, [1, 2], Same),
        ("pointwise groups", vec![images(2, 5, 6, 12), kernel(1, 1, 4, 24)], 3, [1, 1], Valid),
        ("groups wider than narrow", vec![images(2, 5, 4, 6), kernel(3, 3, 3, 42)], 2, [1, 1], Same),
        (
            "groups wider than a tile",
            vec![images(2, 5, 4, 132), kernel(2, 2, 66, 140), input([140])],
            2,
            [1, 1],
            Valid,
        ),
        ("groups' weights in pieces", vec![images(5, 17, 19, 4), kernel(3, 3, 2, 6)], 2, [1, 1], Same),
        (
            "groups of views",
            vec![images(2, 7, 6, 4).sliced(), kernel(3, 3, 2, 4).transposed(), input([4]).rows()],
            2,
            [1, 1],
            Same,
        ),
    ] {
        add(&mut op, name, inputs, Use::plain(strides, padding).groups(groups));
    }
    for function in [Relu, Tanh, Sigmoid, Gelu] {
        add(
            &mut op,
            &format!("bias and {}", function.name()),
            vec![images(2, 6, 7, 3), kernel(3, 3, 3, 6), input([6])],
            Use { function, ..Use::plain([1, 1], Same) },
        );
    }
    add(
        &mut op,
        "only the images differentiated",
        vec![images(2, 6, 7, 3), kernel(3, 3, 3, 6).fixed(), input([6]).fixed()],
        Use { function: Tanh, ..Use::plain([2, 2], Same) },
    );
    add(
        &mut op,
        "only the kernel differentiated",
        vec![images(2, 6, 7, 3).fixed(), kernel(3, 3, 3, 6), input([6]).fixed()],
        Use { function: Tanh, ..Use::plain([2, 2], Same) },
    );

    // Kernels of neighbours that are pixels apart. Extents and channels are such that few kernels have to be compiled.
    for (name, inputs, how) in [
        ("dilated", vec![images(2, 9, 8, 3), kernel(3, 3, 3, 5)], Use::plain([1, 1], Valid).dilated([2, 3])),
        (
            "dilated, same",
            vec![images(1, 7, 6, 3), kernel(2, 3, 3, 5)],
            Use::plain([1, 1], Same).dilated([3, 2]),
        ),
        (
            "dilated beyond the image",
            vec![images(1, 3, 4, 3), kernel(3, 3, 3, 5)],
            Use::plain([1, 1], Same).dilated([4, 5]),
        ),
        (
            "dilated, only padding under a window",
            vec![images(1, 2, 1, 3), kernel(2, 3, 3, 5)],
            Use::plain([1, 1], Explicit([[1, 1], [3, 3]])).dilated([2, 3]),
        ),
        (
            "dilated with a stride",
            vec![images(2, 11, 10, 3), kernel(3, 3, 3, 5)],
            Use::plain([2, 3], Explicit([[2, 1], [3, 0]])).dilated([2, 2]),
        ),
        (
            "dilated along an axis, a stride along the other",
            vec![images(1, 9, 9, 3), kernel(3, 3, 3, 5)],
            Use::plain([2, 1], Same).dilated([1, 2]),
        ),
        (
            "dilated groups of vectors",
            vec![images(1, 7, 6, 8), kernel(3, 3, 4, 8)],
            Use::plain([1, 1], Same).dilated([2, 1]).groups(2),
        ),
    ] {
        op.add(sample_of(name, inputs, how, false));
    }
    add(
        &mut op,
        "dilated, not differentiated",
        vec![images(2, 9, 8, 3).fixed(), kernel(3, 3, 3, 5).fixed()],
        Use::plain([1, 1], Valid).dilated([2, 3]),
    );
    let options = ConvOptions { dilation: [1, 2], ..ConvOptions::default() };
    op.add(
        sample(
            "dilated, written out",
            [input([1, 1, 5, 1]).values([1.0, 2.0, 3.0, 4.0, 5.0]).fixed()],
            move |t| {
                let kernel = Tensor::new(t[0].device(), &[1.0f32, 10.0], [1, 2, 1, 1])?.cast(t[0].dtype())?;
                let y = t[0].conv2d_with(&kernel, None, &options)?;
                assert_eq!(y.to_f64()?, [31.0, 42.0, 53.0]);
                Ok(y)
            },
        )
        .forward(Bound::exact()),
    );

    let (ci, co) = (draw.extent(20), draw.extent(20));
    let (kh, kw) = (draw.extent(5), draw.extent(5));
    let strides = [draw.extent(3), draw.extent(3)];
    let drawn = vec![
        images(draw.extent(4), 4 + draw.extent(12), 4 + draw.extent(12), ci),
        kernel(kh, kw, ci, co),
        input([co]),
    ];
    add(&mut op, "drawn, valid", drawn.clone(), Use::plain(strides, Valid));
    add(&mut op, "drawn, same", drawn.clone(), Use { function: Tanh, ..Use::plain(strides, Same) });
    let mut pads = |kernel| [draw.below(kernel), draw.below(kernel)];
    let padding = Explicit([pads(kh), pads(kw)]);
    add(&mut op, "drawn, explicit", drawn, Use::plain(strides, padding));

    let (groups, inputs, outputs) = (draw.extent(5), draw.extent(9), draw.extent(20));
    let drawn = vec![
        images(draw.extent(3), 4 + draw.extent(9), 4 + draw.extent(9), groups * inputs),
        kernel(draw.extent(4), draw.extent(4), inputs, groups * outputs),
        input([groups * outputs]),
    ];
    let strides = [draw.extent(3), draw.extent(3)];
    let how = Use { function: Tanh, ..Use::plain(strides, Same) };
    add(&mut op, "drawn, groups", drawn, how.groups(groups));

    op.add_timed("conv2d", |sample| sample);

    let shaped = |x: [usize; 4], w: [usize; 4], how: Use| {
        move |device: &_| how.apply(&[ones(device, x)?, ones(device, w)?])
    };
    op.refuse(refuse(
        "channels that differ",
        shaped([1, 5, 5, 3], [3, 3, 4, 2], Use::plain([1, 1], Same)),
        |e| matches!(e, Error::Shape { op: "conv2d", .. }),
    ));
    op.refuse(refuse(
        "groups that don't divide the channels",
        shaped([1, 5, 5, 6], [3, 3, 3, 5], Use::plain([1, 1], Same).groups(2)),
        |e| matches!(e, Error::Argument { op: "conv2d", argument: "groups", .. }),
    ));
    op.refuse(refuse(
        "no groups",
        shaped([1, 5, 5, 6], [3, 3, 3, 5], Use::plain([1, 1], Same).groups(0)),
        |e| matches!(e, Error::Argument { op: "conv2d", argument: "groups", .. }),
    ));
    op.refuse(refuse(
        "a kernel for all channels where groups are wanted",
        shaped([1, 5, 5, 6], [3, 3, 6, 4], Use::plain([1, 1], Same).groups(2)),
        |e| matches!(e, Error::Shape { op: "conv2d", .. }),
    ));
    op.refuse(refuse(
        "a kernel larger than the image",
        shaped([1, 2, 5, 3], [3, 3, 3, 2], Use::plain([1, 1], Valid)),
        |e| matches!(e, Error::Argument { op: "conv2d", argument: "kernel", .. }),
    ));
    op.refuse(refuse("a stride of 0", shaped([1, 5, 5, 3], [3, 3, 3, 2], Use::plain([1, 0], Valid)), |e| {
        matches!(e, Error::Argument { op: "conv2d", argument: "stride", .. })
    }));
    op.refuse(refuse(
        "padding as large as the kernel",
        shaped([1, 5, 5, 3], [3, 3, 3, 2], Use::plain([1, 1], Explicit([[3, 0], [0, 0]]))),
        |e| matches!(e, Error::Argument { op: "conv2d", argument: "padding", .. }),
    ));
    for (what, dilation) in
        [("a dilation of 0", [0, 1]), ("a dilation beyond what kernels count", [1, 1 << 40])]
    {
        let how = Use::plain([1, 1], Same).dilated(dilation);
        op.refuse(refuse(what, shaped([1, 5, 5, 3], [3, 3, 3, 2], how), |e| {
            matches!(e, Error::Argument { op: "conv2d", argument: "dilation", .. })
        }));
    }
    op.refuse(refuse(
        "a dilated kernel larger than the image",
        shaped([1, 6, 6, 3], [3, 3, 3, 2], Use::plain([1, 1], Valid).dilated([3, 1])),
        |e| matches!(e, Error::Argument { op: "conv2d", argument: "kernel", .. }),
    ));
    op.refuse(refuse(
        "images of rank 3",
        |device| ones(device, [5, 5, 3])?.conv2d(&ones(device, [3, 3, 3, 2])?, None, [1, 1], Same, Linear),
        |e| matches!(e, Error::Shape { op: "conv2d", .. }),
    ));
    op.refuse(refuse(
        "a bias of another length",
        |device| {
            let (x, w) = (ones(device, [1, 5, 5, 3])?, ones(device, [3, 3, 3, 2])?);
            x.conv2d(&w, Some(&ones(device, [3])?), [1, 1], Same, Linear)
        },
        |e| matches!(e, Error::Shape { op: "conv2d", .. }),
    ));
    op
}
