//! Scaling laws: fits recover known parameters, intervals cover them at their nominal rate, and parameters that the
//! data do not determine are marked.

use allometry::laws::allocation::optimum;
use allometry::laws::approaches::{Method, approaches};
use allometry::laws::band::band;
use allometry::laws::bootstrap::bootstrap;
use allometry::laws::doubling::SpreadOf;
use allometry::laws::envelope::{TrainingCurve, envelope};
use allometry::laws::estimate::estimate;
use allometry::laws::plot::svg;
use allometry::laws::{Fit, FitOptions, Form, LEVEL, Points, Search};
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
fn single_points(count: usize, law: impl FnMut(f64) -> f64) -> Points {
    let x: Vec<f64> = (0..count).map(|i| 1e3 * 1e5f64.powf(i as f64 / (count - 1) as f64)).collect();
    let y: Vec<f64> = x.iter().copied().map(law).collect();
    Points::single(("N", &x), ("loss", &y)).unwrap()
}

fn assert_parameters(form: Form, points: &Points, search: Search, expected: &[f64]) {
    let close = if form == Form::Broken { 1e-4 } else { 1e-8 };
    let found = estimate(form, points, search, None).unwrap();
    assert!(found.converged, "{found:?}");
    for (name, (found, expected)) in form.names().iter().zip(found.parameters().iter().zip(expected)) {
        assert!((found / expected - 1.0).abs() < close, "{form}, {name}: {found} for {expected}");
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
    for (count, noise, seed) in [(30, 0.005, 1), (40, 0.02, 2), (160, 0.01, 3)] {
        let points = joint_points(count, noise, seed);
        let full = estimate(Form::Joint, &points, Search::Full, None).unwrap();
        let screened = estimate(Form::Joint, &points, Search::Screened, None).unwrap();
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
        let fitted = estimate(form, &points, Search::Screened, None).unwrap();
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
fn intervals_from_eight_rows_cover_the_truth() {
    let truth = [5.0, -0.3];
    let noisy = |seed| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        single_points(8, |x| truth[0] * x.powf(truth[1]) * (0.05 * normal(&mut random)).exp())
    };
    let covered = coverage(Form::Power, &truth, 200, 200, noisy);
    assert!(covered.iter().all(|count| (180..=198).contains(count)), "{covered:?} of 200");
}

#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "a quarter of a million fits: seven to ten minutes on two cores in release"
)]
fn intervals_cover_the_truth_in_90_to_99_percent_of_300_repeats() {
    for (count, noise) in [(50, 0.02), (50, 0.005), (400, 0.02), (400, 0.005)] {
        let covered = coverage(Form::Joint, &JOINT, 300, 200, |seed| joint_points(count, noise, seed));
        println!("{count} points, noise {noise}: E, A, alpha, B, beta covered in {covered:?} of 300");
        assert!(covered.iter().all(|count| (270..=297).contains(count)), "{covered:?} of 300");
    }
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

/// A curve from 5 down to 0.8 that bends within the sizes of [`single_points`].
const BROKEN: [f64; 5] = [0.8, 300.0, 0.5, 5.0, 0.6];

/// y of the law with a break, by bisection on its published formula.
fn broken(x: f64) -> f64 {
    let [e, a, alpha, top, gamma] = BROKEN;
    let (mut low, mut high) = (e, top);
    for _ in 0..200 {
        let y = 0.5 * (low + high);
        let above = (y - e) / (top - y).powf(gamma) > a * x.powf(-alpha);
        if above { high = y } else { low = y }
    }
    0.5 * (low + high)
}

#[test]
fn laws_with_a_break_without_noise_are_found_again() {
    assert_parameters(Form::Broken, &single_points(25, broken), Search::Screened, &BROKEN);
}

/// The form that `auto` chooses for 1 % of noise around a law.
fn chosen(count: usize, seed: u64, law: impl Fn(f64) -> f64) -> Form {
    let random = std::cell::RefCell::new(ChaCha8Rng::seed_from_u64(seed));
    let noise = || (0.01 * normal(&mut *random.borrow_mut())).exp();
    let options = FitOptions { resamples: 40, ..FitOptions::default() };
    Fit::new(&single_points(count, |x| law(x) * noise()), &options).unwrap().law
}

#[test]
fn a_break_is_chosen_where_the_rows_bend_and_only_there() {
    for (count, seed) in [(10, 1), (15, 2), (30, 3), (30, 4)] {
        let straight = chosen(count, seed, |x| 5.0 * x.powf(-0.2));
        let flattening = chosen(count, seed, |x| 1.5 + 60.0 * x.powf(-0.4));
        assert_ne!(straight, Form::Broken, "{count} rows, seed {seed}");
        assert_eq!(flattening, Form::Floor, "{count} rows, seed {seed}");
        assert_eq!(chosen(count, seed, broken), Form::Broken, "{count} rows, seed {seed}");
    }
}

#[test]
fn a_law_with_a_break_extrapolates_where_one_with_a_floor_cannot() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let points = single_points(30, |x| broken(x) * (0.005 * normal(&mut random)).exp());
    let error = |form: Form| {
        let options = FitOptions { form: Some(form), resamples: 100, holdout: 6, ..FitOptions::default() };
        Fit::new(&points, &options).unwrap().holdout.unwrap().relative_error
    };
    let (floor, with_break) = (error(Form::Floor), error(Form::Broken));
    assert!(with_break < 0.05 && with_break < 0.3 * floor, "{with_break} with a break, {floor} with a floor");
}

