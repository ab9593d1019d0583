//! Glyphs: characters that are drawn as they are asked for.

use crate::opening::{all, sample};
use allometry::data::{self, BatchTargets, DataOptions, Loader, LoaderOptions, Splits, Targets};

fn glyphs(resolution: usize, seed: u64, samples: usize) -> Splits {
    let resolution = Some(resolution);
    data::open(&DataOptions { resolution, seed, samples: Some(samples), ..DataOptions::default() }).unwrap()
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

#[test]
fn glyphs_need_no_files_and_have_defaults() {
    let Splits { train, validation } = data::open(&DataOptions::default()).unwrap();
    assert_eq!((train.name(), train.targets()), ("glyphs", Targets::Classes(62)));
    assert_eq!(train.sample_shape(), [28, 28, 1]);
    assert_eq!(train.len(), data::glyphs::EPOCH_SAMPLES);
    assert_eq!(validation.len(), data::glyphs::VALIDATION_SAMPLES);
    assert_eq!(glyphs(14, 0, 50).validation.len(), 50);
}

#[test]
fn a_glyph_is_a_function_of_seed_and_running_index() {
    let train = |seed, samples| glyphs(28, seed, samples).train;
    let first = sample(train(5, 10).as_ref(), 1, 3);
    assert_eq!(first, sample(train(5, 10).as_ref(), 1, 3));
    // Epoch 1 of 10 begins at 10: index 3 there is sample 13 of an epoch of 100.
    assert_eq!(first, sample(train(5, 100).as_ref(), 0, 13));
    assert_ne!(first, sample(train(5, 10).as_ref(), 0, 3));
    assert_ne!(first, sample(train(6, 10).as_ref(), 1, 3));
}

#[test]
fn glyphs_validation_is_the_same_for_every_seed_and_epoch_and_apart_from_training() {
    let (one, two) = (glyphs(14, 0, 20), glyphs(14, 9, 20));
    let held_out = all(one.validation.as_ref());
    assert_eq!(held_out, all(two.validation.as_ref()));
    assert_eq!(sample(one.validation.as_ref(), 0, 2), sample(one.validation.as_ref(), 8, 2));
    for splits in [one, two] {
        assert!(
            (0..20).all(|i| sample(splits.train.as_ref(), 0, i) != sample(splits.validation.as_ref(), 0, i))
        );
    }
}

#[test]
fn a_glyph_is_the_same_drawing_at_every_resolution() {
    let (small, large) = (glyphs(14, 1, 40).train, glyphs(56, 1, 40).train);
    for i in 0..40 {
        let ((few, label), (many, same)) = (sample(small.as_ref(), 0, i), sample(large.as_ref(), 0, i));
        assert_eq!(label, same);
        assert!(few.iter().chain(&many).all(|v| (0.0..=1.0).contains(v)));
        // A small pixel is close to the mean of the sixteen that it covers: not equal, because coverage is
        // sampled, and levels are clamped after the grain is added.
        let pooled = (0..14 * 14).map(|p| {
            let (y, x) = (p / 14 * 4, p % 14 * 4);
            (0..16).map(|k| many[(y + k / 4) * 56 + x + k % 4]).sum::<f32>() / 16.0
        });
        let error = mean(&pooled.zip(&few).map(|(a, b)| (a - b).abs()).collect::<Vec<_>>());
        assert!(error < 0.03, "sample {i}: mean difference {error}");
    }
}

#[test]
fn glyphs_have_all_classes_and_ink_in_the_middle() {
    let batch = all(glyphs(28, 2, 2_000).train.as_ref());
    let BatchTargets::Classes(labels) = &batch.targets else { panic!("no classes") };
    let mut counts = [0; 62];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    assert!(counts.iter().all(|&count| (10..=60).contains(&count)), "{counts:?}");

    let brightness = |from: usize, to: usize| {
        let inside = |i: usize| (from..to).contains(&(i / 28 % 28)) && (from..to).contains(&(i % 28));
        mean(
            &batch.inputs.iter().enumerate().filter(|(i, _)| inside(*i)).map(|(_, &v)| v).collect::<Vec<_>>(),
        )
    };
    assert!(brightness(9, 19) > brightness(0, 28) + 0.05);
}

#[test]
fn glyphs_come_out_of_the_loader_alike_each_time() {
    let loader = |splits: Splits| {
        let options = LoaderOptions { batch: 32, shuffle: true, seed: 3, drop_last: false };
        Loader::new(splits.train, options).unwrap()
    };
    let batches = |epoch| loader(glyphs(14, 1, 100)).epoch(epoch).collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(batches(0).iter().map(|b| b.size).collect::<Vec<_>>(), [32, 32, 32, 4]);
    assert_eq!(batches(2), batches(2));
    assert_ne!(batches(2), batches(3));
}
