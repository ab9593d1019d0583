//! The list of all samples that are timed. The conformance suite tests each of them.

mod elements;

use super::ladder::{self, Step};
use super::sample::{TimedInput, TimedRow, TimedSample, input};
use crate::device::Kind;
use crate::ops::{Function, Padding};
use crate::optim::rules::With;
use crate::optim::rules::adam::{AdamStep, adam};
use crate::optim::rules::sgd::{SgdStep, sgd};
use crate::tensor::Tensor;
pub use elements::SMALL_ADDS;
use elements::{
    elementwise, functions, functions_with_constants, indexing, long, pools, small_additions, with_length,
};

/// The names of the families that `allometry bench kernels` times.
pub const FAMILIES: &[&str] = &[
    "matmul",
    "matmul_f16",
    "ladder",
    "conv2d",
    "depthwise",
    "elementwise",
    "reduce",
    "softmax",
    "cross_entropy",
    "pool2d",
    "batch_norm",
    "group_norm",
    "optimizer",
];

/// The names of the families that only `cargo bench` times.
pub const DETAILS: &[&str] = &["dense", "unary", "parametric", "indexing", "overhead"];

/// A step of gradient descent, as it is timed.
const SGD: SgdStep = SgdStep { rate: 1e-3, momentum: 0.0, nesterov: false, weight_decay: 0.0, first: false };

/// A step of Adam, as it is timed.
const ADAM: AdamStep = AdamStep {
    rate: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-7,
    weight_decay: 0.0,
    decoupled: false,
    step: 10,
};

/// All timed samples, with sizes for the kind of device.
pub fn timed_samples(kind: Kind) -> Vec<TimedSample> {
    [
        products(kind),
        layers(),
        steps_of_the_ladder(kind),
        convolutions(kind),
        depthwise_convolutions(),
        elementwise(kind),
        functions(),
        functions_with_constants(),
        small_additions(),
        sums(kind),
        softmax(),
        cross_entropy(),
        pools(),
        batch_norms(),
        sample_norms(),
        indexing(),
        updates(kind),
    ]
    .concat()
}

/// Extents m, k and n of products, and the extents that are tested: of shorter sums, and of results in the same
/// [`Class`](crate::device::class::Class), which chooses the kernel.
type Product = ([usize; 3], [usize; 3]);

/// Products of f16 have sums in f32 and use cooperative matrices if the adapter has any.
fn products(kind: Kind) -> Vec<TimedSample> {
    const SMALL: &[Product] = &[([256; 3], [256, 12, 250])];
    const MEDIUM: &[Product] =
        &[([512; 3], [320, 12, 300]), ([1024; 3], [450, 12, 710]), ([2048; 3], [132, 8, 6020])];
    const LARGE: &[Product] = &[([4096; 3], [6020, 8, 132]), ([8192; 3], [257, 8, 3972])];
    const OBLONG: &[Product] = &[
        ([256, 784, 512], [130, 28, 260]),
        ([64, 3136, 128], [40, 1040, 70]),
        ([4096, 64, 64], [1000, 16, 40]),
        ([128, 16384, 128], [66, 1040, 70]),
    ];
    let lists = if kind == Kind::Gpu { [MEDIUM, LARGE, OBLONG] } else { [SMALL, MEDIUM, OBLONG] };
    let sample = |&([m, k, n], [rows, terms, columns]): &Product| {
        let inputs = [input([m, k]).tested([rows, terms]), input([k, n]).tested([terms, columns])];
        TimedSample::new(["matmul", "matmul"], format!("{m}×{k}×{n}"), inputs, |t| t[0].matmul(&t[1]))
            .sum_of(terms)
            .half("matmul_f16")
    };
    let mut samples: Vec<TimedSample> = lists.concat().iter().map(sample).collect();
    if kind == Kind::Gpu {
        samples.push(large_layer());
    }
    samples
}

/// A layer of a large batch. A compiler can make much less of a tile that ends with an activation than of a plain
/// product.
fn large_layer() -> TimedSample {
    let inputs = [
        input([4096, 784]).tested([2950, 8]),
        input([784, 512]).tested([8, 390]),
        input([512]).tested([390]),
    ];
    TimedSample::new(["matmul", "matmul"], "4096×784×512, bias and ReLU", inputs, |t| {
        t[0].dense(&t[1], Some(&t[2]), Function::Relu)
    })
    .sum_of(8)
}

