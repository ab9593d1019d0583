//! What is said of trainings: by their curves, and by observed steps.

use allometry::data::{DataOptions, TableOptions, Task};
use allometry::train::{
    Baseline, EpochReport, Finding, History, Loss, Metrics, Observation, ObservedModule, OptimizerName,
    TrainConfig, Verdict, diagnose,
};

fn history(losses: &[(f64, f64)]) -> History {
    let metrics = |loss| Metrics { loss, accuracy: None, samples: 1 };
    let epochs = (1..).zip(losses).map(|(epoch, &(train, validation))| EpochReport {
        epoch,
        epochs: losses.len() as u64,
        step: epoch,
        learning_rate: 0.1,
        train: metrics(train),
        validation: metrics(validation),
        samples_per_second: 1.0,
        seconds: 1.0,
        loss_scaling: None,
    });
    History { epochs: epochs.collect(), ..History::default() }
}

fn verdicts(losses: &[(f64, f64)], observations: &[Observation]) -> Vec<Verdict> {
    let found =
        diagnose(&history(losses), &TrainConfig::default(), Some(Baseline::even(10f64.ln())), observations);
    for finding in &found {
        assert!(!finding.text.is_empty() && !finding.advice.is_empty(), "{finding:?}");
    }
    found.into_iter().map(|finding| finding.verdict).collect()
}

#[test]
fn curves_have_a_verdict() {
    // Recorded: the presets mlp, convnet and keras-dense on 300 to 60,000 images of MNIST.
    let at_2e_3 = [
        (0.518, 0.239),
        (0.178, 0.174),
        (0.087, 0.219),
        (0.0485, 0.13),
        (0.0146, 0.132),
        (0.00313, 0.129),
        (0.00157, 0.129),
        (0.00138, 0.129),
    ];
    assert_eq!(verdicts(&at_2e_3, &[]), [Verdict::LimitedByData]);
    let on_300 =
        [(2.05, 1.12), (0.493, 0.855), (0.282, 0.797), (0.111, 0.917), (0.0668, 0.923), (0.0202, 0.952)];
    assert_eq!(verdicts(&on_300, &[]), [Verdict::OverFitted]);
    let at_3e_1 = [
        (17.9, 13.2),
        (25.1, 6.37),
        (3.64, 2.37),
        (2.32, 2.37),
        (2.31, 2.37),
        (2.31, 2.36),
        (2.3, 2.36),
        (2.3, 2.36),
    ];
    assert_eq!(verdicts(&at_3e_1, &[]), [Verdict::LearnedNothing]);
    let at_3e_6 = [
        (2.46, 2.2),
        (1.99, 1.81),
        (1.67, 1.53),
        (1.42, 1.31),
        (1.23, 1.14),
        (1.09, 1.01),
        (0.97, 0.91),
        (0.877, 0.826),
    ];
    assert_eq!(verdicts(&at_3e_6, &[]), [Verdict::NotConverged]);
    let slow = [(2.43, 2.09), (1.95, 1.83), (1.73, 1.67), (1.65, 1.64)];
    assert_eq!(verdicts(&slow, &[]), [Verdict::NotConverged], "the schedule ends, the learning does not");
    let on_all = [
        (0.456, 0.157),
        (0.14, 0.132),
        (0.0983, 0.108),
        (0.0799, 0.103),
        (0.0624, 0.0882),
        (0.0468, 0.0894),
        (0.0305, 0.0835),
        (0.0201, 0.0804),
        (0.00954, 0.0772),
        (0.00529, 0.0809),
        (0.00322, 0.0817),
        (0.00252, 0.0819),
    ];
    assert_eq!(verdicts(&on_all, &[]), [Verdict::OverFitted]);
    // Made up.
    let near_zero = [(0.5, 0.3), (0.1, 0.02), (0.01, 1e-6), (1e-4, 1e-9), (1e-6, 2e-9), (1e-7, 3e-9)];
    assert_eq!(verdicts(&near_zero, &[]), [Verdict::Solved]);
    let zero = [(0.5, 0.3), (0.1, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)];
    assert_eq!(verdicts(&zero, &[]), [Verdict::Solved]);
    let level = [(0.5, 0.6), (0.3, 0.4), (0.28, 0.35), (0.27, 0.34), (0.27, 0.34)];
    assert_eq!(verdicts(&level, &[]), [Verdict::LimitedBySize]);
    let jumping =
        [(2.0, 1.5), (1.2, 1.0), (1.9, 1.8), (1.0, 1.2), (1.6, 1.4), (0.9, 1.0), (1.3, 1.2), (0.9, 1.0)];
    assert_eq!(verdicts(&jumping, &[]), [Verdict::RateTooHigh]);
    // Near zero, a loss that varies by several times itself is not a sign of the learning rate.
    let near_zero =
        [(0.7, 0.3), (0.1, 0.12), (0.002, 0.1), (0.004, 0.1), (0.003, 0.1), (0.005, 0.1), (0.0023, 0.1)];
    assert_eq!(verdicts(&near_zero, &[]), [Verdict::LimitedByData]);
    let even: Vec<(f64, f64)> =
        (0..8).map(|i| (2.3 - 0.05 * f64::from(i), 2.25 - 0.05 * f64::from(i))).collect();
    assert_eq!(verdicts(&even, &[]), [Verdict::RateTooLow]);
    assert_eq!(verdicts(&at_2e_3[..2], &[]), [Verdict::TooShort]);
    assert_eq!(verdicts(&[], &[]), []);
}

