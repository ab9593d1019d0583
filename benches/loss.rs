//! Cross-entropy over rows of few and of many classes, with its gradient. Bytes are those read and written.

mod common;

use common::{Rate, family};
use criterion::{Criterion, criterion_group, criterion_main};

fn loss(criterion: &mut Criterion) {
    family(criterion, "cross_entropy", Rate::Bytes);
}

criterion_group!(name = benches; config = common::criterion(); targets = loss);
criterion_main!(benches);