/// The layers of the multilayer perceptron 784-512-512-10 with batch 256: forward, and the products that are their
/// gradients.
fn layers() -> Vec<TimedSample> {
    let (batch, tested) = (256, 18);
    let layer = |(from, to): (usize, usize)| {
        let rows = |columns| input([batch, columns]).tested([tested, columns]);
        let kernel = input([from, to]);
        let name = |what: &str| format!("{batch}×{from}×{to}, {what}");
        [
            TimedSample::new(
                ["matmul", "dense"],
                name("forward"),
                [rows(from), kernel.clone(), input([to])],
                |t| t[0].dense(&t[1], Some(&t[2]), Function::Relu),
            )
            .sum_of(from + 1),
            TimedSample::new(["matmul", "dense"], name("kernel gradient"), [rows(from), rows(to)], |t| {
                t[0].transpose()?.matmul(&t[1])
            })
            .sum_of(tested),
            TimedSample::new(["matmul", "dense"], name("input gradient"), [rows(to), kernel], |t| {
                t[0].matmul(&t[1].transpose()?)
            })
            .sum_of(to),
        ]
    };
    [(784, 512), (512, 512), (512, 10)].into_iter().flat_map(layer).collect()
}

/// None for the CPU device, where all steps run the same code.
fn steps_of_the_ladder(kind: Kind) -> Vec<TimedSample> {
    let steps = if kind == Kind::Gpu { &Step::ALL[..] } else { &[] };
    let n = 2048;
    let sample = |&step: &Step| {
        let inputs = [input([n, n]).tested([200, 24]), input([n, n]).tested([24, 264])];
        let name = format!("{}, {n}", step.name());
        let function = move |t: &[Tensor]| ladder::product(&t[0], &t[1], step);
        TimedSample::new(["matmul", "ladder"], name, inputs, function).sum_of(24)
    };
    steps.iter().map(sample).collect()
}

/// Batch, rows (and columns) of the image, input channels, output channels, rows (and columns) of the kernel, stride;
/// and the rows (and columns) of the one image that is tested.
type Geometry = (usize, usize, usize, usize, usize, usize, usize);

fn convolutions(kind: Kind) -> Vec<TimedSample> {
    const SMALL: &[Geometry] =
        &[(16, 32, 32, 64, 3, 1, 14), (16, 16, 64, 128, 3, 1, 10), (16, 32, 64, 256, 1, 1, 14)];
    const LARGE: &[Geometry] = &[
        (64, 56, 64, 64, 3, 1, 14),
        (64, 28, 128, 128, 3, 1, 10),
        (64, 56, 128, 128, 3, 2, 14),
        (64, 7, 512, 512, 3, 1, 3),
    ];
    let sample = |&(batch, side, inputs, outputs, window, stride, tested): &Geometry| {
        let stepping = if stride == 1 { String::new() } else { format!(" /{stride}") };
        let name = format!("{batch}×{side}×{side}×{inputs}→{outputs} {window}×{window}{stepping}");
        let inputs_of = [images(batch, [side, tested], inputs), input([window, window, inputs, outputs])];
        let function =
            move |t: &[Tensor]| t[0].conv2d(&t[1], None, [stride; 2], Padding::Same, Function::Linear);
        // A 1×1 convolution is a matrix product on pixels and runs the kernels of one.
        let rows = directions(if window == 1 { None } else { Some("conv2d.forward") });
        let sample = TimedSample::new(["conv2d", "conv2d"], name, inputs_of, function);
        sample.rows(rows).sum_of(window * window * inputs)
    };
    SMALL.iter().chain(if kind == Kind::Gpu { LARGE } else { &[] }).map(sample).collect()
}

fn depthwise_convolutions() -> Vec<TimedSample> {
    let inputs = [images(16, [16, 14], 96), input([3, 3, 96, 1])];
    let sample = TimedSample::new(["depthwise_conv2d", "depthwise"], "16×16×16×96 3×3", inputs, |t| {
        t[0].depthwise_conv2d(&t[1], None, [1, 1], Padding::Same, Function::Linear)
    });
    vec![sample.rows(directions(Some("depthwise_conv2d.forward"))).sum_of(9)]
}