#[test]
fn a_doubling_beyond_the_limit_buys_less_than_the_spread() {
    let mut random = ChaCha8Rng::seed_from_u64(8);
    let mut noisy = |y: f64| y * (0.01 * normal(&mut random)).exp();
    let n: Vec<f64> = (0..60).map(|i| 1e3 * 1e5f64.powf(f64::from(i / 3) / 19.0)).collect();
    let d: Vec<f64> = (0..60).map(|i| 1e5 * 10f64.powi(i % 3)).collect();
    let single = |law: &mut dyn FnMut(f64) -> f64| {
        let y: Vec<f64> = n.iter().map(|&x| law(x)).collect();
        Points::single(("N", &n), ("loss", &y)).unwrap()
    };
    let bends = single(&mut |x| noisy(broken(x)));
    let flattens = single(&mut |x| noisy(1.7 + 400.0 * x.powf(-0.5)));
    let loss: Vec<f64> =
        n.iter().zip(&d).map(|(n, d)| noisy(1.8 + 48.0 * n.powf(-0.35) + 210.0 * d.powf(-0.37))).collect();
    let joint = Points::joint(("N", &n), ("D", &d), ("loss", &loss)).unwrap();
    for (form, points, of) in [
        (Form::Floor, &flattens, SpreadOf::Seeds),
        (Form::Broken, &bends, SpreadOf::Seeds),
        (Form::Joint, &joint, SpreadOf::Rows),
    ] {
        let fit = Fit::new(points, &FitOptions { form: Some(form), resamples: 60, ..FitOptions::default() });
        let fit = fit.unwrap();
        assert_eq!(fit.spread.of, of, "{form}");
        assert!((0.007..0.013).contains(&fit.spread.value), "{form}: {:?}", fit.spread);
        for (size, doubling) in fit.doubling.iter().enumerate() {
            let mut at = [doubling.from[0], doubling.from.get(1).copied().unwrap_or(1.0)];
            let mut gain = |x: f64| {
                at[size] = x;
                let before = fit.bootstrap.curve(at, LEVEL).value;
                at[size] = 2.0 * x;
                1.0 - fit.bootstrap.curve(at, LEVEL).value / before
            };
            let limit = doubling.worthwhile_to.unwrap();
            assert!((gain(limit.value) / fit.spread.value - 1.0).abs() < 1e-6, "{form}: {limit:?}");
            assert!(gain(0.9 * limit.value) > fit.spread.value, "{form}");
            assert!(gain(1.1 * limit.value) < fit.spread.value, "{form}");
        }
    }
}

