//! What a table can't tell is said, and nothing that looks sure stands in its place.

use allometry::laws::delta::PUBLISHED;
use allometry::laws::doubling::SpreadOf;
use allometry::laws::progress::FitStage;
use allometry::laws::{Fit, FitOptions, Form, Points};
use std::sync::Mutex;

const SINGLE: [Form; 4] = [Form::Power, Form::Floor, Form::Broken, Form::Bnsl];

fn points(rows: impl IntoIterator<Item = (f64, f64)>) -> Points {
    let (x, y): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
    Points::single(("N", &x), ("y", &y)).unwrap()
}

fn fit(points: &Points, form: impl Into<Option<Form>>) -> Fit {
    Fit::new(points, &FitOptions { form: form.into(), resamples: 60, ..FitOptions::default() }).unwrap()
}

fn unknown(fit: &Fit) -> Vec<&'static str> {
    fit.parameters.iter().filter(|(_, parameter)| !parameter.identified).map(|(name, _)| *name).collect()
}

/// Numbers that scatter by about 1, always the same.
fn scatter(row: usize) -> f64 {
    (37.0 * (row as f64 + 1.0)).sin() * 1.4
}

/// y by the formula, from the parameters that a fit reports.
fn formula(fit: &Fit, x: f64) -> f64 {
    let parameters: Vec<f64> = fit.parameters.iter().map(|(_, parameter)| parameter.quantity.value).collect();
    fit.law.value(&parameters, [x, 1.0])
}

#[test]
fn laws_of_narrow_sizes_are_reproduced_by_their_parameters() {
    let curve = |row: usize| 0.4 + 2.0 / (1.0 + row as f64) + 0.01 * scatter(row);
    // A clock once a minute, steps counted from a million, and sizes that differ in their last digits.
    let sizes: [&dyn Fn(usize) -> f64; 3] =
        [&|row| 1.7e9 + 60.0 * row as f64, &|row| 1e6 + 100.0 * row as f64, &|row| {
            3.0 * (1.0 + 1e-11 * row as f64)
        }];
    for (place, size) in sizes.iter().enumerate() {
        let points = points((0..40).map(|row| (size(row), curve(row))));
        for form in SINGLE.map(Some).into_iter().chain([None]) {
            let fit = fit(&points, form);
            assert!(!fit.identifies(0), "{place}, {form:?}: {:?}", fit.parameters);
            for (name, parameter) in &fit.parameters {
                let quantity = parameter.quantity;
                let numbers = [quantity.value, quantity.se, quantity.low, quantity.high];
                assert!(
                    numbers.iter().all(|number| number.is_finite()),
                    "{place}, {form:?}, {name}: {quantity:?}"
                );
            }
            for x in [size(0), size(39)] {
                let (found, expected) = (formula(&fit, x), fit.bootstrap.estimate().predict([x, 1.0]));
                assert!((found / expected - 1.0).abs() < 1e-6, "{place}, {form:?}: {found} for {expected}");
            }
        }
    }
}

#[test]
fn a_constant_has_no_variance_to_account_for() {
    for y in [[3.3; 3], [0.3, 0.1 + 0.2, 0.9 / 3.0]] {
        let fit = fit(&points((0..9).map(|row| (10.0 * 2f64.powi(row), y[row as usize % 3]))), Form::Power);
        assert_eq!(fit.r2, None);
        assert!(fit.warnings.iter().any(|said| said.contains("may not depend")), "{:?}", fit.warnings);
    }
    // A law through most rows that an outlier is far from accounts for nothing, and not for less.
    let fit =
        fit(&points((0..12).map(|row| (2f64.powi(row), if row == 5 { 9.0 } else { 1.0 }))), Form::Power);
    assert_eq!(fit.r2, Some(0.0));
}

