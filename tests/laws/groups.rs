//! A law for each group of a table, and whether exponents differ.

use allometry::laws::groups::Groups;
use allometry::laws::progress::silent;
use allometry::laws::{Columns, FitOptions, Form, Points, read_groups};
use std::path::Path;

/// Points of laws with a floor with these exponents, 1 % of noise that is always the same.
fn groups(exponents: &[f64]) -> Vec<(String, allometry::Result<Points>)> {
    let group = |(place, alpha): (usize, &f64)| {
        let x: Vec<f64> = (0..40).map(|row| 1e3 * 1e5f64.powf(f64::from(row) / 39.0)).collect();
        let noise = |row: usize| 1.0 + 0.014 * (37.0 * (row + 40 * place + 1) as f64).sin();
        let law = |(row, x): (usize, &f64)| (1.5 + 60.0 * x.powf(-alpha)) * noise(row);
        let y: Vec<f64> = x.iter().enumerate().map(law).collect();
        (format!("set {place}"), Points::single(("N", &x), ("loss", &y)))
    };
    exponents.iter().enumerate().map(group).collect()
}

fn fit(groups: Vec<(String, allometry::Result<Points>)>, form: Option<Form>) -> Groups {
    let options = FitOptions { form, resamples: 300, ..FitOptions::default() };
    Groups::fit(groups, &options, &silent).unwrap()
}

#[test]
fn exponents_that_differ_are_told_from_those_that_do_not() {
    let same = fit(groups(&[0.4, 0.4, 0.4]), Some(Form::Floor));
    let [same] = &same.differences[..] else { panic!("one exponent") };
    assert_eq!((same.parameter, same.freedom, same.pairs.len()), ("alpha", 2, 3));
    assert!(same.p > 0.05, "{same:?}");
    assert!(same.pairs.iter().all(|pair| pair.difference.interval().contains(0.0)), "{same:?}");

    let other = fit(groups(&[0.4, 0.4, 0.55]), None);
    assert_eq!(other.law, Form::Floor);
    let [other] = &other.differences[..] else { panic!("one exponent") };
    assert!(other.p < 1e-3, "{other:?}");
    for pair in &other.pairs {
        let truth = if pair.minus == "set 2" { -0.15 } else { 0.0 };
        assert!(pair.difference.interval().contains(truth), "{pair:?}");
        assert_eq!(pair.difference.interval().contains(0.0), truth == 0.0, "{pair:?}");
    }
}

#[test]
fn a_group_that_is_too_small_is_said_to_have_no_law() {
    let mut groups = groups(&[0.4, 0.5]);
    groups.push(("small".to_string(), Points::single(("N", &[1.0, 2.0]), ("loss", &[2.0, 1.0]))));
    let found = fit(groups, Some(Form::Floor));
    assert_eq!((found.groups.len(), found.without_law.len(), found.differences[0].freedom), (2, 1, 1));
    assert!(found.without_law[0].problem.contains("rows is 2"), "{:?}", found.without_law);
    let none = vec![("small".to_string(), Points::single(("N", &[1.0, 2.0]), ("loss", &[2.0, 1.0])))];
    assert!(Groups::fit(none, &FitOptions::default(), &silent).is_err());
}

/// Gadre et al. 2024 fit a law to each of three training sets.
#[test]
fn published_training_sets_are_groups() {
    let columns = Columns {
        x: "params".to_string(),
        x2: Some("tokens".to_string()),
        y: "c4_loss".to_string(),
        ..Columns::default()
    };
    let path = Path::new("tests/fixtures/published/gadre_2024.csv");
    let groups = read_groups(path, &columns, "dataset").unwrap();
    let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["c4_original", "rpj", "rw_original"]);
    let points = groups.into_iter().map(|(name, selection)| (name, selection.map(|found| found.points)));
    let found = fit(points.collect(), Some(Form::Joint));
    assert_eq!(found.groups.iter().map(|group| group.fit.n).collect::<Vec<_>>(), [34, 35, 35]);
    let parameters: Vec<&str> = found.differences.iter().map(|difference| difference.parameter).collect();
    assert_eq!(parameters, ["alpha", "beta"]);
    assert!(found.differences.iter().all(|difference| (0.0..=1.0).contains(&difference.p)));
    let many = read_groups(path, &columns, "c4_loss").unwrap_err().to_string();
    assert!(many.contains("at most 50 values") && many.contains("c4_loss"), "{many}");
}