#[test]
fn a_loss_far_above_that_of_no_model_is_from_the_learning_rate() {
    let said = |losses: &[(f64, f64)], baseline: Option<Baseline>| {
        let found =
            diagnose(&history(losses), &TrainConfig::default(), baseline, &[observation(&[0.1; 8], 0.3)]);
        let of = |finding: &Finding| (finding.verdict, format!("{}; {}", finding.text, finding.advice));
        found.iter().map(of).collect::<Vec<_>>()
    };
    let baseline = Some(Baseline { training: 1.0, validation: 0.9, untrained: 2.0, of_classes: false });
    // Recorded: a regression on standardised targets at a learning rate of 1000.
    let blown_up = [(3.1e30, 8.2e29), (6.4e29, 2.2e29), (2.1e29, 5.6e28), (5.7e28, 5.6e28), (5.6e28, 5.6e28)];
    for epochs in [1, 5] {
        let found = said(&blown_up[..epochs], baseline);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, Verdict::RateTooHigh);
        assert!(found[0].1.contains("e30,") || found[0].1.contains("5.600e28,"), "{found:?}");
    }
    let rising = [(0.9, 0.5), (0.4, 0.4), (0.3, 0.3), (0.3, 0.3), (0.3, 0.3), (12.0, 80.0)];
    let found = said(&rising, None);
    assert_eq!((found.len(), found[0].0), (1, Verdict::RateTooHigh));
    assert!(found[0].1.contains("rose from 0.9000 in the first epoch to 12.00"), "{found:?}");
    // Level at the loss of the mean, and at a tiny loss of targets that the mean explains.
    let level = [(1.3, 0.93), (1.0, 0.91), (1.0, 0.9), (1.0, 0.9), (1.0, 0.9)];
    assert_eq!(said(&level, baseline)[0].0, Verdict::LearnedNothing);
    let better = level.map(|(training, validation)| (0.5 * training, 0.6 * validation));
    assert_eq!(said(&better, baseline)[0].0, Verdict::LimitedBySize);
    // Targets in their own unit: far from 0, or large.
    for (training, untrained) in [(0.01, 1.2), (8e4, 1.5e6), (900.0, 901.0)] {
        let found =
            said(&better, Some(Baseline { training, validation: training, untrained, of_classes: false }));
        let last = found.last().unwrap();
        assert!(last.0 == Verdict::TargetsOutOfScale && last.1.ends_with("--scale-targets"), "{found:?}");
    }
    let constant = Some(Baseline { training: 0.0, validation: 0.0, untrained: 1.0, of_classes: false });
    let tiny = [(0.1, 2e-5), (3e-6, 1e-6), (1e-6, 1e-6), (1e-6, 1e-6), (1e-6, 1e-6)];
    let (verdict, text) = &said(&tiny, constant)[0];
    assert_eq!(*verdict, Verdict::LimitedBySize);
    assert!(text.contains("1.000e-6, is level"), "{text}");
}

