//! Scaling laws: known parameters are found again, intervals cover them as often as they say, and what can't be
//! known is said to be so.

use allometry::scaling::law::allocation::optimum;
use allometry::scaling::law::bootstrap::bootstrap;
use allometry::scaling::law::estimate::estimate;
use allometry::scaling::law::{Fit, FitOptions, Form, Points, Search};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// E, A, α, B, β like those of published joint laws.
const JOINT: [f64; 5] = [1.8, 480.0, 0.35, 2100.0, 0.37];

/// Of the standard normal distribution (Box & Muller).
fn normal(random: &mut impl Rng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// `count` runs of models of 10⁷ to 10¹⁰ parameters on 2·10⁸ to 2·10¹¹ tokens, spread evenly in the logarithms,
/// with this relative noise on the loss.
fn joint_points(count: usize, noise: f64, seed: u64) -> Points {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut columns = [Vec::new(), Vec::new(), Vec::new()];
    let [e, a, alpha, b, beta] = JOINT;
    for _ in 0..count {
        let n = 1e7 * 1e3f64.powf(random.random());
        let d = 2e8 * 1e3f64.powf(random.random());
        let loss = e + a * n.powf(-alpha) + b * d.powf(-beta);
        let loss = loss * (noise * normal(&mut random)).exp();
        for (column, value) in columns.iter_mut().zip([n, d, loss]) {
            column.push(value);
        }
    }
    Points::joint(("N", &columns[0]), ("D", &columns[1]), ("loss", &columns[2])).unwrap()
}

/// Sizes from 10³ to 10⁸ in equal steps of the logarithm, and what `law` makes of them.
fn single_points(count: usize, law: impl Fn(f64) -> f64) -> Points {
    let x: Vec<f64> = (0..count).map(|i| 1e3 * 1e5f64.powf(i as f64 / (count - 1) as f64)).collect();
    let y: Vec<f64> = x.iter().map(|&x| law(x)).collect();
    Points::single(("N", &x), ("loss", &y)).unwrap()
}

fn assert_parameters(form: Form, points: &Points, search: Search, expected: &[f64]) {
    let found = estimate(form, points, search).unwrap();
    assert!(found.converged, "{found:?}");
    for (name, (found, expected)) in form.names().iter().zip(found.parameters().iter().zip(expected)) {
        assert!((found / expected - 1.0).abs() < 1e-4, "{form}, {name}: {found} for {expected}");
    }
}

#[test]
fn power_laws_without_noise_are_found_again() {
    for (k, alpha) in [(3.0, -0.25), (2e-7, 1.5), (1e9, 0.02), (1.0, -3.0)] {
        let points = single_points(12, |x| k * x.powf(alpha));
        assert_parameters(Form::Power, &points, Search::Screened, &[k, alpha]);
    }
}

#[test]
fn laws_with_a_floor_without_noise_are_found_again() {
    for (e, a, alpha) in [(1.7, 400.0, 0.35), (0.05, 20.0, 0.5), (1e-3, 3e-2, 0.2), (300.0, 8e4, 0.7)] {
        let points = single_points(20, |x| e + a * x.powf(-alpha));
        assert_parameters(Form::Floor, &points, Search::Screened, &[e, a, alpha]);
    }
}

#[test]
fn joint_laws_without_noise_are_found_again() {
    assert_parameters(Form::Joint, &joint_points(50, 0.0, 1), Search::Screened, &JOINT);
    assert_parameters(Form::Joint, &joint_points(400, 0.0, 2), Search::Screened, &JOINT);
}

#[test]
fn screening_finds_what_all_starts_find() {
    for (count, noise, seed) in [(30, 0.005, 1), (40, 0.02, 2)] {
        let points = joint_points(count, noise, seed);
        let full = estimate(Form::Joint, &points, Search::Full).unwrap();
        let screened = estimate(Form::Joint, &points, Search::Screened).unwrap();
        assert!(full.converged && screened.converged);
        let difference = screened.objective / full.objective - 1.0;
        assert!(difference < 1e-7, "{difference}: {screened:?} for {full:?}");
    }
}

/// How many of `repeats` data sets have each parameter's truth inside its 95 % interval.
fn coverage(
    form: Form,
    truth: &[f64],
    repeats: u64,
    resamples: usize,
    points: impl Fn(u64) -> Points,
) -> Vec<usize> {
    let mut covered = vec![0; truth.len()];
    for repeat in 0..repeats {
        let points = points(1000 + repeat);
        let fitted = estimate(form, &points, Search::Screened).unwrap();
        let intervals = bootstrap(&fitted, &points, resamples, repeat).parameters();
        for (covered, (interval, truth)) in covered.iter_mut().zip(intervals.iter().zip(truth)) {
            *covered += usize::from(interval.interval().contains(*truth));
        }
    }
    covered
}

#[test]
fn intervals_cover_the_truth() {
    let truth = [1.7, 400.0, 0.45];
    let noisy = |seed| {
        let random = std::cell::RefCell::new(ChaCha8Rng::seed_from_u64(seed));
        let noise = || (0.01 * normal(&mut *random.borrow_mut())).exp();
        single_points(100, |x| (truth[0] + truth[1] * x.powf(-truth[2])) * noise())
    };
    let covered = coverage(Form::Floor, &truth, 40, 100, noisy);
    assert!(covered.iter().all(|count| (33..=40).contains(count)), "{covered:?} of 40");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "sixty thousand fits: minutes with optimisation, hours without")]
