//! How long a training takes: a law, corrected by pilot runs.

use crate::synthetic::Synthetic;
use allometry::models::Axis;
use allometry::planner::pilot::{PilotRun, lags};
use allometry::planner::speed::SpeedModel;

fn close(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-6, "{found}, {expected}");
}

/// One that took so many seconds per sample.
fn pilot(sample: f64) -> PilotRun {
    PilotRun {
        opening: 0.5,
        first_step: 0.125,
        sample,
        later_sample: 0.75 * sample,
        validation_sample: 0.5 * sample,
        seconds: 1.0,
        beginning: Vec::new(),
    }
}

#[test]
fn a_pilot_run_corrects_the_pace_of_its_neighbours() {
    let sweep = Synthetic::joint();
    let candidates = &sweep.fields[0].candidates;
    let mut timing = SpeedModel::new(0.25);
    let seconds: Vec<(f64, f64)> = candidates.iter().map(|c| (c.macs as f64, c.macs as f64 / 1e9)).collect();
    timing.learn(Axis::Width, &seconds).unwrap();
    let by_law = |place: usize| candidates[place].macs as f64 / 1e9;
    close(timing.timing(&candidates[30]).sample, by_law(30));

    timing.add(candidates[10].clone(), pilot(2.0 * by_law(10)));
    timing.add(candidates[40].clone(), pilot(by_law(40)));
    let measured = timing.timing(&candidates[10]);
    close(measured.sample, by_law(10) * 2.0);
    assert_eq!(measured.start, 0.25 + 0.5 + 0.125);
    close(timing.timing(&candidates[0]).sample, by_law(0) * 2.0);
    close(timing.timing(&candidates[41]).sample, by_law(41));
    let between = timing.timing(&candidates[25]);
    assert!(between.sample > by_law(25) && between.sample < 2.0 * by_law(25));
    close(between.validation_sample, 0.5 * between.sample);
    close(between.later_sample, 0.75 * between.sample);
    assert!(timing.agrees() && timing.wavering() == 0.0, "no model was piloted twice");
    // A second pilot run of as long, at half the speed: in twice the time three halves of the samples.
    timing.add(candidates[40].clone(), pilot(2.0 * by_law(40)));
    close(timing.timing(&candidates[40]).sample, by_law(40) * 2.0 / 1.5);
    assert_eq!(timing.pilots(&candidates[40]).len(), 2);
    // Both ways of counting agree.
    let samples = between.samples(100.0, 3, 500);
    let seconds = between.seconds(3, samples as usize, 500);
    assert!(seconds <= 100.0 && seconds > 100.0 - 3.0 * between.sample, "{seconds}");
    // Later epochs are faster, and are counted as such.
    close(between.seconds(3, 100, 0) - between.start, 250.0 * between.sample);
}

#[test]
fn pilot_runs_that_differ_widen_the_interval_of_time() {
    let candidates = &Synthetic::joint().fields[0].candidates;
    let interval = |speeds: &[f64]| {
        let mut timing = SpeedModel::new(0.0);
        speeds.iter().for_each(|&sample| timing.add(candidates[0].clone(), pilot(sample)));
        let (low, high) = timing.interval(100.0);
        assert!(low < 100.0 && high > 100.0 && (low * high / 1e4 - 1.0).abs() < 1e-9, "{low}, {high}");
        (high, timing.wavering(), timing.agrees())
    };
    let (high, wavering, agrees) = interval(&[1.0, 1.05]);
    assert!(agrees && (wavering - 0.05).abs() < 1e-9 && high < 115.0, "{high}");
    assert!(interval(&[1.0, 1.08]).0 < 115.0, "pilots that agree lead to no more than 15 %");
    let (high, wavering, agrees) = interval(&[1.0, 2.0, 1.5]);
    assert!(!agrees && (wavering - 1.0).abs() < 1e-9 && high > 141.0, "{high}");
}

#[test]
fn a_model_that_does_not_learn_is_known_by_its_first_steps() {
    let falling = [(10, 2.3), (20, 2.0), (30, 1.5), (40, 1.2)];
    let still = [(10, 2.3), (20, 2.301), (30, 2.298)];
    assert!(lags(&still, &falling));
    assert!(!lags(&falling, &still) && !lags(&falling, &falling) && !lags(&still, &still));
    // The other had more steps to learn in.
    assert!(!lags(&still[..2], &falling));
    assert!(!lags(&[], &falling) && !lags(&still[..1], &falling) && !lags(&still, &[]));
}
