//! The loop: losses that fall, what it tells on the way, and an end that can be asked for.

use crate::adapter::adapter;
use crate::varied::{noise, same_bits, weights};
use allometry::data::{Batch, BatchTargets, Dataset, Splits, Target, Targets};
use allometry::nn::{Activation, Dense, Model, Module, Sequential};
use allometry::optim::Decay;
use allometry::train::{
    Callback, EpochReport, Loss, LossName, Progress, TrainConfig, fit, trainer::evaluate,
};
use allometry::{Device, Error, Result};
use std::sync::Arc;

/// A linear function of four numbers, or the class that its sign says.
struct Plane {
    samples: usize,
    seed: u32,
    classes: bool,
    /// The number to learn, of the value of the linear function.
    of: fn(f32) -> f32,
}

impl Dataset for Plane {
    fn name(&self) -> &str {
        "plane"
    }

    fn len(&self) -> usize {
        self.samples
    }

    fn sample_shape(&self) -> &[usize] {
        &[4]
    }

    fn targets(&self) -> Targets {
        if self.classes { Targets::Classes(2) } else { Targets::Values(1) }
    }

    fn write(&self, _epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.check(index, input)?;
        input.copy_from_slice(&noise(4, self.seed + index as u32));
        let value = input[0] - 2.0 * input[1] + 0.5 * input[2] + 1.0;
        if self.classes { target.class((value > 1.0) as u32) } else { target.values(&[(self.of)(value)]) }
    }
}

fn plane(classes: bool) -> Splits {
    plane_of(classes, |value| value)
}

fn plane_of(classes: bool, of: fn(f32) -> f32) -> Splits {
    let split = |samples, seed| Arc::new(Plane { samples, seed, classes, of });
    Splits { train: split(128, 0), validation: split(50, 10_000) }
}

fn config(epochs: usize, learning_rate: f64) -> TrainConfig {
    TrainConfig {
        epochs,
        learning_rate,
        batch: 16,
        warmup: 4.0 / (8 * epochs) as f64,
        ..TrainConfig::default()
    }
}

fn small(outputs: usize, device: &Device) -> Model {
    let layers = Sequential::new().add(Dense::new(16).activation(Activation::Relu)).add(Dense::new(outputs));
    layers.build(device, &[4], 0).unwrap()
}

fn regression_learns(device: &Device) {
    let model = small(1, device);
    let history = fit(&model, &plane(false), &config(20, 0.02), &mut ()).unwrap();
    let (first, last) = (&history.epochs[0], &history.epochs[19]);
    assert_eq!((history.epochs.len(), history.samples_seen), (20, 20 * 128));
    assert_eq!((first.train.accuracy, last.validation.accuracy), (None, None));
    assert_eq!((last.train.samples, last.validation.samples), (128, 50));
    let (before, after) = (first.validation.loss, last.validation.loss);
    assert!(after < 0.02 * before, "{before} to {after}");
}

#[test]
fn regression_learns_on_the_cpu() {
    regression_learns(&Device::cpu());
}

#[test]
fn regression_learns_on_the_adapter() {
    regression_learns(&adapter());
}

#[test]
fn classification_learns_and_says_how_it_goes() {
    #[derive(Default)]
    struct Told {
        steps: Vec<(u64, u64)>,
        epochs: Vec<u64>,
    }
    impl Callback for Told {
        fn on_progress(&mut self, progress: &Progress) {
            assert_eq!((progress.steps, progress.epochs), (8, 15));
            assert!(progress.metrics.loss.is_finite() && progress.samples_per_second > 0.0);
            self.steps.push((progress.epoch, progress.step));
        }

        fn on_epoch(&mut self, report: &EpochReport) {
            self.epochs.push(report.epoch);
        }

        fn report_seconds(&self) -> f64 {
            0.0
        }
    }
    let model = small(2, &Device::cpu());
    let mut told = Told::default();
    let history = fit(&model, &plane(true), &config(15, 0.02), &mut told).unwrap();
    let last = history.epochs.last().unwrap();
    assert!(last.validation.accuracy.unwrap() >= 0.9, "{last:?}");
    assert!(last.train.accuracy.unwrap() >= 0.95, "{last:?}");
    // With a report at every step, each of them is told, and once.
    let all: Vec<(u64, u64)> = (1..=15).flat_map(|epoch| (1..=8).map(move |step| (epoch, step))).collect();
    assert_eq!(told.steps, all);
    assert_eq!(told.epochs, (1..=15).collect::<Vec<_>>());
    assert_eq!(history.throughput.len(), all.len() - 1, "the first step is a warm-up");
}

