//! How long a training takes: a law, corrected by rehearsals.

use crate::synthetic::Synthetic;
use allometry::scaling::Axis;
use allometry::scaling::recommend::pace::Pace;
use allometry::scaling::recommend::rehearsal::Rehearsal;

#[test]
fn a_rehearsal_corrects_the_pace_of_its_neighbours() {
    let sweep = Synthetic::joint();
    let candidates = &sweep.fields[0].candidates;
    let mut pace = Pace::new(0.25);
    let seconds: Vec<(f64, f64)> = candidates.iter().map(|c| (c.macs as f64, c.macs as f64 / 1e9)).collect();
    pace.learn(Axis::Width, &seconds).unwrap();
    let by_law = |place: usize| candidates[place].macs as f64 / 1e9;
    let close =
        |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-6, "{found}, {expected}");
    close(pace.tempo(&candidates[30]).sample, by_law(30));

    let rehearsal = |place: usize, slower: f64| Rehearsal {
        opening: 0.5,
        first_step: 0.125,
        sample: by_law(place) * slower,
        validation_sample: by_law(place) * slower * 0.5,
        seconds: 1.0,
    };
    pace.add(candidates[10].clone(), rehearsal(10, 2.0));
    pace.add(candidates[40].clone(), rehearsal(40, 1.0));
    let measured = pace.tempo(&candidates[10]);
    assert_eq!(measured.sample, by_law(10) * 2.0);
    assert_eq!(measured.start, 0.25 + 0.5 + 0.125);
    close(pace.tempo(&candidates[0]).sample, by_law(0) * 2.0);
    close(pace.tempo(&candidates[41]).sample, by_law(41));
    let between = pace.tempo(&candidates[25]);
    assert!(between.sample > by_law(25) && between.sample < 2.0 * by_law(25));
    close(between.validation_sample, 0.5 * between.sample);
    // A second rehearsal of as long, at half the speed: in twice the time three halves of the samples.
    pace.add(candidates[40].clone(), rehearsal(40, 2.0));
    close(pace.tempo(&candidates[40]).sample, by_law(40) * 2.0 / 1.5);
    // Both ways of counting agree.
    let samples = between.samples(100.0, 3, 500);
    let seconds = between.seconds(3, samples as usize, 500);
    assert!(seconds <= 100.0 && seconds > 100.0 - 3.0 * between.sample, "{seconds}");
}
