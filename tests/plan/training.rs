//! A training as a file, and beside it what came.

use crate::synthetic::{SAMPLES, plan};
use allometry::data::Normalize;
use allometry::models::Architecture;
use allometry::optim::DecayExempt;
use allometry::planner::{Expected, Training};
use allometry::train::TrainConfig;
use std::fs;
use tempfile::TempDir;

fn training() -> Training {
    Training {
        dataset: "glyphs".into(),
        target_columns: Vec::new(),
        table: Default::default(),
        config: TrainConfig {
            epochs: 2,
            seed: 3,
            batch: 16,
            clip_norm: Some(1.0),
            samples: Some(64),
            validation_samples: Some(32),
            ..TrainConfig::default()
        },
        expected: Expected {
            loss: 1.0,
            loss_low: 0.9,
            loss_high: 1.2,
            seconds: 20.0,
            seconds_interval: Some((18.0, 22.0)),
            peak_bytes: 1000,
            flops: 1e12,
            device: "CPU".into(),
        },
        data: Vec::new(),
        architecture: Architecture::preset("convnet").unwrap().with_outputs(62),
    }
}

#[test]
fn a_training_survives_toml() {
    let training = training();
    let text = training.to_toml().unwrap();
    assert!(text.starts_with("# Written by `allometry plan`"), "{text}");
    assert_eq!(Training::from_toml(&text).unwrap(), training);
    // Files of before the interval of time was kept.
    let line = text.lines().find(|line| line.starts_with("seconds_interval")).unwrap();
    let old = Training::from_toml(&text.replace(line, "")).unwrap();
    assert_eq!(old.expected.seconds_interval, None);
    let splits = training.open(None).unwrap();
    assert_eq!((splits.train.len(), splits.validation.len()), (64, 32));

    for (from, to, word) in [
        ("samples = 64\n", "", "no samples"),
        ("epochs = 2", "epochs = 0", "at least 1"),
        ("dataset = \"glyphs\"", "dateset = \"glyphs\"", "dateset"),
        ("width = 32", "width = 0", "width is 0"),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{from}");
        let error = Training::from_toml(&broken).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let other = Training { architecture: Architecture::preset("convnet").unwrap(), ..training };
    let error = other.open(None).err().expect("glyphs have 62 classes, and the model 10").to_string();
    assert!(error.contains("do not suit the model"), "{error}");
}

#[test]
fn a_training_is_told_from_a_model_and_from_a_sweep() {
    let place = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = place.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    let found = |name: &str| Training::find(name);
    assert_eq!(found("convnet").unwrap(), None);
    assert_eq!(found("no-such-file.toml").unwrap(), None);
    let model = file("model.toml", &training().architecture.to_toml().unwrap());
    assert_eq!(found(&model).unwrap(), None);
    let right = file("training.toml", &training().to_toml().unwrap());
    assert_eq!(found(&right).unwrap(), Some(training()));

    let sweep = file("plan.toml", &plan(&SAMPLES).to_toml().unwrap());
    let error = found(&sweep).unwrap_err().to_string();
    assert!(error.contains("plan.toml") && error.contains("allometry plan"), "{error}");
    let text = training().to_toml().unwrap().replace("batch = 16", "batch = 0");
    let error = found(&file("broken.toml", &text)).unwrap_err().to_string();
    assert!(error.contains("broken.toml") && error.contains("at least 1"), "{error}");
}

#[test]
fn what_came_is_compared_with_what_was_expected() {
    let compared = training().expected.beside(1.1, 19.0, 1010);
    assert!(compared.inside);
    assert_eq!(compared.seconds_inside, Some(true));
    assert_eq!(training().expected.beside(1.1, 22.5, 1010).seconds_inside, Some(false));
    let old = Expected { seconds_interval: None, ..training().expected };
    assert_eq!(old.beside(1.1, 22.5, 1010).seconds_inside, None);
    assert!((compared.loss_error - 0.1).abs() < 1e-12);
    assert!((compared.seconds_error + 0.05).abs() < 1e-12);
    assert!((compared.peak_error - 0.01).abs() < 1e-12);
    assert!(!training().expected.beside(1.3, 19.0, 1010).inside);
}

/// A planned training as version 0.1 wrote it.
const EARLIER: &str = r#"
dataset = "glyphs"
seed = 3

[schedule]
epochs = 2
batch = 16
learning_rate = 0.002
clip_norm = 1.0
train_samples = 64
validation_samples = 32

[expected]
loss = 1.0
loss_low = 0.9
loss_high = 1.2
seconds = 20.0
seconds_interval = [18.0, 22.0]
peak_bytes = 1000
flops = 1e12
device = "CPU"
"#;

#[test]
fn a_training_of_an_earlier_version_is_read() {
    // Where a file does not say what weight decay exempts, everything decays, as it did when the file was written; and
    // channels are not normalised.
    let today = training();
    let (decay_exempt, normalize) = (DecayExempt::None, Normalize::None);
    let today = Training { config: TrainConfig { decay_exempt, normalize, ..today.config }, ..today };
    let architecture = toml::Table::from_iter(
        [("architecture", toml::Value::try_from(&today.architecture).unwrap())]
            .map(|(name, value)| (name.to_string(), value)),
    );
    let text = format!("{EARLIER}\n{architecture}");
    assert_eq!(Training::from_toml(&text).unwrap(), today);
}
