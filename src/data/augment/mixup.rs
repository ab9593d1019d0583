//! Mixup (Zhang et al. 2017): each image of a batch is mixed with another, and so are their losses.

use super::image::generator;
use crate::data::dataset::{Batch, BatchTargets};
use rand::RngExt;
use rand::seq::SliceRandom;

/// Mixes a batch of labelled samples, by numbers that follow from the seed, the epoch and the batch's number. The
/// weight λ of Beta(α, α) is that of the whole batch, as in the authors' code; λ and 1 − λ give the same mixtures, so
/// the larger one is taken, and the first label is the one that counts more. Batches of numbers stay as they are.
pub fn mix(batch: &mut Batch, alpha: f64, seed: u64, epoch: u64, number: u64) {
    let BatchTargets::Classes(labels) = &mut batch.targets else { return };
    // Samples have the other half of the numbers.
    let mut random = generator(!seed, epoch, number);
    let weight = loop {
        // Jöhnk's algorithm for Beta(α, α) with α of at most 1.
        let [x, y] = [0; 2].map(|_| random.random::<f64>().powf(1.0 / alpha));
        if x + y > 0.0 && x + y <= 1.0 {
            break (x.max(y) / (x + y)) as f32;
        }
    };
    let mut partners: Vec<usize> = (0..batch.size).collect();
    partners.shuffle(&mut random);
    let features = batch.inputs.len() / batch.size.max(1);
    let whole = batch.inputs.clone();
    for (input, &partner) in batch.inputs.chunks_exact_mut(features).zip(&partners) {
        let other = &whole[partner * features..][..features];
        input
            .iter_mut()
            .zip(other)
            .for_each(|(value, other)| *value = weight * *value + (1.0 - weight) * other);
    }
    let second = partners.iter().map(|&partner| labels[partner]).collect();
    batch.targets = BatchTargets::Mixed { first: std::mem::take(labels), second, weight };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let inputs = (0..8).flat_map(|i| [i as f32, 10.0 * i as f32]).collect();
        Batch { size: 8, inputs, targets: BatchTargets::Classes((0..8).collect()) }
    }

    #[test]
    fn inputs_and_labels_are_mixed_alike() {
        let mut high = 0;
        for number in 0..400 {
            let mut mixed = batch();
            mix(&mut mixed, 0.3, 1, 2, number);
            let BatchTargets::Mixed { first, second, weight } = &mixed.targets else { panic!("not mixed") };
            assert_eq!(first, &(0..8).collect::<Vec<u32>>());
            let mut sorted = second.clone();
            sorted.sort_unstable();
            assert_eq!(&sorted, first);
            assert!((0.5..=1.0).contains(weight));
            for (i, input) in mixed.inputs.chunks(2).enumerate() {
                let wanted = weight * i as f32 + (1.0 - weight) * second[i] as f32;
                assert!((input[0] - wanted).abs() < 1e-5 && (input[1] - 10.0 * wanted).abs() < 1e-4);
            }
            high += usize::from(*weight > 0.9);
        }
        // Beta(0.3, 0.3) has 0.283 of its mass below 0.1, and as much above 0.9 (SciPy's beta.cdf).
        assert!((190..=262).contains(&high), "{high}");
        let mixed = |seed, epoch, number| {
            let mut batch = batch();
            mix(&mut batch, 0.3, seed, epoch, number);
            batch
        };
        assert_eq!(mixed(1, 2, 3), mixed(1, 2, 3));
        assert!(mixed(0, 2, 3) != mixed(1, 2, 3) && mixed(1, 0, 3) != mixed(1, 2, 3));
    }
}
