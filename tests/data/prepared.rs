//! Images as a training reads them: normalised, changed at random, mixed.

use crate::mnist::mnist;
use crate::opening::{all, assert_says, options};
use allometry::Result;
use allometry::data::{
    self, Augment, Batch, BatchTargets, ChannelStatistics, Dataset, Inputs, Loader, LoaderOptions, Normalize,
    Splits, Target, Targets, prepared,
};
use allometry::models::Architecture;
use std::sync::Arc;
use tempfile::TempDir;

/// Images of 6 × 6 pixels in colour whose values follow from their place.
struct Colours(usize);

impl Dataset for Colours {
    fn name(&self) -> &str {
        "colours"
    }
    fn len(&self) -> usize {
        self.0
    }
    fn sample_shape(&self) -> &[usize] {
        &[6, 6, 3]
    }
    fn targets(&self) -> Targets {
        Targets::Classes(5)
    }
    fn write(&self, _: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        for (place, value) in input.iter_mut().enumerate() {
            *value = ((place * 31 + index * 57) % 101) as f32 / 101.0 / (1 + place % 3) as f32;
        }
        target.class((index % 5) as u32)
    }
}

fn colours() -> Splits {
    Splits { train: Arc::new(Colours(40)), validation: Arc::new(Colours(10)) }
}

fn augmented(changes: &str, normalize: Normalize, seed: u64) -> Splits {
    prepared(&colours(), changes.parse().unwrap(), normalize, seed).unwrap()
}

const EVERYTHING: &str = "resized-crop:0.3,crop:2,flip,rotate:20,brightness:0.3,contrast:0.3,cutout:3";

#[test]
fn channels_of_the_training_images_have_mean_0_and_deviation_1() {
    let Splits { train, validation } = augmented("mixup:0.2", Normalize::Channels, 0);
    let statistics = ChannelStatistics::of(&Colours(40)).unwrap();
    let moments = |set: &dyn Dataset, channel: usize| {
        let values: Vec<f64> = all(set).inputs.iter().skip(channel).step_by(3).map(|&v| v.into()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        (mean, (square - mean * mean).sqrt())
    };
    for channel in 0..3 {
        let (mean, deviation) = moments(train.as_ref(), channel);
        assert!(mean.abs() < 1e-5 && (deviation - 1.0).abs() < 1e-5, "{mean} {deviation}");
        let (mean, deviation) = moments(&Colours(40), channel);
        assert!((statistics.mean[channel] - mean).abs() < 1e-9);
        assert!((statistics.deviation[channel] - deviation).abs() < 1e-9);
    }
    // Validation is normalised by the same numbers.
    let mut wanted = all(&Colours(10)).inputs;
    statistics.normalize(&mut wanted);
    assert_eq!(all(validation.as_ref()).inputs, wanted);
    let plain = augmented("mixup:0.2", Normalize::None, 0);
    assert_eq!(all(plain.train.as_ref()), all(&Colours(40)));
}

#[test]
fn statistics_stay_with_the_inputs_and_suit_what_has_a_mean() {
    let place = TempDir::new().unwrap();
    mnist(place.path(), 5, 3);
    let splits = data::open(&options("mnist", place.path())).unwrap();
    let normalized = prepared(&splits, Augment::default(), Normalize::Channels, 0).unwrap();
    let Some(Inputs::Images(inputs)) = normalized.train.inputs() else { panic!("no images") };
    // Levels 0, 10, 20, 30, 40.
    let statistics = inputs.normalization.unwrap();
    assert!((statistics.mean[0] - 20.0 / 255.0).abs() < 1e-7);
    assert!((statistics.deviation[0] - 200f64.sqrt() / 255.0).abs() < 1e-7);
    let Some(Inputs::Images(inputs)) = splits.train.inputs() else { panic!("no images") };
    assert!(inputs.normalization.is_none());
    // Drawn without end: no mean.
    let glyphs = data::open(&data::DataOptions { samples: Some(10), ..Default::default() }).unwrap();
    let same = prepared(&glyphs, Augment::default(), Normalize::Channels, 0).unwrap();
    assert_eq!(all(same.train.as_ref()), all(glyphs.train.as_ref()));
}

#[test]
fn a_model_rescales_the_images_that_a_training_does_not_normalise() {
    let glyphs = data::open(&data::DataOptions { samples: Some(10), ..Default::default() }).unwrap();
    let rescales = |model: &str, set: &dyn Dataset, normalize| {
        Architecture::preset(model).unwrap().for_dataset(set, normalize).rescale
    };
    for (normalize, drawn, images) in [(Normalize::Channels, true, false), (Normalize::None, true, true)] {
        let found = (
            rescales("convnet", glyphs.train.as_ref(), normalize),
            rescales("convnet", &Colours(4), normalize),
        );
        assert_eq!(found, (drawn, images), "{normalize:?}");
        assert!(!rescales("resnet50", &Colours(4), normalize), "a model for normalised images only");
    }
}

#[test]
fn changes_follow_from_seed_epoch_and_sample_whatever_the_threads() {
    let gather = |threads: usize, seed: u64, epoch: u64, indices: &[usize]| {
        let Splits { train, .. } = augmented(EVERYTHING, Normalize::Channels, seed);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Batch::gather(train.as_ref(), epoch, indices).unwrap())
    };
    let indices: Vec<usize> = (0..40).collect();
    let one = gather(1, 3, 2, &indices);
    assert_eq!(one, gather(4, 3, 2, &indices));
    assert_eq!(gather(4, 3, 2, &indices[20..]).inputs, one.inputs[20 * 108..]);
    for other in [gather(1, 4, 2, &indices), gather(1, 3, 1, &indices)] {
        let same = other.inputs.chunks(108).zip(one.inputs.chunks(108)).filter(|(a, b)| a == b).count();
        assert_eq!((same, &other.targets), (0, &one.targets));
    }
    let plain = augmented("flip", Normalize::Channels, 3);
    let Splits { validation, .. } = augmented(EVERYTHING, Normalize::Channels, 3);
    assert_eq!(all(validation.as_ref()), all(plain.validation.as_ref()));
}

