//! What costs memory traffic rather than arithmetic: every function of one number on a million of them, sums of
//! tensors, the sum of all elements, softmax over rows. Bytes are those read and written.

mod common;

use allometry::ops::Function;
use common::{devices, measure, noise};
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

fn sums(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("memory");
    for (label, device) in devices() {
        let (a, b) = (noise(&device, [COUNT]), noise(&device, [COUNT]));
        group.throughput(Throughput::Bytes(3 * 4 * COUNT as u64));
        measure(&mut group, format!("add/{label}"), &device, || a.add(&b).map(drop));
        group.throughput(Throughput::Bytes(4 * COUNT as u64));
        measure(&mut group, format!("sum/{label}"), &device, || a.sum(&[], false).map(drop));
        let rows = noise(&device, [4096, 1024]);
        group.throughput(Throughput::Bytes(2 * 4 * 4096 * 1024));
        measure(&mut group, format!("softmax 4096x1024/{label}"), &device, || rows.softmax(1).map(drop));
    }
}

criterion_group!(name = benches; config = common::criterion(); targets = activations, sums);
criterion_main!(benches);
