//! Convolutions with padding `same`: forward, and forward with the gradients of image and kernel. Elements are FLOPs;
//! each gradient costs as many as the forward pass.

mod common;

use allometry::bench::Case;
use common::{Rate, plain_name, whole_cases};
use criterion::{Criterion, criterion_group, criterion_main};

/// The gradient of one operand needs a forward pass too, and is timed without it by `allometry bench kernels` alone.
fn name(case: &Case) -> Option<String> {
    let name = plain_name(case);
    let whole = name.ends_with("/forward") || name.ends_with("/with gradients");
    let name = if case.family == "depthwise" { name.replacen(' ', "-depthwise ", 1) } else { name };
    whole.then_some(name)
}

fn conv2d(criterion: &mut Criterion) {
    whole_cases(criterion, "conv2d", &["conv2d", "depthwise"], Rate::Flops, name);
}

criterion_group!(name = benches; config = common::criterion(); targets = conv2d);
criterion_main!(benches);
