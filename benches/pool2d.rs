//! Maximum and average pooling with their gradients. Bytes are those read and written.

mod common;

use common::{Rate, family};
use criterion::{Criterion, criterion_group, criterion_main};

fn pool2d(criterion: &mut Criterion) {
    family(criterion, "pool2d", Rate::Bytes);
}

criterion_group!(name = benches; config = common::criterion(); targets = pool2d);
criterion_main!(benches);