#[test]
fn half_of_the_images_are_flipped_and_crops_reach_every_shift() {
    let flipped = all(augmented("flip", Normalize::None, 0).train.as_ref());
    let plain = all(&Colours(40));
    let same = flipped.inputs.chunks(108).zip(plain.inputs.chunks(108)).filter(|(a, b)| a == b).count();
    assert!((10..=30).contains(&same), "{same} of 40 are as they were");
    let cropped = augmented("crop:1", Normalize::None, 0).train;
    let mut shifts = std::collections::BTreeSet::new();
    for (image, original) in all(cropped.as_ref()).inputs.chunks(108).zip(plain.inputs.chunks(108)) {
        let shift = (0..9).find(|shift| {
            // The pixel in the middle, from where it was.
            let source = (3 + shift / 3 - 1) * 6 + (3 + shift % 3 - 1);
            image[(3 * 6 + 3) * 3..][..3] == original[source * 3..][..3]
        });
        shifts.insert(shift.expect("a shift by at most one pixel"));
    }
    assert!(shifts.len() >= 8, "{shifts:?}");
}

#[test]
fn batches_are_mixed_the_same_from_any_place() {
    let options = LoaderOptions { batch: 8, shuffle: true, seed: 1, drop_last: true };
    let loader = || Loader::new(Arc::new(Colours(40)), options).unwrap();
    let mixed = loader().with_mixup(0.4).unwrap();
    let whole: Vec<Batch> = mixed.epoch(3).map(Result::unwrap).collect();
    assert_eq!(mixed.epoch_from(3, 2).map(Result::unwrap).collect::<Vec<_>>(), whole[2..]);
    for (batch, plain) in whole.iter().zip(loader().epoch(3).map(Result::unwrap)) {
        let BatchTargets::Mixed { first, .. } = &batch.targets else { panic!("not mixed") };
        assert_eq!(BatchTargets::Classes(first.clone()), plain.targets);
        assert_ne!(batch.inputs, plain.inputs);
        let part = batch.range(2..5);
        let BatchTargets::Mixed { first, second, .. } = part.targets else { panic!("not mixed") };
        assert_eq!((first.len(), second.len(), part.inputs.len()), (3, 3, 3 * 108));
    }
    assert!(loader().with_mixup(1.5).is_err());
}

#[test]
fn changes_that_do_not_suit_the_samples_are_refused() {
    let refusal = |splits: &Splits, changes: &str| {
        let refused = prepared(splits, changes.parse().unwrap(), Normalize::Channels, 0);
        refused.map(drop).unwrap_err().to_string()
    };
    assert_says(&refusal(&colours(), "crop:7"), &["crop:7", "6 × 6"]);
    assert_says(&refusal(&colours(), "cutout:8,flip"), &["flip,cutout:8", "6 × 6"]);
    let place = TempDir::new().unwrap();
    let path = place.path().join("table.csv");
    let rows: String = (0..20).map(|i| format!("{i},{}\n", i * i)).collect();
    std::fs::write(&path, format!("a,b\n{rows}")).unwrap();
    let table = data::open(&options("csv", &path)).unwrap();
    assert_says(&refusal(&table, "flip"), &["no images"]);
    assert!(prepared(&table, Augment::default(), Normalize::Channels, 0).is_ok());
}
