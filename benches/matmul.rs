//! Matrix products: squares and oblong ones, the ladder of kernels that leads to those in use, and the layers of the
//! multilayer perceptron 784-512-512-10 with batch 256, forward and in both directions of their gradient. Elements are
//! FLOPs.

mod common;

use common::{Rate, family, plain_name, whole_cases};
use criterion::{Criterion, criterion_group, criterion_main};

fn products(criterion: &mut Criterion) {
    family(criterion, "matmul", Rate::Flops);
    family(criterion, "ladder", Rate::Flops);
}

fn layers(criterion: &mut Criterion) {
    whole_cases(criterion, "dense", &["dense"], Rate::Flops, |case| Some(plain_name(case)));
}

criterion_group!(name = benches; config = common::criterion(); targets = products, layers);
criterion_main!(benches);