#[test]
fn where_y_rises_no_doubling_is_worth_anything() {
    let costs = points((0..14).map(|row| {
        let samples = 500.0 * 2f64.powi(row);
        (samples, (3.0 + 2e-4 * samples) * (1.0 + 0.01 * scatter(row as usize)))
    }));
    for form in SINGLE {
        let fit = fit(&costs, form);
        assert!(fit.doubling[0].relative.value < 0.0 && fit.doubling[0].worthwhile_to.is_none(), "{form}");
    }
}

#[test]
fn a_pair_or_a_copy_is_no_spread() {
    let row = |place: usize| {
        (1e3 * 3f64.powi(place as i32), 1.0 + 20.0 * 3f64.powi(-(place as i32)) + 0.01 * scatter(place))
    };
    let rows: Vec<(f64, f64)> = (0..10).map(row).collect();
    let (n, y) = rows[4];
    let with = |more: &[(f64, f64)]| fit(&points([&rows, more].concat()), Form::Floor).spread;
    let alone = with(&[]);
    assert_eq!(alone.of, SpreadOf::Rows);
    for more in [&[(n, y); 5][..], &[(n, y * 1.0001)], &[(n, y * 1.0001), (n, y), (n, y * 1.0001)]] {
        let spread = with(more);
        assert_eq!(spread.of, SpreadOf::Rows, "{more:?}");
        assert!(spread.value > 1e-4, "{spread:?}");
    }
    // Sizes that differ by rounding are one.
    let seeds = with(&[(n * (1.0 + 2e-16), y * 1.02), (n, y * 0.98)]);
    assert_eq!(seeds.of, SpreadOf::Seeds);
    assert!((seeds.value - 0.02).abs() < 1e-4, "{seeds:?}");
}

#[test]
fn no_number_that_is_none_counts_as_known() {
    // Four amounts of data at each size, of which the law knows nothing, so that it may fall as it likes.
    let loss = |n: f64, d: f64| 1.2 + 30.0 * n.powf(-0.2) + 900.0 * d.powf(-0.33);
    let rows = (0..24)
        .map(|row| (2e6 * 4f64.powi(row % 6), loss(2e6 * 4f64.powi(row % 6), 3e7 * 8f64.powi(row / 6))));
    let fit = fit(&points(rows), Form::Floor);
    let fitted = serde_json::to_value(&fit).unwrap();
    for (name, parameter) in fitted["parameters"].as_object().unwrap() {
        assert!(parameter.as_object().unwrap().values().all(|value| !value.is_null()), "{name}: {parameter}");
    }
    assert_eq!(unknown(&fit), ["E", "A", "alpha"], "{:?}", fit.parameters);
}

/// E, A, α, B, β.
fn joint(n: f64, d: f64) -> f64 {
    1.7 + 300.0 * n.powf(-0.32) + 1500.0 * d.powf(-0.36)
}

/// Every size with six numbers of samples, and half a percent of noise.
fn grid(sizes: &[f64]) -> Points {
    let mut columns = [Vec::new(), Vec::new(), Vec::new()];
    for (place, &n) in sizes.iter().enumerate() {
        for step in 0..6 {
            let d = 3e8 * 4f64.powi(step);
            let loss = joint(n, d) * (1.0 + 0.005 * scatter(6 * place + step as usize));
            for (column, value) in columns.iter_mut().zip([n, d, loss]) {
                column.push(value);
            }
        }
    }
    Points::joint(("N", &columns[0]), ("D", &columns[1]), ("loss", &columns[2])).unwrap()
}

#[test]
fn a_joint_law_needs_three_values_of_each_size() {
    let known = fit(&grid(&[1e7, 8e7, 6e8, 5e9]), Form::Joint);
    assert!(known.allocation.is_some() && known.identifies(0) && known.identifies(1), "{:?}", known.warnings);
    // Two, three of which two are nearly one, and two but for rounding.
    for sizes in [&[5e7, 2e9][..], &[5e7, 5.5e7, 2e9], &[5e7, 5e7 * (1.0 + 2e-16), 2e9]] {
        let fit = fit(&grid(sizes), Form::Joint);
        assert_eq!(unknown(&fit), ["E", "A", "alpha"], "{sizes:?}: {:?}", fit.parameters);
        assert!(fit.allocation.is_none() && fit.approaches.is_empty(), "{sizes:?}");
        assert!(!fit.doubling[0].known && fit.doubling[1].known, "{sizes:?}");
        let said = fit.warnings.join("\n");
        assert!(
            said.contains("N has only 2 different values") && said.contains("no compute-optimal"),
            "{said}"
        );
    }
}