#[test]
fn three_approaches_agree_on_one_law() {
    let [e, a, alpha, b, beta] = JOINT;
    let loss = |n: f64, d: f64| e + a * n.powf(-alpha) + b * d.powf(-beta);
    let expected = beta / (alpha + beta);
    let theta = [a.ln(), alpha, b.ln(), beta, e.ln()];
    // Seven sizes around the best at each of five budgets.
    let mut columns = [Vec::new(), Vec::new(), Vec::new()];
    for budget in [1e18, 1e19, 1e20, 1e21, 1e22] {
        for step in -3..=3 {
            let n = optimum(&theta, budget)[0] * 1.6f64.powi(step);
            let d = budget / (6.0 * n);
            for (column, value) in columns.iter_mut().zip([n, d, loss(n, d)]) {
                column.push(value);
            }
        }
    }
    let points = Points::joint(("N", &columns[0]), ("D", &columns[1]), ("loss", &columns[2])).unwrap();
    let options = FitOptions { form: Some(Form::Joint), resamples: 100, ..FitOptions::default() };
    let fit = Fit::new(&points, &options).unwrap();
    let second = fit.approaches.iter().map(|row| (row.approach, row.points)).collect::<Vec<_>>();
    assert_eq!(second, [(Method::IsoFlop, 5), (Method::JointLaw, 35)]);
    // Trainings of eight sizes, each over a factor of a thousand in samples.
    let curve = |i: i32| {
        let n = 3e7 * 3f64.powi(i);
        let samples = (-20..=20).map(|j| 20.0 * n * 10f64.powf(0.075 * f64::from(j)));
        TrainingCurve { parameters: n, points: samples.map(|d| (6.0 * n * d, loss(n, d))).collect() }
    };
    let first = envelope(&(0..8).map(curve).collect::<Vec<_>>(), 100, 0).unwrap();
    let table = approaches(Some(&first), fit.isoflop.as_ref(), fit.joint_approach());
    assert_eq!(
        table.iter().map(|row| row.approach).collect::<Vec<_>>(),
        [Method::Envelope, Method::IsoFlop, Method::JointLaw]
    );
    for row in &table {
        assert!((row.a.value - expected).abs() < 0.01, "{row:?} for {expected}");
    }
    let best = fit.isoflop.unwrap().frontier.unwrap().parameters(1e23, LEVEL);
    assert!((best.value / optimum(&theta, 1e23)[0] - 1.0).abs() < 0.1, "{best:?}");
    // Rows that make no profiles have one approach less.
    assert!(Fit::new(&joint_points(60, 0.01, 6), &options).unwrap().approaches.is_empty());
}

#[test]
fn bands_hold_the_curve_and_plots_what_they_are_made_of() {
    let single = single_points(20, |x| 1.7 + 400.0 * x.powf(-0.5) + 0.01 * x.sin());
    let options = FitOptions { resamples: 60, holdout: 3, ..FitOptions::default() };
    let fit = Fit::new(&single, &options).unwrap();
    let drawn = band(&fit.bootstrap, (1e3, 1e9), 7, |x| [x, 1.0], 0.8);
    assert_eq!((drawn.x[0], drawn.x.len()), (1e3, 7));
    for (place, &x) in drawn.x.iter().enumerate() {
        assert!((x / 10f64.powi(3 + place as i32) - 1.0).abs() < 1e-9);
        let [low, value, high] = [drawn.low[place], drawn.value[place], drawn.high[place]];
        assert!(low <= value && value <= high, "{low} {value} {high}");
    }
    let dots = |svg: &str| svg.matches("<circle").count();
    let picture = svg(&fit, &single).unwrap();
    // One for each row, and two in the legend.
    assert_eq!((dots(&picture), picture.matches("<polygon").count()), (22, 1));
    assert!(picture.contains("left out of the fit"), "{picture}");
    let joint = joint_points(60, 0.01, 6);
    let options = FitOptions { form: Some(Form::Joint), resamples: 60, ..FitOptions::default() };
    let picture = svg(&Fit::new(&joint, &options).unwrap(), &joint).unwrap();
    assert_eq!(dots(&picture), 61);
    assert!(picture.contains("measured against the law"), "{picture}");
}
