//! Training in mixed precision: it learns as well as f32, it skips steps whose gradients are not finite, it adapts the
//! loss scale, and it saves the f32 weights.
//!
//! Tests run on the CPU device and on an adapter, and fail if there is no adapter. An adapter without f16 is skipped,
//! with a message.

use super::adapter::adapter;
use super::precisions;
use allometry::data::{Batch, BatchTargets};
use allometry::device::GpuOptions;
use allometry::nn::{
    Activation, Conv2d, Dense, Dropout, Flatten, MaxPool2d, Model, Module, Padding, Precision, Sequential,
};
use allometry::optim::Algorithm;
use allometry::train::{Loss, OptimizerName, TrainConfig, Trainer};
use allometry::{DType, Device, Error, Tensor};
use std::collections::HashMap;

const CROSS_ENTROPY: Loss = Loss::cross_entropy(0.0);
const IMAGE: [usize; 3] = [8, 8, 1];
const CLASSES: usize = 3;

fn devices() -> Vec<Device> {
    let mut devices = vec![Device::cpu(), adapter()];
    devices.retain(|device| precisions::of(device).contains(&Precision::Mixed));
    devices
}

fn layers() -> Sequential {
    Sequential::new()
        .add(Conv2d::new(5, [3, 3]).padding(Padding::Same).activation(Activation::Relu))
        .add(MaxPool2d::new([2, 2]))
        .add(Dropout::new(0.1))
        .add(Flatten::new())
        .add(Dense::new(9).activation(Activation::Relu))
        .add(Dense::new(CLASSES))
}

fn build(precision: Precision, device: &Device) -> Model {
    layers().build_in(precision, device, &IMAGE, 3).unwrap()
}