fn intervals_cover_the_truth_in_90_to_99_percent_of_300_repeats() {
    let covered = coverage(Form::Joint, &JOINT, 300, 200, |seed| joint_points(50, 0.02, seed));
    assert!(covered.iter().all(|count| (270..=297).contains(count)), "{covered:?} of 300");
}

#[test]
fn threads_do_not_change_a_bit() {
    let points = joint_points(40, 0.01, 3);
    let options = FitOptions { form: Some(Form::Joint), resamples: 60, holdout: 4, ..FitOptions::default() };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let fit = pool.install(|| Fit::new(&points, &options)).unwrap();
        serde_json::to_string(&fit).unwrap()
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn the_simplest_form_that_holds_is_chosen() {
    let random = std::cell::RefCell::new(ChaCha8Rng::seed_from_u64(4));
    let noise = || (0.005 * normal(&mut *random.borrow_mut())).exp();
    let choose = |points: &Points| {
        let options = FitOptions { resamples: 60, ..FitOptions::default() };
        Fit::new(points, &options).unwrap().law
    };
    assert_eq!(choose(&single_points(30, |x| 5.0 * x.powf(-0.2) * noise())), Form::Power);
    let floor = |x: f64| (1.5 + 60.0 * x.powf(-0.4)) * noise();
    assert_eq!(choose(&single_points(30, floor)), Form::Floor);
    assert_eq!(choose(&joint_points(60, 0.005, 5)), Form::Joint);
}

#[test]
fn the_optimum_of_a_budget_is_where_no_other_split_is_better() {
    let [e, a, alpha, b, beta] = JOINT;
    let theta = [a.ln(), alpha, b.ln(), beta, e.ln()];
    for budget in [1e18, 1e21, 1e24] {
        let [n, d] = optimum(&theta, budget);
        assert!((6.0 * n * d / budget - 1.0).abs() < 1e-9);
        let best = Form::Joint.predict(&theta, [n, d]);
        for factor in [0.9, 0.99, 1.01, 1.1] {
            assert!(Form::Joint.predict(&theta, [n * factor, d / factor]) > best);
        }
    }
    let growth = (optimum(&theta, 1e22)[0] / optimum(&theta, 1e20)[0]).ln() / 100f64.ln();
    assert!((growth - beta / (alpha + beta)).abs() < 1e-9, "{growth}");
}

fn warnings(points: &Points, form: Form) -> (Vec<String>, Vec<&'static str>) {
    let options = FitOptions { form: Some(form), resamples: 80, ..FitOptions::default() };
    let fit = Fit::new(points, &options).unwrap();
    let unknown = fit.parameters.iter().filter(|(_, parameter)| !parameter.identified);
    (fit.warnings.clone(), unknown.map(|(name, _)| *name).collect())
}

#[test]
fn what_the_data_cannot_tell_is_said() {
    let x: Vec<f64> = (0..10).map(|i| 100.0 + 20.0 * f64::from(i)).collect();
    let y: Vec<f64> = x.iter().map(|x| x.powf(-0.5)).collect();
    let narrow = Points::single(("N", &x), ("loss", &y)).unwrap();
    let (said, unknown) = warnings(&narrow, Form::Power);
    assert!(said.iter().any(|warning| warning.contains("factor of 2.80")), "{said:?}");
    assert_eq!(unknown, ["k", "alpha"]);

    let (said, unknown) = warnings(&single_points(20, |x| 5.0 * x.powf(-0.3)), Form::Floor);
    assert!(said.iter().any(|warning| warning.contains("down to zero")), "{said:?}");
    assert_eq!(unknown, ["E"]);

    let n: Vec<f64> = (0..20).map(|i| 1e6 * 1.5f64.powi(i)).collect();
    let d: Vec<f64> = n.iter().map(|n| 20.0 * n).collect();
    let loss: Vec<f64> = n.iter().map(|n| 1.8 + 480.0 * n.powf(-0.35)).collect();
    let (said, unknown) =
        warnings(&Points::joint(("N", &n), ("D", &d), ("loss", &loss)).unwrap(), Form::Joint);
    assert!(said.iter().any(|warning| warning.contains("rise together")), "{said:?}");
    assert!(unknown.contains(&"alpha") && unknown.contains(&"beta"), "{unknown:?}");

    let (said, unknown) = warnings(&single_points(20, |x| 1.7 + 400.0 * x.powf(-0.5)), Form::Floor);
    assert!(said.is_empty() && unknown.is_empty(), "{said:?}");
}

#[test]
fn the_largest_are_predicted_from_the_others() {
    let points = joint_points(60, 0.01, 6);
    let options = FitOptions { form: Some(Form::Joint), resamples: 300, holdout: 6, ..FitOptions::default() };
    let fit = Fit::new(&points, &options).unwrap();
    let holdout = fit.holdout.unwrap();
    assert_eq!((fit.n, holdout.rows.len()), (54, 6));
    let largest = points.x().iter().map(|x| x[0] * x[1]).fold(0.0, f64::max);
    assert_eq!(holdout.rows[5].sizes.iter().product::<f64>(), largest);
    assert!(holdout.relative_error < 0.04, "{holdout:?}");
    assert!(holdout.inside >= 4, "{holdout:?}");
}
