//! Normalisation with its gradients, in the shapes of residual networks. Bytes are those read and written.

mod common;

use common::{Rate, family};
use criterion::{Criterion, criterion_group, criterion_main};

fn norms(criterion: &mut Criterion) {
    family(criterion, "batch_norm", Rate::Bytes);
    family(criterion, "group_norm", Rate::Bytes);
}

criterion_group!(name = benches; config = common::criterion(); targets = norms);
criterion_main!(benches);
