//! What is trained: a model with something of every kind, images for it, and devices to train it on.

use allometry::data::{Batch, BatchTargets};
use allometry::nn::{
    Activation, AveragePool2d, Conv2d, Dense, Dropout, Flatten, MaxPool2d, Model, Padding, Sequential,
};
use allometry::train::Loss;

pub const CROSS_ENTROPY: Loss = Loss::cross_entropy(0.1);
pub const CLASSES: usize = 4;

/// Numbers between -1 and 1 that are the same each time and follow no pattern.
pub fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mix = |i: u32| {
        let mut x = i.wrapping_mul(0x9e37_79b9) ^ seed.wrapping_mul(0x85eb_ca6b);
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        (x ^ (x >> 16)) as f32 / (1u32 << 31) as f32 - 1.0
    };
    (0..count as u32).map(mix).collect()
}

/// A model with something of every kind: convolutions with and without stride, both poolings, dropout, dense
/// layers, activations that keep their input and such that keep their output.
pub fn varied() -> Sequential {
    Sequential::new()
        .add(Conv2d::new(4, [3, 3]).padding(Padding::Same).activation(Activation::Relu))
        .add(MaxPool2d::new([2, 2]))
        .add(Conv2d::new(6, [3, 3]).strides([2, 2]).padding(Padding::Same).activation(Activation::Gelu))
        .add(Dropout::new(0.25))
        .add(AveragePool2d::new([2, 2]))
        .add(Flatten::new())
        .add(Dense::new(8).activation(Activation::Silu))
        .add(Dropout::new(0.5))
        .add(Dense::new(CLASSES))
}

pub const IMAGE: [usize; 3] = [9, 9, 2];

/// Batch number `number`: images whose class shows in their mean.
pub fn images(number: u32, size: usize) -> Batch {
    let labels: Vec<u32> = (0..size as u32).map(|i| (i + number) % CLASSES as u32).collect();
    let features = IMAGE.iter().product();
    let inputs = labels
        .iter()
        .enumerate()
        .flat_map(|(i, &label)| {
            noise(features, number * 1000 + i as u32).into_iter().map(move |v| v + 0.5 * label as f32)
        })
        .collect();
    Batch { size, inputs, targets: BatchTargets::Classes(labels) }
}

pub fn weights(model: &Model) -> Vec<f32> {
    model.parameters().flat().iter().flat_map(|flat| flat.to_vec::<f32>().unwrap()).collect()
}

pub fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}
