//! What costs memory traffic rather than arithmetic: every function of one number on a million of them, functions with
//! constants, sums of tensors, the sum of all elements, softmax over rows. Bytes are those read and written. And what
//! an op costs where there is next to nothing to compute: there elements are ops.

mod common;

use allometry::bench::{SMALL_ADDS, cases};
use allometry::device::Kind;
use common::{Rate, devices, family, measure_recording, measure_wall, whole_cases};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn activations(criterion: &mut Criterion) {
    whole_cases(criterion, "unary", &["unary"], Rate::Bytes, |case| Some(case.name.clone()));
    family(criterion, "parametric", Rate::Bytes);
}

fn memory(criterion: &mut Criterion) {
    for name in ["elementwise", "reduce", "softmax", "indexing"] {
        family(criterion, name, Rate::Bytes);
    }
}

fn overhead(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("overhead");
    for (label, device) in devices() {
        group.throughput(Throughput::Elements(SMALL_ADDS as u64));
        for mut case in cases(&device, "overhead").expect("the cases fit the device") {
            let name = case.name.clone();
            measure_wall(&mut group, format!("{name}/{label}"), &device, || case.call());
            // On the CPU device there is nothing to record: an op is done when it returns.
            if device.kind() != Kind::Cpu {
                measure_recording(&mut group, format!("{name}, recorded/{label}"), &device, || case.call());
            }
        }
    }
}

criterion_group!(name = benches; config = common::criterion(); targets = activations, memory, overhead);
criterion_main!(benches);
