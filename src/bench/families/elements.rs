//! Timed samples of ops that move elements and compute little: element-wise functions, windows, other places.

use crate::bench::sample::{TimedInput, TimedRow, TimedSample, input};
use crate::device::{DType, Kind};
use crate::ops::{Function, Interpolation, PadMode, Padding};
use crate::tensor::Tensor;

/// Number of additions in the sample of the family `overhead`.
pub const SMALL_ADDS: usize = 1000;

/// A vector that kernels read once: longer than what caches hold.
pub(super) fn long(kind: Kind) -> TimedInput {
    input([if kind == Kind::Gpu { 64 << 20 } else { 16 << 20 }])
}

/// `what` with the length of [`long`] vectors.
pub(super) fn with_length(what: &str, kind: Kind) -> String {
    format!("{what} {} M", long(kind).shape.elements() >> 20)
}

pub(super) fn elementwise(kind: Kind) -> Vec<TimedSample> {
    let x = long(kind).tested([4099]);
    vec![
        TimedSample::new(["binary", "elementwise"], with_length("add", kind), [x.clone(), x.clone()], |t| {
            t[0].add(&t[1])
        })
        .sum_of(2),
        TimedSample::new(["unary", "elementwise"], with_length("relu", kind), [x], |t| t[0].relu()),
    ]
}

/// Above zero every function is defined.
pub(super) fn functions() -> Vec<TimedSample> {
    let sample = |&function: &Function| {
        let x = input([1 << 20]).tested([1031]).positive();
        TimedSample::new(["unary", "unary"], function.name(), [x], move |t| t[0].map(function))
    };
    Function::ALL.iter().map(sample).collect()
}

/// The longest and the shortest computation of the kernels that all functions with constants share.
pub(super) fn functions_with_constants() -> Vec<TimedSample> {
    let x = || input([1 << 20]).tested([1031]).positive();
    let rows = || [TimedRow::forward("forward"), TimedRow::gradient("gradient", &[0], "parametric.forward")];
    vec![
        TimedSample::new(["parametric", "parametric"], "powf", [x()], |t| t[0].powf(1.7)).rows(rows()),
        TimedSample::new(["parametric", "parametric"], "clamp", [x()], |t| t[0].clamp(0.2, 0.8)).rows(rows()),
    ]
}

/// What an op costs that has next to nothing to compute.
pub(super) fn small_additions() -> Vec<TimedSample> {
    let inputs = [input([64]), input([64])];
    let chain = |t: &[Tensor]| (0..SMALL_ADDS).try_fold(t[0].clone(), |x, _| x.add(&t[1]));
    let sample = TimedSample::new(["binary", "overhead"], format!("{SMALL_ADDS} small adds"), inputs, chain);
    vec![sample.sum_of(SMALL_ADDS + 1)]
}

/// Elements in other places: gathered, padded, resized.
pub(super) fn indexing() -> Vec<TimedSample> {
    let images = || [input([64, 56, 56, 64]).tested([1, 5, 7, 64])];
    let pads = [[0, 0], [1, 1], [2, 2], [0, 0]];
    let table = [input([4096, 1024]).tested([20, 1024]), input([512]).labels(1024)];
    let rows = |forward| [TimedRow::forward("forward"), TimedRow::gradient("gradient", &[0], forward)];
    let double = |t: &[Tensor], interpolation| {
        let shape = t[0].shape();
        t[0].resize2d([2 * shape[1], 2 * shape[2]], interpolation)
    };
    vec![
        TimedSample::new(["gather", "indexing"], "gather 512 of 4096×1024", table, |t| {
            t[0].gather(1, &t[1])
        })
        .rows(rows("gather.forward")),
        TimedSample::new(
            ["gather", "indexing"],
            "one-hot 1024 of 512",
            [input([512]).tested([20]).labels(1024)],
            |t| t[0].one_hot(1024, DType::F32),
        ),
        TimedSample::new(["pad", "indexing"], "pad 64×56×56×64", images(), move |t| {
            t[0].pad(&pads, PadMode::Constant(0.0))
        }),
        TimedSample::new(["pad", "indexing"], "reflect 64×56×56×64", images(), move |t| {
            t[0].pad(&pads, PadMode::Reflect)
        })
        .rows(rows("pad.forward")),
        TimedSample::new(["resize", "indexing"], "nearest 64×56×56×64 ×2", images(), move |t| {
            double(t, Interpolation::Nearest)
        })
        .rows(rows("resize.forward"))
        .sum_of(4),
        TimedSample::new(["resize", "indexing"], "bilinear 64×56×56×64 ×2", images(), move |t| {
            double(t, Interpolation::Bilinear)
        })
        .rows(rows("resize.forward"))
        .sum_of(4),
    ]
}

pub(super) fn pools() -> Vec<TimedSample> {
    let x = || [input([256, 32, 32, 64]).tested([1, 32, 32, 64])];
    let rows = |forward| [TimedRow::forward("forward"), TimedRow::gradient("gradient", &[0], forward)];
    vec![
        TimedSample::new(["pool2d", "pool2d"], "maximum 256×32×32×64 2×2", x(), |t| {
            t[0].max_pool2d([2, 2], [2, 2], Padding::Valid)
        })
        .rows(rows("pool2d.max_forward")),
        TimedSample::new(["pool2d", "pool2d"], "average 256×32×32×64 2×2", x(), |t| {
            t[0].average_pool2d([2, 2], [2, 2], Padding::Valid)
        })
        .rows(rows("pool2d.average_forward"))
        .sum_of(4),
    ]
}
