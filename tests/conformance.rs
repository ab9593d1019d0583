//! One harness tests every op (see `tests/ops/mod.rs` for how its samples are written).
//!
//! Each sample runs in f64 on the CPU device (the oracle), and in f32 on every device: forward pass, gradient, and a
//! second time to compare the bits. The oracle's gradient is compared with central differences. Inputs that an op must
//! refuse are tested on every device.
//!
//! Every run draws the same numbers. `ALLOMETRY_TEST_SEED=n` draws others.

mod harness;
mod ops;

use allometry::bench::matrices::measure;
use allometry::bench::timed_samples;
use allometry::device::{Device, GpuOptions, Kind};
use harness::{check, kernels};
use std::collections::BTreeSet;
use std::path::Path;

/// One test per op, and the list of those that have samples.
macro_rules! conformance {
    ($($op:ident),* $(,)?) => {
        const WITH_SAMPLES: &[&str] = &[$(stringify!($op)),*];
        $(#[test]
        fn $op() {
            check(stringify!($op), ops::$op::op);
        })*
    };
}

conformance!(
    batch_norm,
    binary,
    binary_cross_entropy,
    cast,
    clip,
    conv2d,
    copy,
    cross_entropy,
    depthwise_conv2d,
    dropout,
    fill,
    gather,
    group_norm,
    huber,
    logsumexp,
    loss_scale,
    mae,
    matmul,
    metric,
    mse,
    optimizer,
    pad,
    parametric,
    pool2d,
    probe,
    reduce,
    resize,
    select,
    softmax,
    unary,
    variance,
    view,
);

/// Files of `src/ops` that are no op, and where they are tested: that file says so by their path.
const TESTED_ELSEWHERE: &[(&str, &str)] = &[
    ("columns", "tests/ops/batch_norm.rs"),
    ("convolution", "tests/ops/conv2d.rs"),
    ("custom", "examples/custom_op.rs"),
    ("gradient", "tests/autograd.rs"),
    ("padding", "tests/ops/pool2d.rs"),
    ("tiled", "tests/ops/matmul.rs"),
];

#[test]
fn every_op_has_samples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(root.join("src/ops")).expect("src/ops is where the ops are");
    let files: BTreeSet<String> = entries
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|stem| stem != "mod")
        .collect();
    let with_samples: BTreeSet<String> = WITH_SAMPLES.iter().map(|name| name.to_string()).collect();
    let mut known = with_samples.clone();
    for (stem, place) in TESTED_ELSEWHERE {
        let text = std::fs::read_to_string(root.join(place)).unwrap_or_default();
        assert!(text.contains(&format!("src/ops/{stem}.rs")), "{place} does not test src/ops/{stem}.rs");
        known.insert(stem.to_string());
    }
    let untested: Vec<_> = files.difference(&known).collect();
    assert!(untested.is_empty(), "no samples in tests/ops for {untested:?}");
    // Kernels may lie anywhere. (That samples run each of them is part of every op's test.)
    let labels = kernels::labels();
    assert!(labels.len() > 40, "{labels:?}");
    let ops_of_kernels: BTreeSet<String> =
        labels.keys().filter_map(|label| label.split_once('.')).map(|(op, _)| op.to_string()).collect();
    let untested: Vec<_> = ops_of_kernels.difference(&with_samples).collect();
    assert!(untested.is_empty(), "no samples in tests/ops for kernels of {untested:?}");
    let gone: Vec<_> =
        known.iter().filter(|name| !files.contains(*name) && !ops_of_kernels.contains(*name)).collect();
    assert!(gone.is_empty(), "samples for ops that there are none of: {gone:?}");
    // That an op's samples contain those that are timed is part of its test.
    let timed = [Kind::Cpu, Kind::Gpu].into_iter().flat_map(timed_samples);
    let untested: BTreeSet<_> =
        timed.map(|sample| sample.op).filter(|op| !with_samples.contains(*op)).collect();
    assert!(untested.is_empty(), "no samples in tests/ops for {untested:?}, which are timed");
    for (label, place) in kernels::TESTED_ELSEWHERE {
        assert!(labels.contains_key(*label) && root.join(place).exists(), "{label}, {place}");
    }
}

/// The op's samples run on the matrices that are used by default, and these on all that the adapter lists.
#[test]
fn products_on_every_size_of_cooperative_matrices_are_right() {
    let device =
        Device::gpu(GpuOptions::default()).expect("this test needs an adapter, if only a software one");
    // One of whole tiles, and one that fills neither its last tiles nor its last slab.
    let figures = measure(&device, &[[128, 64, 128], [100, 84, 90]], 0.01).unwrap();
    for figure in &figures {
        for product in &figure.products {
            assert!(product.is_right(), "{:?}: {product:?}", figure.matrix);
        }
    }
    let tried = figures.iter().filter(|figure| !figure.products.is_empty());
    assert_eq!(tried.filter_map(|figure| figure.matrix.extent()).max(), device.fragment());
}
