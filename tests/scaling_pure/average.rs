//! The average over models of the curve: on curves with a known course, and on recorded sweeps.

use allometry::laws::average::{Average, Direction, Member};
use allometry::laws::benchmark::{Estimator, Half, Measure, Task, load, score_estimators};
use allometry::laws::{Fit, FitOptions, Points};
use std::path::PathBuf;

const SIZES: [f64; 6] = [1e3, 3e3, 1e4, 3e4, 1e5, 3e5];

fn average(law: impl Fn(f64) -> f64) -> Average {
    let y = SIZES.map(law);
    Average::new(&Points::single(("N", &SIZES), ("loss", &y)).unwrap(), Direction::Falling).unwrap()
}

#[test]
fn laws_without_noise_go_on() {
    let power = |n: f64| 20.0 * n.powf(-0.3);
    let floor = |n: f64| 0.5 + 40.0 * n.powf(-0.6);
    // Steeper from size to size, as no floor is.
    let steepening = |n: f64| (-0.03 * n.ln().powi(2)).exp();
    check("power", power, 0.03);
    check("floor", floor, 0.05);
    check("steepening", steepening, 0.06);

    fn check(name: &str, law: impl Fn(f64) -> f64 + Copy, tolerance: f64) {
        let average = average(law);
        for size in [4e5, 1e6] {
            let interval = average.at([size, 1.0]).interval(0.95);
            let error = interval.value / law(size) - 1.0;
            assert!(error.abs() < tolerance, "{name} at {size}: {error}");
            assert!(interval.interval().contains(law(size)), "{name} at {size}: {interval:?}");
        }
    }
}

#[test]
fn a_fall_that_is_steeper_than_scaling_laws_may_end() {
    let far = 20.0 * SIZES[5];
    let steep = |n: f64| 1e5 * n.powf(-1.2);
    let interval = average(steep).at([far, 1.0]).interval(0.8);
    // Half way between continuing and falling with an exponent of 0.7.
    let middle = steep(SIZES[5]) * 20f64.powf(-0.95);
    assert!((interval.value / middle - 1.0).abs() < 0.15, "{interval:?}, {middle}");
    assert!(interval.low < 1.25 * steep(far) && interval.high > 1.5 * middle, "{interval:?}");
    let usual = |n: f64| 20.0 * n.powf(-0.6);
    let error = average(usual).at([far, 1.0]).median() / usual(far) - 1.0;
    assert!(error.abs() < 0.05, "{error}");
}

#[test]
fn intervals_widen_beyond_the_data_and_with_their_level() {
    let average = average(|n| 0.5 + 40.0 * n.powf(-0.6) + 0.01 * n.ln().sin());
    let width = |size: f64, level: f64| {
        let interval = average.at([size, 1.0]).interval(level);
        assert!(interval.low <= interval.value && interval.value <= interval.high, "{interval:?}");
        (interval.high / interval.low).ln()
    };
    let widths = [3e5, 1e6, 3e6, 1e7].map(|size| width(size, 0.8));
    assert!(widths.is_sorted() && widths[3] > 1.5 * widths[0], "{widths:?}");
    let levels = [0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99].map(|level| width(1e6, level));
    assert!(levels.is_sorted(), "{levels:?}");
}

#[test]
fn what_lies_above_a_ceiling_is_at_the_ceiling() {
    let of = || average(|n| 20.0 * n.powf(-0.3) + 0.02 * n.ln().sin());
    // A smaller model has a larger loss.
    let (small, large) = ([2e2, 1.0], [1e6, 1.0]);
    let free = of().at(small);
    let ceiling = free.quantile(0.8);
    let below = of().below(Some(ceiling)).at(small);
    assert_eq!([0.1, 0.5].map(|p| below.quantile(p)), [0.1, 0.5].map(|p| free.quantile(p)));
    assert!((below.quantile(0.9) / ceiling - 1.0).abs() < 1e-12 && free.quantile(0.9) > ceiling);
    let far = of().below(Some(2.6)).at(small);
    assert!((far.median() / 2.6 - 1.0).abs() < 1e-12 && far.quantile(0.5) == far.median());
    let same = |a: Average, b: Average, x| assert_eq!(a.at(x).interval(0.8), b.at(x).interval(0.8));
    same(of(), of().below(Some(ceiling)), large);
    same(of(), of().below(None), small);
    // The rows refute a ceiling of 2: the first has a loss of 2.5.
    same(of(), of().below(Some(2.0)), small);
}

#[test]
fn what_foretells_better_weighs_more() {
    let weight = |average: &Average, wanted: Member| {
        let weights = average.weights();
        assert!((weights.iter().map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-12);
        weights.iter().find(|(member, _)| *member == wanted).map_or(0.0, |(_, weight)| *weight)
    };
    let floor = average(|n| 0.5 + 40.0 * n.powf(-0.6));
    let steep = average(|n| (-0.03 * n.ln().powi(2)).exp());
    assert!(weight(&floor, Member::Floor) > 3.0 * weight(&steep, Member::Floor));
}

#[test]
fn what_grows_is_held_out_as_something_that_grows() {
    let time = SIZES.map(|n| 0.2 + 1e-4 * n.powf(0.9));
    let points = Points::single(("N", &SIZES), ("seconds", &time)).unwrap();
    assert_eq!(Direction::of(&points), Direction::Growing);
    let fit = Fit::new(&points, &FitOptions { holdout: 1, resamples: 20, ..FitOptions::default() }).unwrap();
    let holdout = fit.holdout.unwrap();
    assert!(holdout.relative_error < 0.05 && holdout.inside == 1, "{holdout:?}");
    let loss = SIZES.map(|n| 0.5 + 40.0 * n.powf(-0.6));
    let points = Points::single(("N", &SIZES), ("loss", &loss)).unwrap();
    assert_eq!(Direction::of(&points), Direction::Falling);
}

#[test]
fn too_few_sizes_are_refused() {
    let (x, y) = ([1e3, 1.01e3, 1e3, 1e3], [0.5, 0.5, 0.4, 0.41]);
    let points = Points::single(("N", &x), ("loss", &y)).unwrap();
    let refused = Average::new(&points, Direction::Falling).unwrap_err().to_string();
    assert!(refused.contains("number of different sizes") && refused.contains("is 1"), "{refused}");
}

#[test]
fn on_recorded_sweeps_intervals_hold_and_naive_estimators_are_behind() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/prediction/runs");
    let tasks: Vec<Task> =
        load(&folder).unwrap().into_iter().filter(|task| task.head.half == Half::Development).collect();
    assert!(tasks.len() >= 70);
    let scores =
        score_estimators(&tasks, Measure::Loss, &[Estimator::Average, Estimator::Last, Estimator::LastTwo]);
    let [average, last, last_two] = &scores[..] else { panic!("three estimators") };
    assert_eq!(average.tasks[0], average.tasks[1], "every task is predicted");
    let intervals = average.coverage_interval.expect("at least ten sources");
    for (place, level) in [(1, 0.8), (2, 0.95)] {
        assert!((intervals[place][0]..=intervals[place][1]).contains(&level), "{level}: {intervals:?}");
    }
    assert!(average.interval_score < 0.8 * last.interval_score.min(last_two.interval_score));
    assert!(average.median_error < 0.12, "{}", average.median_error);
}