/// Images whose class is the row of a bright line.
fn images(number: usize) -> Batch {
    let labels: Vec<u32> = (0..16).map(|i| ((i + number) % CLASSES) as u32).collect();
    let pixel = |label: u32, i: usize, k: usize| {
        let noise = ((i * 64 + k + number * 977) as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32;
        0.3 * noise + if k / 8 == 2 * label as usize { 1.0 } else { 0.0 }
    };
    let inputs = (labels.iter().enumerate())
        .flat_map(|(i, &label)| (0..64).map(move |k| pixel(label, i, k)))
        .collect();
    Batch { size: 16, inputs, targets: BatchTargets::Classes(labels) }
}

/// The weights that are updated.
fn master(model: &Model) -> Vec<f32> {
    model.parameters().master().iter().flat_map(|flat| flat.to_vec::<f32>().unwrap()).collect()
}

/// The weights that the passes read.
fn weights(model: &Model) -> Vec<f64> {
    model.parameters().flat().iter().flat_map(|flat| flat.to_f64().unwrap()).collect()
}

/// Whether the weights of the passes are the others, rounded.
fn assert_rounded(model: &Model) {
    let (weights, master) = (weights(model), master(model));
    let rounded: Vec<f64> = master.iter().map(|&w| half::f16::from_f32(w).to_f64()).collect();
    assert!(weights == rounded);
}

/// The loss of each of 40 steps, and the weights.
fn forty_steps(precision: Precision, device: &Device, algorithm: Algorithm) -> (Vec<f64>, Vec<f32>) {
    let model = build(precision, device);
    let mut trainer = Trainer::new(&model, CROSS_ENTROPY, algorithm).unwrap();
    let mut losses = Vec::new();
    for number in 0..40 {
        trainer.step(&images(number), 0.01).unwrap();
        losses.push(trainer.take_metrics().unwrap().loss);
    }
    let scaling = trainer.loss_scaling().unwrap();
    assert_eq!(scaling.is_some(), precision == Precision::Mixed);
    if let Some(scaling) = scaling {
        assert!(scaling.skipped_steps < 8, "{scaling:?}");
        assert_rounded(&model);
    }
    (losses, master(&model))
}

#[test]
fn it_learns_what_f32_learns() {
    for device in devices() {
        for &optimizer in OptimizerName::ALL {
            let algorithm = TrainConfig { optimizer, momentum: 0.9, ..TrainConfig::default() }.algorithm();
            let (single, _) = forty_steps(Precision::F32, &device, algorithm);
            let (mixed, _) = forty_steps(Precision::Mixed, &device, algorithm);
            let (first, last) = (mixed[0], mixed[39]);
            assert!(last < 0.5 * first, "{algorithm:?} on {}: {first} to {last}", device.name());
            assert!((mixed[0] - single[0]).abs() < 2e-3 * single[0], "the first loss: {mixed:?}, {single:?}");
            assert!((last - single[39]).abs() < 0.2 * first, "{algorithm:?}: {last} and {}", single[39]);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    for device in devices() {
        let run = || forty_steps(Precision::Mixed, &device, Algorithm::adamw(0.01));
        assert!(run() == run(), "{}", device.name());
    }
}

#[test]
fn a_step_that_overflows_changes_nothing() {
    for device in devices() {
        for algorithm in [Algorithm::adam(), Algorithm::sgd(0.9), Algorithm::sgd(0.0)] {
            let model = build(Precision::Mixed, &device);
            let mut trainer = Trainer::new(&model, CROSS_ENTROPY, algorithm).unwrap();
            let before = master(&model);
            // Pixels of hundreds: the gradients of the kernels are beyond f16 at this scale.
            let mut bright = images(0);
            bright.inputs.iter_mut().for_each(|pixel| *pixel *= 300.0);
            trainer.step(&bright, 0.01).unwrap();
            assert!(master(&model) == before, "{algorithm:?} on {}", device.name());
            assert_rounded(&model);
            let scaling = trainer.loss_scaling().unwrap().unwrap();
            assert_eq!((scaling.skipped_steps, scaling.scale), (1, 32768.0));
            // What comes after is not held up, and starts as if nothing had been.
            let mut skipped = 1;
            for number in 0..20 {
                trainer.step(&images(number), 0.01).unwrap();
                skipped = trainer.loss_scaling().unwrap().unwrap().skipped_steps;
            }
            assert!(skipped < 10);
            assert!(master(&model).iter().all(|w| w.is_finite()) && master(&model) != before);
        }
    }
}

#[test]
fn what_is_saved_are_the_f32_weights() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("weights.safetensors");
    for device in devices() {
        let model = build(Precision::Mixed, &device);
        let mut trainer = Trainer::new(&model, CROSS_ENTROPY, Algorithm::adam()).unwrap();
        for number in 0..5 {
            trainer.step(&images(number), 0.01).unwrap();
        }
        model.save(&path, HashMap::new()).unwrap();
        let loaded = layers().build_in(Precision::Mixed, &device, &IMAGE, 77).unwrap();
        loaded.load(&path).unwrap();
        assert!(master(&loaded) == master(&model));
        assert_rounded(&loaded);
        let single = layers().build(&device, &IMAGE, 78).unwrap();
        single.load(&path).unwrap();
        // The outputs differ by what the activations were rounded by.
        let batch = images(9);
        let outputs = |model: &Model| -> Vec<f32> {
            model.predict(&model.batch(&batch.inputs).unwrap()).unwrap().to_vec().unwrap()
        };
        for (a, b) in outputs(&single).iter().zip(outputs(&loaded)) {
            assert!((a - b).abs() < 0.01 * (1.0 + a.abs()), "{a} and {b}");
        }
    }
}

#[test]
fn without_16_bit_floats_there_is_no_mixed_precision() {
    let options = GpuOptions { f16: false, ..GpuOptions::default() };
    let device = Device::gpu(options).expect("this test needs an adapter, if only a software one");
    let refused = layers().build_in(Precision::Mixed, &device, &IMAGE, 0).map(drop);
    assert!(matches!(refused, Err(Error::DType { found: "f16", .. })), "{refused:?}");
}

#[test]
fn odd_numbers_of_halves_come_back_as_they_were() {
    for device in devices() {
        for count in [1, 2, 3, 5, 127, 129] {
            let values: Vec<half::f16> = (0..count).map(|i| half::f16::from_f32(i as f32 - 0.5)).collect();
            let tensor = Tensor::new(&device, &values, [count]).unwrap();
            assert_eq!(tensor.dtype(), DType::F16);
            assert_eq!(tensor.to_vec::<half::f16>().unwrap(), values);
            let part = tensor.slice(0, count / 2..count).unwrap();
            assert_eq!(part.to_vec::<half::f16>().unwrap(), values[count / 2..]);
        }
    }
}
