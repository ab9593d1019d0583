//! The optimisers' step on flat parameters. Bytes are those read and written.

mod common;

use common::{Rate, family};
use criterion::{Criterion, criterion_group, criterion_main};

fn optimizer(criterion: &mut Criterion) {
    family(criterion, "optimizer", Rate::Bytes);
}

criterion_group!(name = benches; config = common::criterion(); targets = optimizer);
criterion_main!(benches);
