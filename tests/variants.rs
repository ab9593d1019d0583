//! Every variant of a kernel gives correct results, and a chosen variant is the one that runs.

mod exclusive_adapter;

use allometry::bench::tune::tunable;
use allometry::device::class::Class;
use allometry::device::{GpuOptions, Kind, TunedVariants};
use allometry::ops::{Function, Padding};
use allometry::{Device, Result, Tensor};
use exclusive_adapter::exclusive_adapter;
use std::collections::BTreeSet;

/// Numbers between -1 and 1 that follow no pattern, on a device in its widest float.
fn noise(device: &Device, shape: &[usize], seed: usize) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    let values = &allometry::bench::noise_values(seed + count)[seed..];
    let shape = allometry::Shape::new(shape)?;
    match device.kind() {
        Kind::Cpu => Tensor::new(device, &values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), shape),
        _ => Tensor::new(device, values, shape),
    }
}

/// A dense layer, with the gradients of all that it reads. Neither rows, columns nor terms fill a tile.
fn dense(device: &Device, [m, k, n]: [usize; 3], transposed: bool) -> Result<Vec<Tensor>> {
    let x = match transposed {
        true => noise(device, &[k, m], 1)?.transpose()?,
        false => noise(device, &[m, k], 1)?,
    };
    let (x, w) = (x.requires_grad(), noise(device, &[k, n], 2)?.requires_grad());
    let bias = noise(device, &[n], 3)?.requires_grad();
    let y = x.dense(&w, Some(&bias), Function::Tanh)?;
    let gradients = y.backward_from(&noise(device, &[m, n], 4)?)?;
    let gradient = |leaf: &Tensor| gradients.get(leaf).expect("it was asked for").clone();
    Ok(vec![y, gradient(&x), gradient(&w), gradient(&bias)])
}

fn conv(device: &Device, channels: [usize; 2], groups: usize, strides: [usize; 2]) -> Result<Vec<Tensor>> {
    let [ci, co] = channels;
    let x = noise(device, &[2, 9, 7, ci * groups], 1)?.requires_grad();
    let w = noise(device, &[3, 2, ci, co * groups], 2)?.requires_grad();
    let bias = noise(device, &[co * groups], 3)?.requires_grad();
    let y = x.conv2d_grouped(&w, Some(&bias), groups, strides, Padding::Same, Function::Tanh)?;
    let gradients = y.backward_from(&noise(device, &y.shape(), 4)?)?;
    let gradient = |leaf: &Tensor| gradients.get(leaf).expect("it was asked for").clone();
    Ok(vec![y, gradient(&x), gradient(&w), gradient(&bias)])
}

type Run = fn(&Device) -> Result<Vec<Tensor>>;

/// What uses a family, in shapes of several classes.
fn uses(family: &str) -> Vec<(&'static str, Run)> {
    match family {
        "matmul" => vec![
            ("68 × 36 × 132", |d| dense(d, [68, 36, 132], false)),
            ("131 × 133 × 131, transposed", |d| dense(d, [131, 133, 131], true)),
            ("132 × 136 × 132, transposed", |d| dense(d, [132, 136, 132], true)),
            ("a long sum", |d| dense(d, [33, 1090, 21], false)),
        ],
        _ => vec![
            ("4 → 68, stride 2 and 1", |d| conv(d, [4, 68], 1, [2, 1])),
            ("19 → 35 in two groups", |d| conv(d, [19, 35], 2, [1, 2])),
            ("65 → 68", |d| conv(d, [65, 68], 1, [1, 1])),
        ],
    }
}

/// ‖got - want‖ ≤ 1e-5·‖want‖.
fn assert_close(got: &Tensor, want: &Tensor, what: &str) {
    assert_eq!(got.shape(), want.shape(), "{what}");
    let (got, want) = (got.to_f64().unwrap(), want.to_f64().unwrap());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let (off, size) = (norm(&mut got.iter().zip(&want).map(|(g, w)| g - w)), norm(&mut want.iter().copied()));
    assert!(off <= 1e-5 * size, "{what}: {off:e} off {size:e}");
}

/// The choice of one variant for every class.
fn everywhere(family: &str, variant: &str) -> TunedVariants {
    let mut choices = TunedVariants::default();
    Class::all().for_each(|class| choices.set(family, class, Some(variant)));
    choices
}

#[test]
fn every_variant_is_right_and_runs_where_it_is_chosen() {
    let oracle = Device::cpu();
    let device = exclusive_adapter();
    for family in tunable() {
        for (name, run) in uses(family.name()) {
            let want = run(&oracle).unwrap();
            let mut seen = Vec::new();
            for variant in device.variants(family) {
                device.set_tuned_variants(everywhere(family.name(), variant));
                let (got, profile) = device.profile(|| run(&device)).unwrap();
                let what = format!("{name} by {} {variant}", family.name());
                for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                    assert_close(got, want, &format!("{what}, result {i}"));
                }
                let ran = profile.dispatches.iter().map(|d| d.kernel);
                let of_family: BTreeSet<&str> =
                    ran.filter(|k| k.starts_with(family.name()) && *k != "matmul.join").collect();
                assert!(!of_family.is_empty(), "{what}: nothing of it ran");
                // The label of the first has no variant in it.
                let own = |label: &&str| label.ends_with(&format!("_{variant}")) || !label.contains('_');
                assert!(of_family.iter().all(own), "{what}: {of_family:?}");
                assert!(of_family.iter().all(|label| !seen.contains(label)), "{what}: {of_family:?}");
                seen.extend(of_family);
            }
        }
    }
}

#[test]
fn the_same_choices_give_the_same_bits() {
    let run = |device: &Device, choices: &TunedVariants| {
        device.set_tuned_variants(choices.clone());
        assert_eq!(device.tuned_variants(), *choices);
        dense(device, [68, 300, 132], false).unwrap()[0].to_vec::<f32>().unwrap()
    };
    let device = exclusive_adapter();
    let other = Device::gpu(GpuOptions::default()).expect("the adapter opens a second time");
    assert!(
        other.tuned_variants().is_empty() && other.warning().is_none(),
        "options read no file unless asked to"
    );
    let family = tunable().find(|family| family.name() == "matmul").unwrap();
    for variant in device.variants(family) {
        let choices = everywhere("matmul", variant);
        assert_eq!(run(&device, &choices), run(&other, &choices), "{variant}");
    }
    // A name that no variant has means the default.
    assert_eq!(run(&device, &everywhere("matmul", "3x3")), run(&other, &TunedVariants::default()));
}
