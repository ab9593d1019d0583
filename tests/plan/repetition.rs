//! What repeated samples are worth, and where they do harm.

use allometry::laws::repetition::{PRIOR, RepeatedRun, Repetition, worth};
use allometry::laws::turn::{Least, least};

/// Runs of a law with this R*, over three sizes, three numbers of samples and these passes; each run a little off.
fn runs(repeats: f64, passes: &[f64]) -> Vec<RepeatedRun> {
    let mut runs = Vec::new();
    for size in [1e5, 4e5, 1.6e6] {
        for distinct in [1e3, 4e3, 1.6e4] {
            for &passes in passes {
                // Multiples of the golden ratio's fraction lie evenly between 0 and 1.
                let chance = (runs.len() as f64 * 0.618_034).fract();
                let amount = distinct * worth(passes, repeats);
                let luck = 1.0 + 0.02 * (chance - 0.5);
                let loss = 0.05 + 30.0 * f64::powf(size, -0.4) + 25.0 * amount.powf(-0.45);
                runs.push(RepeatedRun { size, distinct, passes, loss: loss * luck });
            }
        }
    }
    runs
}

#[test]
fn a_repeated_sample_is_worth_less_each_time() {
    assert_eq!(worth(1.0, PRIOR), 1.0);
    // Four epochs of language models are nearly as good as four times the data (Muennighoff et al. 2023).
    assert!((worth(4.0, PRIOR) - 3.725).abs() < 1e-3, "{}", worth(4.0, PRIOR));
    assert!((worth(1e9, PRIOR) - (1.0 + PRIOR)).abs() < 1e-9);
    assert!((worth(3.0, 1e12) - 3.0).abs() < 1e-3, "of samples that keep their worth, all count");
}

#[test]
fn runs_of_several_epochs_tell_what_repetition_is_worth() {
    for repeats in [2.0, 8.0, 40.0] {
        let found = Repetition::of(&runs(repeats, &[1.0, 4.0, 16.0]));
        let [low, median, high] = [0.01, 0.5, 0.99].map(|p| found.at(p));
        assert!(found.is_measured() && low < repeats && repeats < high, "{repeats}: {low}, {median}, {high}");
        assert!((median / repeats).ln().abs() < 0.3, "{repeats}: {median}");
        assert!(found.scatter() > 0.004 && found.scatter() < 0.015, "{}", found.scatter());
    }
}

#[test]
fn without_repetition_there_is_the_prior() {
    for passes in [1.0, 3.0] {
        let found = Repetition::of(&runs(2.0, &[passes]));
        assert!(!found.is_measured());
        let [low, median, high] = [0.1, 0.5, 0.9].map(|p| found.at(p));
        assert!(
            (median / PRIOR - 1.0).abs() < 0.06 && low < PRIOR / 3.0 && high > 3.0 * PRIOR,
            "{low}, {median}, {high}"
        );
        // At the passes of the runs R* has no part.
        for repeats in [1.0, 10.0, 100.0] {
            assert!((found.effective(500.0, passes, repeats) - 500.0).abs() < 1e-9);
        }
        let more = [1.0, 100.0].map(|repeats| found.effective(500.0, 4.0 * passes, repeats));
        assert!(500.0 < more[0] && more[0] < more[1] && more[1] < 2000.0, "{more:?}");
    }
    assert!(!Repetition::of(&[]).is_measured());
}

#[test]
fn a_loss_turns_where_it_ends_higher_than_it_was() {
    let turned = [(1.0, 0.9), (2.0, 0.5), (3.0, 0.45), (4.0, 0.47), (5.0, 0.54)];
    assert_eq!(least(&turned).map(|least| (least.passes, (100.0 * least.rise).round())), Some((3.0, 20.0)));
    assert_eq!(least(&turned[..3]), Some(Least { passes: 3.0, rise: 0.0 }));
    // It came down again.
    assert_eq!(least(&[(1.0, 0.5), (2.0, 0.7), (3.0, 0.4)]), Some(Least { passes: 3.0, rise: 0.0 }));
    assert_eq!(least(&[]), None);
}

#[test]
fn one_lucky_validation_is_not_the_least_of_a_long_curve() {
    let curve: Vec<(f64, f64)> =
        (1..=32).map(|pass| (f64::from(pass), 0.3 + 1.0 / f64::from(pass))).collect();
    let mut lucky = curve.clone();
    lucky[9].1 = 0.2;
    assert_eq!(least(&lucky).map(|least| least.rise), Some(0.0));
}