#[test]
fn how_often_training_is_looked_at_changes_no_number() {
    struct Last(Option<Progress>, f64);
    impl Callback for Last {
        fn on_progress(&mut self, progress: &Progress) {
            self.0 = Some(*progress);
        }

        fn report_seconds(&self) -> f64 {
            self.1
        }
    }
    let train = |report_seconds: f64| {
        let mut last = Last(None, report_seconds);
        let history = fit(&small(2, &Device::cpu()), &plane(true), &config(3, 0.02), &mut last).unwrap();
        (history.epochs.iter().map(|epoch| epoch.train).collect::<Vec<_>>(), last.0.unwrap().metrics)
    };
    let (seldom, whole) = train(1e9);
    let (often, step) = train(0.0);
    assert_eq!(seldom, often);
    // Nothing is read between the ends of two epochs, or every step of 16 samples is.
    assert_eq!((whole, step.samples), (seldom[2], 16));
    assert!(step.loss.is_finite() && (0.0..=1.0).contains(&step.accuracy.unwrap()));
}

#[test]
fn the_huber_loss_is_that_of_its_delta_and_learns() {
    for device in [Device::cpu(), adapter()] {
        for delta in [0.25, 1.0] {
            let model = small(1, &device);
            let loss = Loss::huber(delta as f32);
            let (inputs, targets) =
                (noise(40, 5), noise(10, 6).iter().map(|v| 3.0 * v).collect::<Vec<f32>>());
            let outputs = model.predict(&model.batch(&inputs).unwrap()).unwrap().to_f64().unwrap();
            let of = |d: f64| if d <= delta { 0.5 * d * d } else { delta * (d - 0.5 * delta) };
            let losses = outputs.iter().zip(&targets).map(|(y, &t)| of((y - f64::from(t)).abs()));
            let expected = losses.sum::<f64>() / 10.0;
            let batch = Batch { size: 10, inputs, targets: BatchTargets::Values(targets) };
            let found = evaluate(&model, loss, [Ok(batch)].into_iter()).unwrap();
            assert!((found.loss - expected).abs() < 1e-5 * expected, "{found:?}, {expected} expected");
            assert_eq!((found.accuracy, found.samples), (None, 10));

            let config = TrainConfig { loss: Some(LossName::Huber), huber_delta: delta, ..config(20, 0.02) };
            let history = fit(&model, &plane(false), &config, &mut ()).unwrap();
            let [before, after] = [0, 19].map(|epoch: usize| history.epochs[epoch].validation.loss);
            assert!(after < 0.1 * before, "{before} to {after}");
        }
    }
}

#[test]
fn the_loss_of_a_mixed_batch_is_that_of_both_labels() {
    for device in [Device::cpu(), adapter()] {
        let model = small(3, &device);
        let labels = [vec![0, 1, 2, 0, 1], vec![2, 1, 0, 1, 0]];
        let loss_of = |targets: BatchTargets| {
            let batch = Batch { size: 5, inputs: noise(20, 5), targets };
            evaluate(&model, Loss::cross_entropy(0.1), [Ok(batch)].into_iter()).unwrap()
        };
        let [first, second] = labels.clone().map(|labels| loss_of(BatchTargets::Classes(labels)));
        let [of_first, of_second] = labels;
        let mixed = loss_of(BatchTargets::Mixed { first: of_first, second: of_second, weight: 0.75 });
        let expected = 0.75 * first.loss + 0.25 * second.loss;
        assert!((mixed.loss - expected).abs() < 1e-6 * expected, "{mixed:?}, {expected} expected");
        assert_eq!((mixed.accuracy, mixed.samples), (first.accuracy, 5));
    }
}

/// The loss of a difference of a number and its target, or of a logit and its event.
type OfOne = fn(f64, f64) -> f64;

#[test]
fn absolute_errors_and_events_are_learned() {
    let losses: [(LossName, Loss, OfOne); 2] = [
        (LossName::Mae, Loss::mae(), |y, t| (y - t).abs()),
        (LossName::BinaryCrossEntropy, Loss::binary_cross_entropy(), |y, t| y.exp().ln_1p() - y * t),
    ];
    for device in [Device::cpu(), adapter()] {
        for (name, loss, of) in losses {
            let model = small(1, &device);
            let (inputs, targets) = (noise(40, 5), (0..10).map(|i| (i % 2) as f32).collect::<Vec<f32>>());
            let outputs = model.predict(&model.batch(&inputs).unwrap()).unwrap().to_f64().unwrap();
            let losses = outputs.iter().zip(&targets).map(|(&y, &t)| of(y, t.into()));
            let expected = losses.sum::<f64>() / 10.0;
            let batch = Batch { size: 10, inputs, targets: BatchTargets::Values(targets) };
            let found = evaluate(&model, loss, [Ok(batch)].into_iter()).unwrap();
            assert!((found.loss - expected).abs() < 1e-5 * expected, "{found:?}, {expected} expected");

            let config = TrainConfig { loss: Some(name), ..config(20, 0.02) };
            assert_eq!(config.loss(Targets::Values(1)).unwrap(), loss);
            let is_event = name == LossName::BinaryCrossEntropy;
            if is_event {
                let refused = fit(&model, &plane(false), &config, &mut ()).unwrap_err().to_string();
                assert!(refused.contains("targets must be from 0 to 1"), "{refused}");
            }
            let splits =
                if is_event { plane_of(false, |value| f32::from(value > 1.0)) } else { plane(false) };
            let history = fit(&model, &splits, &config, &mut ()).unwrap();
            let [before, after] = [0, 19].map(|epoch: usize| history.epochs[epoch].validation.loss);
            assert!(after < 0.5 * before, "{before} to {after}");
        }
    }
}