/// A batch of square images with rows as timed. One with rows as tested is tested.
fn images(batch: usize, [side, tested]: [usize; 2], channels: usize) -> TimedInput {
    input([batch, side, side, channels]).tested([1, tested, tested, channels])
}

/// The directions of a convolution. If the kernels of the forward pass have their own name (`forward`), the gradients
/// are also timed without it.
fn directions(forward: Option<&'static str>) -> Vec<TimedRow> {
    let mut rows = vec![TimedRow::forward("forward")];
    if let Some(forward) = forward {
        rows.push(TimedRow::gradient("data", &[0], forward));
        rows.push(TimedRow::gradient("weights", &[1], forward));
    }
    rows.push(TimedRow::with_gradients("with gradients", &[0, 1]));
    rows
}

fn sums(kind: Kind) -> Vec<TimedSample> {
    let (columns, rows) = (1024, 70);
    let x = long(kind).tested([rows * columns]);
    let name = format!("columns {}×{columns}", x.shape.elements() / columns);
    vec![
        TimedSample::new(["reduce", "reduce"], with_length("sum", kind), [x.clone()], |t| {
            t[0].sum(&[], false)
        })
        .sum_of(rows * columns),
        TimedSample::new(["reduce", "reduce"], name, [x], move |t| {
            t[0].reshape([t[0].shape().elements() / columns, columns])?.sum(&[0], false)
        })
        .sum_of(rows),
    ]
}

fn softmax() -> Vec<TimedSample> {
    let rows = input([4096, 1024]).tested([20, 1024]);
    vec![TimedSample::new(["softmax", "softmax"], "4096×1024", [rows], |t| t[0].softmax(1))]
}

fn cross_entropy() -> Vec<TimedSample> {
    let sample = |(rows, classes, tested): (usize, usize, usize)| {
        let inputs = [
            input([rows, classes]).tested([tested, classes]),
            input([rows]).tested([tested]).labels(classes),
        ];
        let name = format!("{rows}×{classes}");
        TimedSample::new(["cross_entropy", "cross_entropy"], name, inputs, |t| {
            t[0].cross_entropy_rows(&t[1], 0.0)
        })
        .rows([TimedRow::forward("forward"), TimedRow::gradient("gradient", &[0], "cross_entropy.forward")])
    };
    [(4096, 10, 300), (4096, 1024, 20)].into_iter().map(sample).collect()
}

/// Behind the convolutions of a residual network, and within a block of MobileNetV2.
fn batch_norms() -> Vec<TimedSample> {
    let sample = |[batch, side, channels, tested]: [usize; 4]| {
        let inputs =
            [images(batch, [side, tested], channels), input([channels]).positive(), input([channels])];
        let name = format!("{batch}×{side}×{side}×{channels} and ReLU");
        TimedSample::new(["batch_norm", "batch_norm"], name, inputs, |t| {
            t[0].batch_norm(&t[1], &t[2], 1e-5, Function::Relu).map(|normalized| normalized.output)
        })
        .rows([TimedRow::forward("forward"), TimedRow::with_gradients("with gradients", &[0, 1, 2])])
    };
    let shapes = [[64, 32, 16, 12], [64, 16, 32, 10], [64, 8, 64, 8], [16, 48, 96, 9]];
    shapes.into_iter().map(sample).collect()
}

fn sample_norms() -> Vec<TimedSample> {
    let rows = || [TimedRow::forward("forward"), TimedRow::with_gradients("with gradients", &[0, 1, 2])];
    let (columns, channels, groups) = (512, 32, 8);
    let of = |channels| [input([channels]).positive(), input([channels])];
    let [gamma, beta] = of(columns);
    let of_rows = [input([4096, columns]).tested([20, columns]), gamma, beta];
    let [gamma, beta] = of(channels);
    let of_images = [images(64, [16, 9], channels), gamma, beta];
    vec![
        TimedSample::new(["group_norm", "group_norm"], format!("layer 4096×{columns}"), of_rows, |t| {
            t[0].layer_norm(&t[1], &t[2], 1e-5, Function::Linear)
        })
        .rows(rows()),
        TimedSample::new(
            ["group_norm", "group_norm"],
            format!("{groups} groups 64×16×16×{channels} and ReLU"),
            of_images,
            move |t| t[0].group_norm(groups, [&t[1], &t[2]], 1e-5, Function::Relu),
        )
        .rows(rows()),
    ]
}

