//! Depthwise and grouped convolutions compared with PyTorch: output and gradients are those that
//! `tests/fixtures/record_pytorch_convolutions.py` recorded. That script documents the file.

use allometry::device::{Element, GpuOptions};
use allometry::nn::Padding;
use allometry::ops::Function;
use allometry::{Device, Result, Tensor};
use safetensors::SafeTensors;
use std::fs;
use std::path::{Path, PathBuf};

/// Of the norm, in f32 on every device.
const SINGLE: f64 = 1e-6;
/// Of the norm, in f64 on the CPU device.
const DOUBLE: f64 = 1e-14;

/// A case's name, groups (0: depthwise), and strides.
const CASES: [(&str, usize, [usize; 2]); 4] = [
    ("depthwise", 0, [2, 2]),
    ("depthwise_multiplier", 0, [1, 2]),
    ("grouped", 3, [2, 2]),
    ("grouped_vectors", 2, [1, 2]),
];

/// Compares all cases; `number` makes a device's number of a recorded one.
fn follow<E: Element>(place: &str, device: &Device, bound: f64, number: fn(f64) -> E) {
    // Where these tests run without their sources, as on a machine that has only the binaries, this says where they
    // lie.
    let fixtures = std::env::var_os("ALLOMETRY_FIXTURES").map(PathBuf::from);
    let fixtures = fixtures.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"));
    let bytes = fs::read(fixtures.join("convolutions.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for (case, groups, strides) in CASES {
        let recorded = |name: &str| -> (Vec<f64>, Vec<usize>) {
            let view = file.tensor(&format!("{case}.{name}")).unwrap();
            let numbers = view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap()));
            (numbers.collect(), view.shape().to_vec())
        };
        let tensor = |name: &str| {
            let (values, shape) = recorded(name);
            let values: Vec<E> = values.into_iter().map(number).collect();
            Tensor::new(device, &values, allometry::Shape::new(&shape).unwrap()).unwrap()
        };
        let leaves = ["x", "kernel", "bias"].map(|name| tensor(name).requires_grad());
        let [x, kernel, bias] = &leaves;
        let y: Result<Tensor> = match groups {
            0 => x.depthwise_conv2d(kernel, Some(bias), strides, Padding::Same, Function::Linear),
            _ => x.conv2d_grouped(kernel, Some(bias), groups, strides, Padding::Same, Function::Linear),
        };
        let y = y.unwrap();
        let gradients = y.backward_from(&tensor("dy")).unwrap();
        let found =
            [y.clone()].into_iter().chain(leaves.iter().map(|leaf| gradients.get(leaf).unwrap().clone()));
        for (name, found) in ["y", "dx", "dkernel", "dbias"].into_iter().zip(found) {
            let (values, shape) = recorded(name);
            assert_eq!(found.shape()[..], shape, "{place}, {case}: {name}");
            let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
            let found = found.to_f64().unwrap();
            let apart = norm(&mut found.iter().zip(&values).map(|(a, b)| a - b));
            let apart = apart / norm(&mut values.iter().copied());
            assert!(apart <= bound, "{place}, {case}: {name} is {apart:.1e} of its norm from PyTorch's");
        }
    }
}

#[test]
fn the_cpu_device_agrees_with_pytorch() {
    follow("the CPU device", &Device::cpu(), SINGLE, |v| v as f32);
    follow("the CPU device in f64", &Device::cpu(), DOUBLE, |v| v);
}

#[test]
fn the_adapter_agrees_with_pytorch() {
    let device = Device::gpu(GpuOptions::default()).expect("this test needs an adapter");
    follow("the adapter", &device, SINGLE, |v| v as f32);
}