#[test]
fn losses_and_targets_have_to_fit() {
    let model = small(2, &Device::cpu());
    let of_numbers = LossName::ALL.iter().filter(|name| **name != LossName::CrossEntropy);
    for (name, classes) in of_numbers.map(|name| (*name, true)).chain([(LossName::CrossEntropy, false)]) {
        let wrong = TrainConfig { loss: Some(name), ..config(1, 0.01) };
        let refused = fit(&model, &plane(classes), &wrong, &mut ());
        assert!(matches!(refused, Err(Error::Config { .. })), "{refused:?}");
    }
    assert!(fit(&model, &plane(true), &TrainConfig { batch: 0, ..config(1, 0.01) }, &mut ()).is_err());
}

#[test]
fn a_training_that_diverges_says_so() {
    let model = small(1, &Device::cpu());
    let diverged = fit(&model, &plane(false), &config(3, 1e30), &mut ());
    let Err(error @ Error::Diverged { updated: true, .. }) = diverged else { panic!("{diverged:?}") };
    assert!(error.to_string().contains("smaller learning rate"), "{error}");
    // Also where only the validation after the last step shows it.
    let model = small(1, &Device::cpu());
    let once = TrainConfig { batch: 128, schedule: Decay::Constant, warmup: 0.0, ..config(1, 1e30) };
    let diverged = fit(&model, &plane(false), &once, &mut ());
    assert!(matches!(diverged, Err(Error::Diverged { step: 1, updated: true, .. })), "{diverged:?}");
    // Where the first loss is beyond f32 already, no learning rate is to blame.
    let far = |samples, seed| Arc::new(Plane { samples, seed, classes: false, of: |value| 1e25 * value });
    let far = Splits { train: far(128, 0), validation: far(50, 10_000) };
    let diverged = fit(&small(1, &Device::cpu()), &far, &config(3, 1e-9), &mut ());
    let Err(error @ Error::Diverged { step: 1, updated: false, .. }) = diverged else {
        panic!("{diverged:?}")
    };
    let text = error.to_string();
    assert!(text.contains("scale them down") && !text.contains("learning rate"), "{text}");
}

#[test]
fn training_ends_when_it_is_asked_to() {
    struct Stop(bool);
    impl Callback for Stop {
        fn on_progress(&mut self, progress: &Progress) {
            assert!((progress.epoch, progress.step) <= (2, 3), "a step after the request to stop");
            self.0 = (progress.epoch, progress.step) == (2, 3);
        }

        fn report_seconds(&self) -> f64 {
            0.0
        }

        fn interrupted(&self) -> bool {
            self.0
        }
    }
    let model = small(1, &Device::cpu());
    let start = weights(&model);
    let mut stop = Stop(false);
    let stopped = fit(&model, &plane(false), &config(5, 0.01), &mut stop);
    assert!(matches!(stopped, Err(Error::Interrupted)), "{stopped:?}");
    let moved = weights(&model);
    assert!(!same_bits(&moved, &start), "what was learnt until then is in the model");
    // A request that came before the first step leaves everything as it is.
    assert!(matches!(fit(&model, &plane(false), &config(5, 0.01), &mut stop), Err(Error::Interrupted)));
    assert!(same_bits(&weights(&model), &moved));
}

#[test]
fn steps_end_a_training_within_an_epoch() {
    let steps = |steps| {
        let config = TrainConfig { steps: Some(steps), ..config(1, 0.02) };
        let history = fit(&small(2, &Device::cpu()), &plane(true), &config, &mut ()).unwrap();
        (history.epochs.iter().map(|epoch| epoch.train.samples).collect::<Vec<_>>(), history.samples_seen)
    };
    // An epoch of 128 samples has eight steps.
    assert_eq!(steps(3), (vec![48], 48));
    assert_eq!(steps(19), (vec![128, 128, 48], 304));
    assert_eq!(steps(16), (vec![128, 128], 256));
}
