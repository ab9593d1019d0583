//! Recomputed activations: the same gradients and the same training, bit for bit, in less memory.

use super::exclusive_adapter::exclusive_adapter;
use super::precisions;
use allometry::autograd::recompute;
use allometry::data::{Batch, BatchTargets};
use allometry::nn::{
    Activation, AveragePool2d, BatchNorm, Conv2d, Dense, DepthwiseConv2d, Dropout, Flatten, MaxPool2d,
    Module, Padding, Precision, Rescaling, Sequential,
};
use allometry::optim::Algorithm;
use allometry::train::{Loss, Trainer};
use allometry::{Device, Tensor};

/// Runs `test` on the CPU device and on the adapter.
fn on_both_devices(test: impl Fn(&Device)) {
    test(&Device::cpu());
    test(&exclusive_adapter());
}

const IMAGE: [usize; 3] = [12, 12, 2];
const CLASSES: usize = 3;

/// Every kind of layer, with activations whose gradients read outputs and ones whose gradients read inputs, and deep
/// enough that several segments are computed again.
fn layers() -> Sequential {
    let conv = |activation| Conv2d::new(6, [3, 3]).padding(Padding::Same).activation(activation);
    Sequential::new()
        .add(Rescaling::new(3.0, -0.5))
        .add(conv(Activation::Relu))
        .add(conv(Activation::Gelu))
        .add(BatchNorm::new().activation(Activation::Silu))
        .add(Dropout::new(0.2))
        .add(conv(Activation::Tanh))
        .add(MaxPool2d::new([2, 2]))
        .add(conv(Activation::Silu))
        .add(DepthwiseConv2d::new([3, 3]).padding(Padding::Same).activation(Activation::Gelu))
        .add(conv(Activation::Relu))
        .add(Dropout::new(0.1))
        .add(AveragePool2d::new([2, 2]))
        .add(Flatten::new())
        .add(Dense::new(30).activation(Activation::Gelu))
        .add(Dense::new(40).activation(Activation::Relu))
        .add(Dense::new(CLASSES))
}

