//! The training configuration: read from TOML, written back, merged, refused where it says what has no effect.

use allometry::data::{Normalize, Targets};
use allometry::nn::Precision;
use allometry::optim::rules::lion::Lion;
use allometry::optim::{Algorithm, Decay, DecayExempt, Schedule};
use allometry::train::{Loss, LossName, OptimizerName, TrainConfig};

#[test]
fn it_survives_toml() {
    let config = TrainConfig {
        epochs: 7,
        steps: Some(100),
        samples: Some(50),
        learning_rate: 0.1 + 0.2,
        schedule: Decay::Linear,
        optimizer: OptimizerName::AdamW,
        adam_epsilon: 1e-7,
        weight_decay: Some(0.05),
        decay_exempt: DecayExempt::None,
        loss: Some(LossName::CrossEntropy),
        normalize: Normalize::None,
        augment: Some("crop:4,flip,mixup:0.2".parse().unwrap()),
        precision: Precision::Mixed,
        ..TrainConfig::default()
    };
    let flags = config.flags();
    for flag in ["--normalize none", "--augment crop:4,flip,mixup:0.2"] {
        assert!(flags.contains(&flag.to_string()), "{flag} in {flags:?}");
    }
    assert_eq!(TrainConfig::from_toml(&config.to_toml().unwrap()).unwrap(), config);
    assert_eq!(TrainConfig::from_toml("").unwrap(), TrainConfig::default());
    let default = TrainConfig::default();
    assert_eq!(TrainConfig::from_toml(&default.to_toml().unwrap()).unwrap(), default);
}

