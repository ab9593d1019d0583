//! Resuming: a training that is interrupted after any step, and continued by another trainer of another model, ends with
//! the bits of one that was not interrupted.

use crate::adapter::adapter;
use crate::varied::{noise, same_bits};
use allometry::data::{Dataset, Splits, Target, Targets};
use allometry::nn::{Activation, BatchNorm, Dense, Dropout, Model, Module, Precision, Sequential, weights};
use allometry::optim::OptimizerName;
use allometry::train::{Callback, Checkpoints, Every, History, TrainConfig, fit, fit_resumable};
use allometry::{Device, Error, Result};
use serde_json::json;
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

/// Classes of noise, by the sign of the first number.
struct Signs(usize, u32);

impl Dataset for Signs {
    fn name(&self) -> &str {
        "signs"
    }

    fn len(&self) -> usize {
        self.0
    }

    fn sample_shape(&self) -> &[usize] {
        &[2, 2, 1]
    }

    fn targets(&self) -> Targets {
        Targets::Classes(2)
    }

    fn write(&self, epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.check(index, input)?;
        input.copy_from_slice(&noise(4, self.1 + 1000 * epoch as u32 + index as u32));
        target.class((input[0] > 0.5) as u32)
    }
}

fn splits() -> Splits {
    Splits { train: Arc::new(Signs(18, 0)), validation: Arc::new(Signs(10, 50_000)) }
}

/// Stops after this many steps.
struct StopAfter(Cell<usize>);

impl Callback for StopAfter {
    fn interrupted(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left == 0
    }
}

fn model(device: &Device, precision: Precision) -> Model {
    let layers = Sequential::new()
        .add(Dense::new(6))
        .add(BatchNorm::new())
        .add(Dropout::new(0.2))
        .add(Dense::new(5).activation(Activation::Tanh))
        .add(Dense::new(2));
    layers.build_in(precision, device, &[4], 3).unwrap()
}

/// Weights, buffers and history, without the times.
fn numbers(model: &Model, history: &History) -> (Vec<f32>, String) {
    let parameters = model.parameters().master().to_vec().into_iter();
    let all = parameters.chain(model.buffers().iter().map(|(_, values)| values));
    let all = all.flat_map(|values| values.to_vec::<f32>().unwrap()).collect();
    let epochs: Vec<_> =
        history.epochs.iter().map(|epoch| (epoch.epoch, epoch.train, epoch.validation)).collect();
    (all, format!("{epochs:?} {} samples, {:?} kept", history.samples_seen, history.kept_epoch))
}

/// Trains with an interruption after every `steps` steps, each time continued by a new model.
fn in_parts(device: &Device, config: &TrainConfig, steps: usize, folder: &Path) -> (Vec<f32>, String) {
    let checkpoints = Checkpoints::new(folder.join("checkpoint.safetensors"), Every::Never, json!("parts"));
    let mut parts = 0;
    loop {
        let model = model(device, config.precision);
        let mut stop = StopAfter(Cell::new(steps));
        match fit_resumable(&model, &splits(), config, &checkpoints, &mut stop) {
            Err(Error::Interrupted) => parts += 1,
            trained => {
                let numbers = numbers(&model, &trained.unwrap());
                checkpoints.remove().unwrap();
                assert_eq!(parts, (config.total_steps(18) as usize - 1) / steps, "each part goes on");
                return numbers;
            }
        }
    }
}

fn check(device: &Device, config: &TrainConfig, parts: &[usize]) {
    let folder = tempfile::tempdir().unwrap();
    let whole = model(device, config.precision);
    let history = fit(&whole, &splits(), config, &mut ()).unwrap();
    let expected = numbers(&whole, &history);
    for &steps in parts {
        let found = in_parts(device, config, steps, folder.path());
        assert!(same_bits(&found.0, &expected.0), "{config:?} in parts of {steps}");
        assert_eq!(found.1, expected.1, "{config:?} in parts of {steps}");
    }
}

fn config(optimizer: OptimizerName) -> TrainConfig {
    // Four complete batches of an epoch's 18 samples.
    TrainConfig { epochs: 3, batch: 4, optimizer, learning_rate: 0.01, ..TrainConfig::default() }
}

#[test]
fn a_training_in_parts_has_the_bits_of_one_at_once() {
    let device = Device::cpu();
    for &optimizer in OptimizerName::ALL {
        check(&device, &config(optimizer), &[1, 5]);
    }
    let momentum = TrainConfig { momentum: 0.9, clip_norm: Some(0.5), ..config(OptimizerName::Sgd) };
    check(&device, &momentum, &[3, 4]);
    let kept = TrainConfig {
        average: Some(0.8),
        accumulate: 2,
        early_stopping: Some(9),
        learning_rate: 0.3,
        ..config(OptimizerName::Adam)
    };
    check(&device, &kept, &[1, 5]);
    let changes = "crop:1,flip,rotate:10,brightness:0.2,contrast:0.2,cutout:1,mixup:0.3";
    let augmented = TrainConfig { augment: Some(changes.parse().unwrap()), ..config(OptimizerName::Adam) };
    check(&device, &augmented, &[1, 5]);
    let mixed = TrainConfig { precision: Precision::Mixed, ..config(OptimizerName::Adam) };
    check(&device, &mixed, &[1, 5]);
    check(&adapter(), &mixed, &[5]);
}

#[test]
fn a_checkpoint_of_another_training_is_not_continued_and_a_damaged_one_is_refused() {
    let (device, folder) = (Device::cpu(), tempfile::tempdir().unwrap());
    let (config, path) = (config(OptimizerName::Adam), folder.path().join("checkpoint.safetensors"));
    let checkpoints = |about: &str| Checkpoints::new(path.clone(), Every::Steps(3), json!(about));
    let train = |about: &str, steps: usize| {
        let (checkpoints, model) = (checkpoints(about), model(&device, Precision::F32));
        let trained =
            fit_resumable(&model, &splits(), &config, &checkpoints, &mut StopAfter(Cell::new(steps)));
        (trained, checkpoints.earlier_seconds())
    };
    let (first, earlier) = train("one", 7);
    assert!(matches!(first, Err(Error::Interrupted)) && earlier == 0.0);
    let (other, earlier) = train("another", 100);
    assert!(other.is_ok() && earlier == 0.0);
    let (same, earlier) = train("another", 100);
    let seconds = same.unwrap().seconds;
    assert!(earlier > 0.0 && seconds > earlier, "times add up");

    let bytes = std::fs::read(&path).unwrap();
    for damaged in [&bytes[..bytes.len() / 2], &bytes[8..], b"{}".as_slice()] {
        std::fs::write(&path, damaged).unwrap();
        let refused = train("another", 100).0.unwrap_err();
        assert!(matches!(&refused, Error::Format { path: at, .. } if *at == path), "{refused}");
        assert!(refused.to_string().contains("--restart"), "{refused}");
    }
    // One bit of a tensor, and one of a loss in the metadata.
    let loss = bytes.windows(8).position(|part| part == b"\\\"loss\\\"").unwrap() + 9;
    for place in [bytes.len() - 9, loss] {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        let refused = train("another", 100).0.unwrap_err().to_string();
        assert!(refused.contains("checksum") && refused.contains("--restart"), "{refused}");
    }
    // As earlier versions wrote it.
    std::fs::write(&path, &bytes).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let mut notes = header.metadata().clone().unwrap();
    assert!(notes.remove("crc32").is_some());
    weights::write(&path, &weights::read(&path, |_| true).unwrap(), notes).unwrap();
    assert!(train("another", 100).0.is_ok());
}