#[test]
fn a_narrow_size_leaves_every_parameter_of_a_floor_open() {
    let narrow = points((0..30).map(|row| {
        let n = 1e6 * 3f64.powf(row as f64 / 29.0);
        (n, 1.5 + 90.0 * n.powf(-0.3))
    }));
    for form in [Form::Floor, Form::Broken] {
        let fit = fit(&narrow, form);
        assert_eq!(unknown(&fit), form.names(), "{form}: {:?}", fit.parameters);
    }
}

#[test]
fn intervals_reach_along_a_flat_valley() {
    // A slow fall to no floor and a fast one to a high floor both meet a size over a factor of 5.
    let rows = |span: f64| {
        points((0..24).map(|row| {
            let n = 2e7 * span.powf(row as f64 / 23.0);
            (n, (1.6 + 250.0 * n.powf(-0.35)) * (1.0 + 0.008 * scatter(row)))
        }))
    };
    let floor = |points: &Points, delta: Option<f64>| {
        let options = FitOptions { form: Some(Form::Floor), resamples: 60, delta, ..FitOptions::default() };
        let fit = Fit::new(points, &options).unwrap();
        let [floor, _, alpha] = [0, 1, 2].map(|place| fit.parameters[place].1.quantity);
        assert!(floor.low <= 1.6 && 1.6 <= floor.high && alpha.low <= 0.35 && 0.35 <= alpha.high, "{fit:?}");
        (floor, alpha, unknown(&fit))
    };
    for delta in [Some(PUBLISHED), None] {
        let (flat, alpha, open) = floor(&rows(5.0), delta);
        // By squares such noise, which has no tails, tells more than by sizes.
        let reach = if delta.is_some() { 8.0 } else { 5.0 };
        assert!(flat.low < 0.1 && alpha.high > reach * alpha.low, "{delta:?}: {flat:?} {alpha:?}");
        assert!(open.contains(&"E"), "{delta:?}: {open:?}");
        let (steep, _, open) = floor(&rows(1e4), delta);
        assert!(steep.low > 1.4 && open.is_empty(), "{delta:?}: {steep:?} {open:?}");
    }
}

#[test]
fn a_fit_tells_how_far_it_is() {
    let table = points((0..600).map(|row| {
        let n = 1e4 * 1.01f64.powi(row);
        (n, (0.9 + 40.0 * n.powf(-0.4)) * (1.0 + 0.01 * scatter(row as usize)))
    }));
    let steps = Mutex::new(Vec::new());
    let options = FitOptions { form: Some(Form::Floor), resamples: 50, ..FitOptions::default() };
    let told = Fit::with_progress(&table, &options, &|step| steps.lock().unwrap().push(step)).unwrap();
    let steps = steps.into_inner().unwrap();
    for stage in [FitStage::Search, FitStage::Resamples] {
        let mut done: Vec<(usize, usize)> =
            steps.iter().filter(|step| step.stage == stage).map(|step| (step.done, step.of)).collect();
        done.sort_unstable();
        // The law is searched for twice: in all rows, and without the largest.
        done.dedup();
        assert!(!done.is_empty());
        assert!(
            done.iter().copied().eq((1..=done.len()).map(|place| (place, done.len()))),
            "{stage:?}: {done:?}"
        );
    }
    assert_eq!(steps.iter().filter(|step| step.stage == FitStage::Resamples).count(), 50);
    // Whoever looks on changes nothing.
    let alone = Fit::new(&table, &options).unwrap();
    assert_eq!(serde_json::to_string(&told).unwrap(), serde_json::to_string(&alone).unwrap());
}
