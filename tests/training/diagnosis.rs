//! What is said of trainings: by their curves, and by observed steps.

use allometry::train::{EpochReport, History, Metrics, Observation, ObservedModule, Verdict, diagnose};

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
    let found = diagnose(&history(losses), Some(10f64.ln()), observations);
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
    let level = [(0.5, 0.6), (0.3, 0.4), (0.28, 0.35), (0.27, 0.34), (0.27, 0.34)];
    assert_eq!(verdicts(&level, &[]), [Verdict::LimitedBySize]);
    let jumping =
        [(2.0, 1.5), (1.2, 1.0), (1.9, 1.8), (1.0, 1.2), (1.6, 1.4), (0.9, 1.0), (1.3, 1.2), (0.9, 1.0)];
    assert_eq!(verdicts(&jumping, &[]), [Verdict::RateTooHigh]);
    let even: Vec<(f64, f64)> =
        (0..8).map(|i| (2.3 - 0.05 * f64::from(i), 2.25 - 0.05 * f64::from(i))).collect();
    assert_eq!(verdicts(&even, &[]), [Verdict::RateTooLow]);
    assert_eq!(verdicts(&at_2e_3[..2], &[]), [Verdict::TooShort]);
    assert_eq!(verdicts(&[], &[]), []);
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
