//! 1,000 sweeps of a generator that shares no code with `check`: 550 of them sound, and of each of nine kinds of fault
//! 50 whose strength is drawn from the range in [`KINDS`].
//!
//! A fault *changes the answer* where the answer moves by more than its own interval, or where its interval becomes
//! three times as wide as that of the same sweep without the fault. `cargo test --test soundness rates -- --nocapture`
//! prints the rates.

use crate::answer::{Answer, best_size, joint, single};
use crate::design::{Design, Fault, KINDS, Kind, Made, make, make_sound};
use crate::random::Random;
use allometry::planner::soundness::{Asked, check};

const SOUND: usize = 550;
const FAULTY: usize = 50;
/// An interval that became so many times as wide is another answer.
const WIDER: f64 = 3.0;
/// Parts of a range of strengths that rates are printed by.
const PARTS: usize = 5;
/// Thresholds were chosen on the sweeps of other seeds.
const FIRST_SEED: u64 = 7_000_000;

/// One faulty sweep.
struct Case {
    /// Where its strength lies in the range, from 0 to 1.
    place: f64,
    /// Whether it is called unsound.
    found: bool,
    /// Whether the fault changes the answer.
    changed: bool,
    /// Whether the answer leaves the interval of the sweep without the fault.
    left: bool,
}

/// Found, of how many.
type Rate = (usize, usize);

fn case(kind: &Kind, seed: u64) -> Case {
    let place = Random::new(!seed).uniform(0.0, 1.0);
    let fault = (kind.of)(kind.range.0 * (kind.range.1 / kind.range.0).powf(place));
    let (made, sound) = (make(kind.design, seed, fault), make_sound(kind.design, seed, fault));
    let found = !check(&made.sweep, &Asked::default()).sound;
    let (changed, left) = match answers(kind.design, &made, &sound) {
        (Some(with), Some(without)) => {
            let moved = (with.value - without.value).abs();
            (moved > with.half || with.half > WIDER * without.half, moved > without.half)
        }
        (None, Some(_)) => (true, true),
        (_, None) => panic!("a sound sweep has no answer: {fault:?}, seed {seed}"),
    };
    Case { place, found, changed, left }
}

/// The answers of a sweep with a fault and without, both at the size that the sound one is asked for.
fn answers(design: Design, made: &Made, sound: &Made) -> (Option<Answer>, Option<Answer>) {
    let runs = &sound.sweep.series[0].runs;
    let largest = [0, 1].map(|size| runs.iter().map(|run| run.sizes[size]).fold(0.0, f64::max));
    match design {
        Design::Single | Design::Curves | Design::Rates => {
            (Some(single(made, largest[0])), Some(single(sound, largest[0])))
        }
        Design::Grid => (Some(joint(made, largest)), Some(joint(sound, largest))),
        Design::Profiles => (best_size(made), best_size(sound)),
    }
}

fn rate(cases: &[Case], counts: impl Fn(&Case) -> bool) -> Rate {
    let of: Vec<&Case> = cases.iter().filter(|case| counts(case)).collect();
    (of.iter().filter(|case| case.found).count(), of.len())
}

#[test]
fn rates_of_faults_that_are_found_and_of_false_alarms() {
    let alarms = (0..SOUND).filter(|number| {
        let design = Design::ALL[number % Design::ALL.len()];
        let made = make(design, FIRST_SEED + 500_000 + *number as u64, Fault::None);
        !check(&made.sweep, &Asked::default()).sound
    });
    let alarms = alarms.count();
    println!("False alarms: {alarms} of {SOUND} sound sweeps.");
    println!(
        "| fault | strength | found, by fifths of the range | changes the answer | leaves the sound interval |"
    );
    let mut all: (Rate, Rate) = ((0, 0), (0, 0));
    for (number, kind) in KINDS.iter().enumerate() {
        let seed = |case: usize| FIRST_SEED + (number * 1000 + case) as u64;
        let cases: Vec<Case> = (0..FAULTY).map(|index| case(kind, seed(index))).collect();
        let written = |(found, of): Rate| format!("{found} of {of}");
        let part = |part: usize| rate(&cases, |case| (case.place * PARTS as f64) as usize == part);
        let parts: Vec<String> = (0..PARTS).map(|place| written(part(place))).collect();
        let (changed, left) = (rate(&cases, |case| case.changed), rate(&cases, |case| case.left));
        let (low, high) = kind.range;
        println!(
            "| {} | {low} to {high} | {} | {} | {} |",
            kind.name,
            parts.join(", "),
            written(changed),
            written(left)
        );
        assert!(10 * changed.0 >= 8 * changed.1, "{}: {}", kind.name, written(changed));
        for (sum, of) in [(&mut all.0, changed), (&mut all.1, left)] {
            *sum = (sum.0 + of.0, sum.1 + of.1);
        }
    }
    println!(
        "Of {} that change the answer {} are found; of {} that leave the sound interval {}.",
        all.0.1, all.0.0, all.1.1, all.1.0
    );
    assert!(20 * alarms <= SOUND, "{alarms} false alarms of {SOUND}");
    assert!(all.0.1 >= 200, "{} of the faults change the answer", all.0.1);
    assert!(100 * all.0.0 >= 95 * all.0.1, "{} of {} found", all.0.0, all.0.1);
}
