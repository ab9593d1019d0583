//! Normalisation compared with PyTorch: outputs, gradients and running statistics are those that
//! `tests/fixtures/record_pytorch_norms.py` recorded. That script documents the file.

use allometry::device::{Element, GpuOptions};
use allometry::ops::Function::Linear;
use allometry::ops::batch_norm::updated_statistics;
use allometry::{Device, Shape, Tensor};
use safetensors::SafeTensors;
use std::fs;
use std::path::{Path, PathBuf};

/// Of the norm, in f32 on every device.
const SINGLE: f64 = 1e-6;
/// Of the norm, in f64 on the CPU device.
const DOUBLE: f64 = 1e-14;

const EPSILON: f32 = 1.0 / 1024.0;
const MOMENTUM: f32 = 0.75;
const CASES: [&str; 6] = ["batch", "batch_of_features", "batch_in_evaluation", "layer", "rms", "group"];

/// Compares all cases; `number` makes a device's number of a recorded one.
fn follow<E: Element>(place: &str, device: &Device, bound: f64, number: fn(f64) -> E) {
    // Where these tests run without their sources, as on a machine that has only the binaries, this says where they
    // lie.
    let fixtures = std::env::var_os("ALLOMETRY_FIXTURES").map(PathBuf::from);
    let fixtures = fixtures.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"));
    let bytes = fs::read(fixtures.join("norms.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for case in CASES {
        let recorded = |name: &str| -> Option<(Vec<f64>, Vec<usize>)> {
            let view = file.tensor(&format!("{case}.{name}")).ok()?;
            let numbers = view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap()));
            Some((numbers.collect(), view.shape().to_vec()))
        };
        let tensor = |name: &str| {
            let (values, shape) = recorded(name).unwrap();
            let values: Vec<E> = values.into_iter().map(number).collect();
            Tensor::new(device, &values, Shape::new(&shape).unwrap()).unwrap()
        };
        let leaf = |name: &str| recorded(name).map(|_| tensor(name).requires_grad());
        let (x, gamma, beta) = (leaf("x").unwrap(), leaf("gamma").unwrap(), leaf("beta"));
        let beta_of = || beta.as_ref().unwrap();
        let mut found = Vec::new();
        let y = match case {
            "layer" => x.layer_norm(&gamma, beta_of(), EPSILON, Linear).unwrap(),
            "rms" => x.rms_norm(&gamma, EPSILON, Linear).unwrap(),
            "group" => x.group_norm(3, [&gamma, beta_of()], EPSILON, Linear).unwrap(),
            _ => {
                let old = [tensor("old_mean"), tensor("old_variance")];
                if recorded("mean").is_some() {
                    let normalized = x.batch_norm(&gamma, beta_of(), EPSILON, Linear).unwrap();
                    let rows = x.shape().elements() / gamma.shape().elements();
                    let batch = [&normalized.mean, &normalized.variance];
                    let [mean, variance] = updated_statistics(batch, old.each_ref(), rows, MOMENTUM).unwrap();
                    found.extend([("mean", mean), ("variance", variance)]);
                    normalized.output
                } else {
                    x.batch_norm_with(old.each_ref(), [&gamma, beta_of()], EPSILON, Linear).unwrap()
                }
            }
        };
        let gradients = y.backward_from(&tensor("dy")).unwrap();
        found.push(("y", y));
        let leaves = [("dx", Some(&x)), ("dgamma", Some(&gamma)), ("dbeta", beta.as_ref())];
        for (name, leaf) in leaves {
            found.extend(leaf.map(|leaf| (name, gradients.get(leaf).unwrap().clone())));
        }
        let mut compared = 0;
        for (name, found) in found {
            let (values, shape) = recorded(name).unwrap();
            assert_eq!(found.shape()[..], shape, "{place}, {case}: {name}");
            let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
            let found = found.to_f64().unwrap();
            let apart = norm(&mut found.iter().zip(&values).map(|(a, b)| a - b));
            let apart = apart / norm(&mut values.iter().copied());
            assert!(apart <= bound, "{place}, {case}: {name} is {apart:.1e} of its norm from PyTorch's");
            compared += 1;
        }
        let tensors = file.names().into_iter().filter(|name| name.starts_with(&format!("{case}."))).count();
        let operands = ["x", "gamma", "beta", "dy", "old_mean", "old_variance"];
        let operands = operands.iter().filter(|name| recorded(name).is_some()).count();
        assert_eq!(compared, tensors - operands, "{case}");
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
