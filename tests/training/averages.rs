//! Averages of weights, batches in parts, and early stopping.

use crate::adapter::adapter;
use crate::varied::{CROSS_ENTROPY, IMAGE, images, noise, same_bits};
use allometry::data::{Batch, BatchTargets, Dataset, Loader, LoaderOptions, Splits, Target, Targets};
use allometry::nn::{Activation, BatchNorm, Conv2d, Dense, Flatten, Model, Module, Precision, Sequential};
use allometry::optim::{Algorithm, Decay};
use allometry::train::trainer::evaluate;
use allometry::train::{Loss, TrainConfig, Trainer, fit};
use allometry::{Device, Result};
use std::sync::Arc;

fn layers() -> Sequential {
    let body = Sequential::new().add(Conv2d::new(4, [3, 3]).activation(Activation::Relu));
    body.add(Flatten::new()).add(Dense::new(4))
}

/// Parameters and buffers, in order.
fn values(model: &Model) -> Vec<f64> {
    let parameters = model.parameters().iter().map(|(_, value)| value.clone());
    let all = parameters.chain(model.buffers().iter().map(|(_, values)| values));
    all.flat_map(|values| values.to_f64().unwrap()).collect()
}

#[test]
fn averages_follow_their_formula_and_are_what_is_evaluated() {
    for device in [Device::cpu(), adapter()] {
        let normed = layers().add(BatchNorm::new());
        let build = || normed.build(&device, &IMAGE, 3).unwrap();
        let (plain, averaged) = (build(), build());
        let trainer =
            |model| Trainer::new(model, CROSS_ENTROPY, Algorithm::sgd(0.9)).unwrap().with_average(None);
        let mut reference = trainer(&plain).unwrap();
        let mut trainer = trainer(&averaged).unwrap().with_average(Some(0.5)).unwrap();
        let mut expected = values(&plain);
        for step in 1..=12 {
            reference.step(&images(step, 6), 0.05).unwrap();
            trainer.step(&images(step, 6), 0.05).unwrap();
            // 2/11, 3/12, 4/13, … up to the decay.
            let decay = 0.5f64.min(f64::from(1 + step) / f64::from(10 + step));
            for (average, value) in expected.iter_mut().zip(values(&plain)) {
                *average = decay * *average + (1.0 - decay) * value;
            }
        }
        assert_eq!(values(&plain), values(&averaged), "the averages change no step");
        let unseen = || std::iter::once(Ok(images(77, 9)));
        let lent = trainer.evaluate(unseen()).unwrap();
        assert_eq!(values(&plain), values(&averaged), "the evaluation gives the weights back");
        trainer.finish().unwrap();
        for (found, expected) in values(&averaged).into_iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{found}, {expected} expected");
        }
        assert_eq!(lent, evaluate(&averaged, CROSS_ENTROPY, unseen()).unwrap());
        assert_ne!(lent.loss, evaluate(&plain, CROSS_ENTROPY, unseen()).unwrap().loss);
    }
}

#[test]
fn a_batch_in_parts_is_the_same_step() {
    for (device, precision, bound) in [
        (Device::cpu(), Precision::F32, 1e-6),
        (Device::cpu(), Precision::Mixed, 2e-3),
        (adapter(), Precision::F32, 1e-6),
        (adapter(), Precision::Mixed, 2e-3),
    ] {
        let after = |parts: usize| {
            let model = layers().build_in(precision, &device, &IMAGE, 3).unwrap();
            let trainer = Trainer::new(&model, CROSS_ENTROPY, Algorithm::sgd(0.9)).unwrap();
            let mut trainer = trainer.with_parts(parts).unwrap();
            for step in 0..3 {
                trainer.step(&images(step, 7), 0.05).unwrap();
            }
            let metrics = trainer.take_metrics().unwrap();
            assert_eq!(metrics.samples, 21);
            (values(&model), metrics.loss)
        };
        let whole = after(1);
        // Seven samples in parts of two and three, and in single ones.
        for parts in [3, 7, 100] {
            let (found, loss) = after(parts);
            let furthest = found.iter().zip(&whole.0).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(furthest < bound, "{parts} parts, {precision}: {furthest:.1e} apart");
            assert!((loss - whole.1).abs() < bound, "{parts} parts: the losses are counted once");
        }
    }
    let model = layers().build(&Device::cpu(), &IMAGE, 3).unwrap();
    let trainer = Trainer::new(&model, CROSS_ENTROPY, Algorithm::sgd(0.9)).unwrap();
    assert!(trainer.with_parts(0).is_err());
}

/// Noise with targets that are noise, too: what is learned of it is wrong elsewhere.
struct Noise(usize, u32);

impl Dataset for Noise {
    fn name(&self) -> &str {
        "noise"
    }

    fn len(&self) -> usize {
        self.0
    }

    fn sample_shape(&self) -> &[usize] {
        &[6]
    }

    fn targets(&self) -> Targets {
        Targets::Values(1)
    }

    fn write(&self, _epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.check(index, input)?;
        let numbers = noise(7, self.1 + index as u32);
        input.copy_from_slice(&numbers[..6]);
        target.values(&[numbers[6] + 0.5])
    }
}

#[test]
fn early_stopping_keeps_the_best_weights() {
    let device = Device::cpu();
    let splits = Splits { train: Arc::new(Noise(24, 0)), validation: Arc::new(Noise(24, 9_000)) };
    for average in [None, Some(0.9)] {
        let config = TrainConfig {
            epochs: 40,
            batch: 8,
            learning_rate: 0.02,
            average,
            schedule: Decay::Constant,
            early_stopping: Some(10),
            ..TrainConfig::default()
        };
        let layers = Sequential::new().add(Dense::new(64).activation(Activation::Tanh)).add(Dense::new(1));
        let train = |config: &TrainConfig| {
            let model = layers.build(&device, &[6], 1).unwrap();
            let history = fit(&model, &splits, config, &mut ()).unwrap();
            (model, history)
        };
        let (model, history) = train(&config);
        let (kept, stopped) = (history.kept_epoch.unwrap(), history.epochs.len() as u64);
        assert!(kept > 1 && stopped == kept + 10 && stopped < 40, "{kept}, {stopped}");
        let lowest = history.epochs.iter().map(|epoch| epoch.validation.loss).fold(f64::MAX, f64::min);
        assert_eq!(history.result().unwrap().validation.loss, lowest);
        let options = LoaderOptions { batch: 8, shuffle: false, seed: 0, drop_last: false };
        let batches = Loader::new(splits.validation.clone(), options);
        let again = evaluate(&model, Loss::mse(), batches.unwrap().epoch(0)).unwrap();
        assert_eq!(again.loss, lowest, "the model has the weights of that epoch");

        // What early stopping keeps is what the training had after that epoch, however it goes on.
        let patient = TrainConfig { early_stopping: Some(40), ..config };
        let (later, history) = train(&patient);
        assert_eq!((history.kept_epoch, history.epochs.len()), (Some(kept), 40));
        let bits = |model: &Model| values(model).into_iter().map(|v| v as f32).collect::<Vec<_>>();
        assert!(same_bits(&bits(&model), &bits(&later)));
    }
}

/// The targets of a part are those of its samples.
#[test]
fn a_batch_has_ranges() {
    let batch = Batch {
        size: 3,
        inputs: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        targets: BatchTargets::Values(vec![7.0, 8.0, 9.0]),
    };
    let part = batch.range(1..3);
    assert_eq!((part.size, part.inputs), (2, vec![3.0, 4.0, 5.0, 6.0]));
    assert_eq!(part.targets, BatchTargets::Values(vec![8.0, 9.0]));
}
