//! Rows as they come: budgets that differ by some per cent, and sizes that are nearly equal.

use super::published::{hoffmann, points};
use allometry::laws::allocation::FLOPS;
use allometry::laws::doubling::SpreadOf;
use allometry::laws::isoflop::{IsoFlop, Minimum, isoflop};
use allometry::laws::{BudgetRun, Budgets, Fit, FitOptions, Form, Points};

fn profiles(points: &Points) -> IsoFlop {
    let run =
        |(x, y): (&[f64; 2], &f64)| BudgetRun { parameters: x[0], compute: FLOPS * x[0] * x[1], loss: *y };
    let runs: Vec<BudgetRun> = points.x().iter().zip(points.y()).map(run).collect();
    isoflop(&runs, Budgets::Found, 40, 0).unwrap()
}

/// Figure 3 of Hoffmann et al. 2022 (arXiv:2203.15556) has nine budgets, from 6e18 to 3e21 FLOPs; what was read off the
/// axis is up to 8 % less.
#[test]
fn the_nine_budgets_of_a_published_figure_are_found() {
    let found = profiles(&hoffmann());
    let budgets: Vec<f64> = found.profiles.iter().map(|profile| profile.budget).collect();
    let published = [6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21];
    assert_eq!(budgets.len(), 9, "{budgets:?}");
    for (found, published) in budgets.iter().zip(published) {
        assert!((0.9..1.02).contains(&(found / published)), "{found:e} for {published:e}");
    }
    let runs: usize = found.profiles.iter().map(|profile| profile.runs).sum();
    assert_eq!(runs + found.without_budget, 245);
    // The paper has a = 0.49 by this approach.
    let a = found.frontier.unwrap().a;
    assert!((0.4..0.6).contains(&a.value), "{a:?}");
    let with_minimum =
        found.profiles.iter().filter(|profile| matches!(profile.minimum, Minimum::Optimum { .. }));
    assert!(with_minimum.count() >= 7);
}

#[test]
fn grids_of_other_designs_have_no_budgets_by_chance() {
    for set in ["dataset=c4_original", "dataset=rpj", "dataset=rw_original"] {
        let found = profiles(&points("gadre_2024.csv", "params", Some("tokens"), "c4_loss", &[set]));
        assert!(found.profiles.is_empty() && found.without_budget >= 34, "{set}: {:?}", found.profiles);
    }
}

/// Ten sizes, each read three times with digits that differ, and y to four digits.
fn read_off(spread: f64) -> Points {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for row in 0..30 {
        let (size, time) = (f64::from(row / 3), f64::from(row % 3));
        x.push(1e6 * 2f64.powf(size) * (1.0 + 1e-3 * time));
        let bend = 0.01 * (3.0 * size).sin();
        y.push((1.5 + 50.0 * (1e6 * 2f64.powf(size)).powf(-0.3)) * (1.0 + bend + spread * (time - 1.0)));
    }
    Points::single(("N", &x), ("loss", &y)).unwrap()
}

#[test]
fn rows_of_nearly_equal_sizes_are_repetitions() {
    let fit = |points: &Points, form| {
        Fit::new(points, &FitOptions { form: Some(form), resamples: 60, ..FitOptions::default() }).unwrap()
    };
    for form in [Form::Floor, Form::Power, Form::Bnsl] {
        let seeds = fit(&read_off(0.005), form).spread;
        assert_eq!(seeds.of, SpreadOf::Seeds, "{form}");
        assert!((0.004..0.006).contains(&seeds.value), "{form}: {seeds:?}");
        // Copies say nothing of chance: a doubling is held against the scatter around the law.
        for spread in [0.0, 1e-9] {
            let copies = fit(&read_off(spread), form);
            assert_eq!(copies.spread.of, SpreadOf::Rows, "{form}, {spread}");
            assert!(copies.spread.value > 1e-3, "{form}: {:?}", copies.spread);
            if let Some(limit) = copies.doubling[0].worthwhile_to {
                assert!(limit.value < 1e30, "{form}: {limit:?}");
            }
        }
    }
}
