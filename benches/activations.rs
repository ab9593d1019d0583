//! What costs memory traffic rather than arithmetic: every function of one number on a million of them, sums of
//! tensors, the sum of all elements, softmax over rows. Bytes are those read and written. And what an op costs where
//! there is next to nothing to compute: there elements are ops.

mod common;

use allometry::device::Kind;
use allometry::ops::Function;
use common::{Rate, devices, family, measure, measure_recording, measure_wall, noise};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const COUNT: usize = 1 << 20;

fn activations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unary");
    for (label, device) in devices() {
        // Above zero, where every function is defined.
        let x = noise(&device, [COUNT]).abs().expect("it has an absolute value everywhere");
        group.throughput(Throughput::Bytes(2 * 4 * COUNT as u64));
        for &function in Function::ALL {
            let name = format!("{}/{label}", function.name());
            measure(&mut group, name, &device, || x.map(function).map(drop));
        }
    }
}

fn memory(criterion: &mut Criterion) {
    for name in ["elementwise", "reduce", "softmax"] {
        family(criterion, name, Rate::Bytes);
    }
}

fn overhead(criterion: &mut Criterion) {
    const OPS: u64 = 1000;
    let mut group = criterion.benchmark_group("overhead");
    for (label, device) in devices() {
        let (a, b) = (noise(&device, [64]), noise(&device, [64]));
        group.throughput(Throughput::Elements(OPS));
        let chain = || (0..OPS).try_fold(a.clone(), |x, _| x.add(&b)).map(drop);
        measure_wall(&mut group, format!("{OPS} small adds/{label}"), &device, chain);
        // On the CPU device there is nothing to record: an op is done when it returns.
        if device.kind() != Kind::Cpu {
            measure_recording(&mut group, format!("{OPS} small adds, recorded/{label}"), &device, chain);
        }
    }
}

criterion_group!(name = benches; config = common::criterion(); targets = activations, memory, overhead);
criterion_main!(benches);