fn batch(number: usize) -> Batch {
    let size = 4;
    let value = |i: usize| ((i + 1000 * number) as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32;
    let inputs = (0..size * IMAGE.iter().product::<usize>()).map(value).collect();
    let labels = (0..size).map(|i| ((i + number) % CLASSES) as u32).collect();
    Batch { size, inputs, targets: BatchTargets::Classes(labels) }
}

/// Losses, final weights and running statistics, and peak memory of five steps.
fn five_steps(
    device: &Device,
    layers: &Sequential,
    precision: Precision,
    recompute: bool,
) -> (Vec<f64>, Vec<f32>, u64) {
    device.reset_peak();
    let model = layers.build_in(precision, device, &IMAGE, 5).unwrap().with_recompute(recompute);
    let loss = Loss::cross_entropy(0.0);
    let mut trainer = Trainer::new(&model, loss, Algorithm::adam()).unwrap();
    let mut losses = Vec::new();
    for number in 0..5 {
        trainer.step(&batch(number), 0.01).unwrap();
        losses.push(trainer.take_metrics().unwrap().loss);
    }
    let buffers = model.buffers().iter().map(|(_, buffer)| buffer);
    let tensors = model.parameters().master().iter().cloned().chain(buffers);
    let weights = tensors.flat_map(|tensor| tensor.to_vec::<f32>().unwrap()).collect();
    (losses, weights, device.usage().peak)
}

#[test]
fn training_is_the_same_bit_for_bit_in_less_memory() {
    on_both_devices(|device| {
        for precision in precisions::of(device) {
            let (losses, weights, peak) = five_steps(device, &layers(), precision, false);
            let again = five_steps(device, &layers(), precision, true);
            assert_eq!(losses, again.0, "{precision} on {}", device.name());
            assert!(weights == again.1, "{precision} on {}", device.name());
            assert!(again.2 < peak, "{precision} on {}: {} of {peak} bytes", device.name(), again.2);
        }
    });
}

#[test]
fn gradients_are_the_same_bit_for_bit() {
    on_both_devices(|device| {
        let gradients = |recompute| {
            let model = layers().build(device, &IMAGE, 5).unwrap().with_recompute(recompute);
            let mut optimizer = Algorithm::sgd(0.0).build(model.parameters()).unwrap();
            // The second step finds the gradients of the first in the slots.
            for step in 0..2 {
                let x = model.batch(&batch(step).inputs).unwrap();
                let output = model.train(&x, step as u64).unwrap();
                let loss = output.square().unwrap().mean(&[], false).unwrap();
                optimizer.backward(&loss).unwrap();
            }
            let own = |(name, _)| optimizer.gradient(name).unwrap().to_vec::<f32>().unwrap();
            model.parameters().iter().map(own).collect::<Vec<_>>()
        };
        let (kept, recomputed) = (gradients(false), gradients(true));
        assert!(kept.iter().flatten().any(|&g| g != 0.0));
        assert!(kept == recomputed, "on {}", device.name());
    });
}

#[test]
fn a_row_inside_a_row_is_divided_as_if_it_stood_alone() {
    let device = Device::cpu();
    let nested = Sequential::new().add(layers());
    let (losses, weights, peak) = five_steps(&device, &nested, Precision::F32, false);
    let again = five_steps(&device, &nested, Precision::F32, true);
    assert_eq!(losses, again.0);
    assert!(weights == again.1);
    assert!(again.2 < peak, "{} of {peak} bytes", again.2);
    assert_eq!(again.2, five_steps(&device, &layers(), Precision::F32, true).2);
}

/// A block of two inputs, of which the first comes in a second time and the gradient of the other is not asked for.
fn product(inputs: &[Tensor]) -> allometry::Result<Tensor> {
    inputs[0].mul(&inputs[1])?.add(&inputs[2].square()?)?.tanh()
}

#[test]
fn a_block_may_take_an_input_twice_and_stand_on_another() {
    on_both_devices(|device| {
        let run = |again: bool| {
            let block = |inputs: &[Tensor]| if again { recompute(inputs, product) } else { product(inputs) };
            let a = Tensor::new(device, &[0.3f32, -0.8, 0.5], [3]).unwrap().requires_grad();
            let b = Tensor::new(device, &[1.5f32, 0.4, -0.2], [3]).unwrap();
            let first = block(&[a.clone(), b.clone(), a.clone()]).unwrap();
            let second = block(&[first.clone(), a.clone(), b]).unwrap();
            let gradients = second.add(&first).unwrap().sum(&[], false).unwrap().backward().unwrap();
            (second.to_vec::<f32>().unwrap(), gradients.get(&a).unwrap().to_vec::<f32>().unwrap())
        };
        let ((kept, expected), (output, gradient)) = (run(false), run(true));
        assert_eq!(kept, output);
        // The sums of contributions associate differently, as the block adds its own first.
        for (found, expected) in gradient.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6, "{gradient:?}, {expected:?}");
        }
    });
}

#[test]
fn a_block_that_nothing_asks_a_gradient_of_runs_once() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let device = Device::cpu();
    let runs = Arc::new(AtomicU32::new(0));
    let count = |input: &Tensor| {
        let counter = runs.clone();
        recompute(std::slice::from_ref(input), move |inputs| {
            counter.fetch_add(1, Ordering::Relaxed);
            inputs[0].square()
        })
        .unwrap()
    };
    let x = Tensor::new(&device, &[1.0f32, 2.0], [2]).unwrap();
    assert!(count(&x).graph().is_none());
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    let x = x.requires_grad();
    let gradients = count(&x).sum(&[], false).unwrap().backward().unwrap();
    assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>().unwrap(), [2.0, 4.0]);
    assert_eq!(runs.load(Ordering::Relaxed), 3);
}