/// Weights, moments and gradients of a step. All but the gradients are changed in place.
fn updates(kind: Kind) -> Vec<TimedSample> {
    let x = || long(kind).tested([4099]);
    vec![
        TimedSample::new(["optimizer", "optimizer"], with_length("SGD", kind), [x(), x()], |t| {
            sgd(&t[0], &t[1], None, &SGD, With::Nothing).map(|()| t[0].clone())
        })
        .changes(1),
        TimedSample::new(
            ["optimizer", "optimizer"],
            with_length("Adam", kind),
            [x(), x(), x().positive(), x()],
            |t| adam(&t[0], &t[3], [&t[1], &t[2]], &ADAM, With::Nothing).map(|()| t[0].clone()),
        )
        .changes(3),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Values;
    use crate::device::class::Class;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    /// Family and name of every row.
    fn rows(kind: Kind) -> Vec<(&'static str, String)> {
        let of = |sample: TimedSample| {
            let families = [Some(sample.family), sample.half_family].into_iter().flatten();
            let rows =
                |family| sample.rows.iter().map(|row| (family, sample.row_name(row))).collect::<Vec<_>>();
            families.flat_map(rows).collect::<Vec<_>>()
        };
        timed_samples(kind).into_iter().flat_map(of).collect()
    }

    #[test]
    fn every_family_has_rows_and_no_two_rows_have_one_name() {
        let listed: BTreeSet<&str> = FAMILIES.iter().chain(DETAILS).copied().collect();
        let families = rows(Kind::Gpu).into_iter().map(|(family, _)| family).collect();
        assert_eq!(listed, families);
        for kind in [Kind::Cpu, Kind::Gpu] {
            let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
            rows(kind).into_iter().for_each(|row| *counts.entry(row).or_default() += 1);
            let twice: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
            assert!(twice.is_empty(), "{kind:?}: {twice:?}");
        }
    }

    /// The comparison with PyTorch finds a row by its name.
    #[test]
    fn the_rows_of_recorded_results_are_still_listed() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/RESULTS.md");
        let text = std::fs::read_to_string(file).unwrap();
        let listed: BTreeSet<(&str, String)> = rows(Kind::Gpu).into_iter().collect();
        let table = text.split("Roofline: ").nth(1).unwrap().split("\n\n").nth(1).unwrap();
        let recorded: BTreeSet<(&str, String)> = table
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split_once(" | ")?.0.split_once(' '))
            .map(|(family, name)| (family, name.to_string()))
            .collect();
        let gone: Vec<_> = recorded.difference(&listed).collect();
        assert!(recorded.len() > 60 && gone.is_empty(), "{} recorded, gone: {gone:?}", recorded.len());
    }

    #[test]
    fn what_is_tested_is_the_timed_geometry_with_no_larger_extents() {
        for sample in [Kind::Cpu, Kind::Gpu].into_iter().flat_map(timed_samples) {
            let name = format!("{} {}", sample.family, sample.name);
            for input in &sample.inputs {
                assert_eq!(input.shape.rank(), input.tested.rank(), "{name}");
                let elements = input.tested.elements();
                assert!(elements <= input.shape.elements() && elements < 3 << 20, "{name}: {input:?}");
                let columns = input.shape[input.shape.rank() - 1];
                let same_columns = columns == input.tested[input.tested.rank() - 1];
                let matrix = ["matmul", "ladder"].contains(&sample.family);
                assert!(same_columns || matrix || input.shape.rank() == 1, "{name}: {input:?}");
                let of_rows = !matches!(sample.inputs[0].values, Values::Labels(_));
                if let Values::Labels(classes) = input.values
                    && of_rows
                {
                    assert_eq!(classes, sample.inputs[0].shape[1], "{name}");
                }
            }
            if sample.family == "matmul" {
                let class = |a: &[usize], b: &[usize]| Class::of(a[0] as u64, b[1] as u64, 1);
                let [a, b] = [&sample.inputs[0], &sample.inputs[1]];
                assert_eq!(class(&a.shape, &b.shape), class(&a.tested, &b.tested), "{name}");
                assert_eq!(sample.terms, b.tested[0], "{name}");
            }
        }
    }
}