#[test]
fn what_is_on_is_not_advised() {
    let advice = |losses: &[(f64, f64)], config: &TrainConfig| {
        diagnose(&history(losses), config, None, &[])[0].advice.clone()
    };
    let over_fitted = [(2.05, 1.12), (0.493, 0.855), (0.282, 0.797), (0.111, 0.917), (0.0668, 0.923)];
    let plain = advice(&over_fitted, &TrainConfig::default());
    assert!(plain.contains("--early-stopping 5") && plain.contains("--optimizer adamw"), "{plain}");
    let on = TrainConfig {
        early_stopping: Some(3),
        clip_norm: Some(1.0),
        optimizer: OptimizerName::AdamW,
        augment: Some("flip".parse().unwrap()),
        ..TrainConfig::default()
    };
    let more = advice(&over_fitted, &on);
    assert!(!more.contains("early-stopping") && !more.contains("--optimizer"), "{more}");
    assert!(more.contains("a larger --weight-decay") && more.contains("a stronger --augment"), "{more}");
    let jumping = [(2.0, 1.5), (1.2, 1.0), (1.9, 1.8), (1.0, 1.2), (1.6, 1.4), (0.9, 1.0)];
    assert!(advice(&jumping, &TrainConfig::default()).contains("--clip-norm 1"));
    assert!(advice(&jumping, &on).contains("a smaller --clip-norm"));
    let falling = [(2.46, 2.2), (1.99, 1.81), (1.67, 1.53), (1.42, 1.31), (1.1, 1.1)];
    assert_eq!(advice(&falling, &on), "more epochs");
}

#[test]
fn the_baseline_of_numbers_is_the_loss_of_their_mean() {
    let place = tempfile::tempdir().unwrap();
    let table = |name: &str, targets: &[f64]| {
        let rows: String = (0..).zip(targets).map(|(x, y): (usize, _)| format!("{x},{y}\n")).collect();
        let path = place.path().join(name);
        std::fs::write(&path, format!("x,y\n{rows}")).unwrap();
        path
    };
    let data = table("train.csv", &[1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    let options = DataOptions {
        dataset: "csv".into(),
        directory: Some(data),
        table: TableOptions {
            validation: Some(table("validation.csv", &[0.0, 1.0])),
            task: Task::Regression,
            ..TableOptions::default()
        },
        ..DataOptions::default()
    };
    let splits = allometry::data::open(&options).unwrap();
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
    let of = |loss: Loss| Baseline::of(loss, &splits).unwrap().unwrap();
    // The mean is 5/8. Outputs of -1 are 2 away from five targets and 1 from three.
    let mse = of(Loss::mse());
    near(mse.training, 15.0 / 64.0);
    near(mse.validation, (25.0 + 9.0) / 128.0);
    near(mse.untrained, 23.0 / 8.0);
    let events = of(Loss::binary_cross_entropy());
    near(events.training, -(0.625 * 0.625f64.ln() + 0.375 * 0.375f64.ln()));
    near(events.validation, -0.5 * (0.625f64.ln() + 0.375f64.ln()));

    // The same as classes: five of eight, and one more of each.
    let mut options = options;
    options.table.task = Task::Classification;
    let splits = allometry::data::open(&options).unwrap();
    let classes = Baseline::of(Loss::cross_entropy(0.0), &splits).unwrap().unwrap();
    near(classes.training, -(0.625 * 0.6f64.ln() + 0.375 * 0.4f64.ln()));
    near(classes.validation, -0.5 * (0.6f64.ln() + 0.4f64.ln()));
    near(classes.untrained, 2f64.ln());
    assert!(classes.of_classes);
}

fn observation(gradients: &[f64], ratio: f64) -> Observation {
    let module = |(place, &gradient): (usize, &f64)| ObservedModule {
        name: format!("layers.{place}"),
        activation: Some(1.0),
        gradient: Some(gradient),
        weight: Some(2.0),
        update: Some(2.0 * ratio),
    };
    Observation { step: 9, modules: gradients.iter().enumerate().map(module).collect() }
}

#[test]
fn observed_steps_have_verdicts() {
    let level = [(0.5, 0.6), (0.3, 0.4), (0.28, 0.35), (0.27, 0.34), (0.27, 0.34)];
    let of = |gradients: &[f64], ratio: f64| {
        let found = verdicts(&level, &[observation(gradients, ratio), observation(gradients, ratio)]);
        assert_eq!(found[0], Verdict::LimitedBySize);
        found[1..].to_vec()
    };
    let even = [0.1; 8];
    assert_eq!(of(&even, 1e-3), []);
    assert_eq!(of(&even, 0.3), [Verdict::RateTooHigh]);
    assert_eq!(of(&even, 1e-7), [Verdict::RateTooLow]);
    let falling = [1e-8, 1e-7, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0];
    assert_eq!(of(&falling, 1e-3), [Verdict::VanishingGradients]);
    let rising: Vec<f64> = falling.iter().rev().copied().collect();
    assert_eq!(of(&rising, 1e-3), [Verdict::ExplodingGradients]);
    let dead = [0.1, 0.0, 0.1, 0.1, 0.1];
    assert_eq!(of(&dead, 1e-3)[0], Verdict::DeadModules);
}