#[test]
fn what_it_refuses_names_the_field() {
    for (text, part) in [
        ("batchsize = 3", "batchsize"),
        ("epochs = 0", "at least 1"),
        ("learning_rate = -1.0", "learning rate"),
        ("warmup = 1.5", "warmup"),
        ("clip_norm = 0.0", "clip_norm is 0"),
        ("adam_epsilon = 0.0", "adam_epsilon"),
        ("label_smoothing = 2.0", "label_smoothing"),
        ("loss = \"huber\"\nhuber_delta = 0.0", "huber_delta is 0"),
        ("loss = \"mse\"\nhuber_delta = 0.5", "huber_delta is set, but the loss mse does not use it"),
        ("huber_delta = 0.5", "huber_delta is set, but the loss of the targets does not use it; use huber"),
        ("loss = \"mse\"\nlabel_smoothing = 0.1", "label_smoothing is set, but the loss mse does not use it"),
        ("momentum = 0.9", "momentum is set, but the optimizer adam does not use it"),
        ("weight_decay = 0.1", "the optimizer adam does not use it; use adamw or lion"),
        ("optimizer = \"sgd\"\nadam_beta1 = 0.5", "adam_beta1"),
        (
            "optimizer = \"lion\"\nadam_beta2 = 0.99",
            "adam_beta2 is set, but the optimizer lion does not use it",
        ),
        ("optimizer = \"lion\"\nmomentum = 0.9", "the optimizer lion does not use it"),
        ("augment = \"blur:2\"", "blur:2"),
        ("augment = \"mixup:2\"", "mixup is 2"),
        ("accumulate = 0", "accumulate and early_stopping must be at least 1"),
        ("early_stopping = 0", "accumulate and early_stopping must be at least 1"),
        ("batch = 4\naccumulate = 5", "accumulate is 5, more parts than a batch of 4 has samples"),
        ("average = 1.0", "average is 1; it must be at least 0 and below 1"),
        ("lion_beta1 = 0.95", "lion_beta1 is set, but the optimizer adam does not use it"),
        ("optimizer = \"adamw\"\nlion_beta2 = 0.95", "lion_beta2 is set"),
        ("optimizer = \"lion\"\nlion_beta2 = 1.0", "lion_beta2 is 1"),
        ("optimizer = \"sgd\"\nnesterov = true", "momentum above zero"),
        ("step_factor = 0.5", "step_factor is set, but the schedule cosine does not use it; use step"),
        ("schedule = \"step\"\nstep_share = 0.0", "step_share is 0"),
        ("schedule = \"step\"\ndecay_share = 0.5", "use wsd"),
        ("optimizer = \"lamb\"", "lamb"),
    ] {
        let error = TrainConfig::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn names_choose_rules_losses_and_rates() {
    let sgd = TrainConfig { optimizer: OptimizerName::Sgd, momentum: 0.9, ..TrainConfig::default() };
    assert_eq!(sgd.algorithm(), Algorithm::sgd(0.9));
    assert_eq!(TrainConfig::default().algorithm(), Algorithm::adam());
    let adamw = TrainConfig { optimizer: OptimizerName::AdamW, ..TrainConfig::default() };
    assert_eq!(adamw.algorithm(), Algorithm::adamw(0.01), "PyTorch's default");
    let lion = TrainConfig { optimizer: OptimizerName::Lion, ..TrainConfig::default() };
    assert_eq!(lion.algorithm(), Algorithm::lion(0.0));
    let rmsprop = TrainConfig { optimizer: OptimizerName::RmsProp, ..TrainConfig::default() };
    assert_eq!(rmsprop.algorithm(), Algorithm::rmsprop());
    let other = TrainConfig { lion_beta1: 0.95, lion_beta2: 0.98, weight_decay: Some(1.0), ..lion };
    assert_eq!(other.algorithm(), Lion { beta1: 0.95, beta2: 0.98, weight_decay: 1.0 }.into());
    other.validate().unwrap();
    let smooth = TrainConfig { label_smoothing: 0.1, ..TrainConfig::default() };
    assert_eq!(smooth.loss(Targets::Classes(3)).unwrap(), Loss::cross_entropy(0.1));
    assert!(smooth.loss(Targets::Values(1)).is_err());
    assert_eq!(TrainConfig::default().loss(Targets::Values(1)).unwrap(), Loss::mse());
    let huber = TrainConfig { loss: Some(LossName::Huber), ..TrainConfig::default() };
    assert_eq!(huber.loss(Targets::Values(1)).unwrap(), Loss::huber(1.0), "PyTorch's default");
    let narrow = TrainConfig { huber_delta: 0.25, ..huber };
    assert_eq!(narrow.loss(Targets::Values(1)).unwrap(), Loss::huber(0.25));
    assert!(TrainConfig { label_smoothing: 0.1, ..huber }.loss(Targets::Values(1)).is_err());
    let rates = TrainConfig { learning_rate: 0.5, ..TrainConfig::default() }.rates(200);
    let shape = Schedule { factor: 0.1, every: 60, last: 40, ..Schedule::constant(0.5) };
    assert_eq!(rates, Schedule { warmup: 10, decay: Decay::Cosine, total: 200, ..shape });
}

#[test]
fn a_warm_up_of_a_twentieth_has_whole_steps() {
    for steps in 0..100_000 {
        assert_eq!(TrainConfig::default().rates(steps).warmup, steps / 20);
    }
}

#[test]
fn flags_say_what_differs() {
    let config = TrainConfig {
        batch: 16,
        seed: 4,
        optimizer: OptimizerName::Sgd,
        momentum: 0.9,
        nesterov: true,
        ..TrainConfig::default()
    };
    assert_eq!(config.flags(), ["--batch 16", "--momentum 0.9", "--nesterov", "--optimizer sgd"]);
    assert!(TrainConfig::default().flags().is_empty());
    assert_eq!(config.differences(&TrainConfig { seed: 4, batch: 16, ..TrainConfig::default() }).len(), 3);
}

#[test]
fn only_chosen_fields_are_overridden() {
    let file = TrainConfig { batch: 16, clip_norm: Some(1.0), ..TrainConfig::default() };
    let flags = TrainConfig { batch: 32, learning_rate: 0.1, ..TrainConfig::default() };
    let merged = file.overridden(&flags, |name| name == "learning_rate").unwrap();
    assert_eq!(merged, TrainConfig { learning_rate: 0.1, ..file });
}

/// TOML has no integers above 2⁶³ − 1, so a plan or a report could not hold them.
#[test]
fn integers_that_toml_cannot_hold_are_refused_by_name() {
    let (largest, default) = (i64::MAX as u64, TrainConfig::default());
    TrainConfig { seed: largest, ..default }.validate().unwrap();
    let large = largest + 1;
    for (config, name) in [
        (TrainConfig { seed: u64::MAX, ..default }, "seed is 18446744073709551615"),
        (TrainConfig { steps: Some(large), ..default }, "steps is 9223372036854775808"),
        (TrainConfig { epochs: large as usize, ..default }, "epochs is"),
        (TrainConfig { batch: large as usize, ..default }, "batch is"),
        (TrainConfig { samples: Some(large as usize), ..default }, "samples is"),
    ] {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("at most 9223372036854775807"), "{error}");
        assert!(config.flags().len() < 2);
        assert_eq!(config.differences(&default).len(), 1);
    }
    assert!(TrainConfig::from_toml("seed = 9223372036854775808").is_err());
    let unusable = TrainConfig { learning_rate: f64::NAN, ..default };
    assert!(default.overridden(&unusable, |_| true).is_err());
}
