//! The valley of the objective around a fit.
//!
//! A slow fall to a low floor and a fast fall to a high floor can fit the same rows. The objective then has a long flat
//! valley, and the minimum over other rows may lie anywhere in it, further away than a descent from the old minimum
//! gets. So the floor is fixed at one value after another, and the other parameters are fitted (a profile of the
//! objective). Another parameter that trades off against the others, such as the sharpness γ of the law with a break,
//! is treated in the same way.

use super::Form;
use super::estimate::minimise;
use super::logs::Logs;
use super::objective::Objective;
use super::theta::MOST;

/// Floors, as logits of their fraction of the law's smallest y: from 1/400 to 149/150 of it.
const FLOORS: [f64; 8] = [-6.0, -3.0, -1.5, -0.5, 0.5, 1.5, 3.0, 5.0];

/// θ at points of the valley around `centre`, the minimum over the same rows with the same δ. Empty for a form without
/// a floor, whose objective is convex. All θ are for centred logarithms.
pub(super) fn valley(form: Form, logs: &Logs, centre: &[f64], delta: f64) -> Vec<Vec<f64>> {
    let Some(place) = form.law().floor() else { return Vec::new() };
    let law = |cell: &super::logs::Cell| form.log_with_gradient(centre, cell.x, &mut [0.0; MOST]);
    let smallest = logs.cells.iter().map(law).fold(f64::INFINITY, f64::min);
    // The law lies above its floor everywhere.
    let floors = FLOORS.map(|logit| smallest - (-logit).exp().ln_1p());
    let objective = || Objective::new(form, logs, delta);
    let mut found = along(&objective, form, centre, (place, &floors));
    if let Some((place, values)) = form.law().trade_off() {
        found.extend(along(&objective, form, centre, (place, values)));
    }
    found
}

/// The best θ with the element at `place` fixed at each of these ascending values. Each fit starts at its neighbour's
/// θ.
fn along<'a>(
    objective: &impl Fn() -> Objective<'a>,
    form: Form,
    centre: &[f64],
    (place, values): (usize, &[f64]),
) -> Vec<Vec<f64>> {
    let middle = values.partition_point(|value| *value < centre[place]);
    let (below, above) = values.split_at(middle);
    let follow = |values: &mut dyn Iterator<Item = &f64>| {
        let mut theta = centre.to_vec();
        let mut reached = Vec::new();
        for &value in values {
            theta = minimise(&objective().holding(place), &moved(form, &theta, place, value), 0.0).0.theta;
            reached.push(theta.clone());
        }
        reached
    };
    let mut found = follow(&mut below.iter().rev());
    found.extend(follow(&mut above.iter()));
    found
}

/// θ with another value at `place`. If that is the floor, the terms above it take up the difference.
fn moved(form: Form, theta: &[f64], place: usize, value: f64) -> Vec<f64> {
    let mut moved = theta.to_vec();
    moved[place] = value;
    if form.law().floor() == Some(place) {
        let above = form.law().heights();
        let height: f64 = above.iter().map(|&place| theta[place].exp()).sum();
        let factor = 1.0 + (theta[place].exp() - value.exp()) / height;
        if factor > 0.0 && factor.is_finite() {
            above.iter().for_each(|&place| moved[place] += factor.ln());
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::super::Points;
    use super::super::delta::PUBLISHED;
    use super::super::estimate::{Search, estimate};
    use super::*;

    #[test]
    fn a_narrow_size_has_a_flat_valley_and_a_wide_one_a_steep_one() {
        let equals = |span: f64, delta: Option<f64>, near: f64| {
            let x: Vec<f64> = (0..40).map(|row| 1e6 * span.powf(f64::from(row) / 39.0)).collect();
            let noise = |x: &f64| 1.0 + 0.02 * (x * 0.7).sin();
            let y: Vec<f64> = x.iter().map(|x| (2.0 + 500.0 * x.powf(-0.4)) * noise(x)).collect();
            let points = Points::single(("N", &x), ("loss", &y)).unwrap();
            let logs = Form::Floor.logs(&points);
            let fitted = estimate(Form::Floor, &points, Search::Screened, delta).unwrap();
            let centre = Form::Floor.centred(&logs, &fitted.theta);
            let delta = fitted.delta.value;
            let value = |theta: &[f64]| Objective::new(Form::Floor, &logs, delta).evaluate(theta).value;
            let least = value(&centre);
            let found = valley(Form::Floor, &logs, &centre, delta);
            assert_eq!(found.len(), FLOORS.len());
            // Floors with which a law fits the rows as well.
            found.iter().filter(|theta| value(theta) < near * least).count()
        };
        // By residuals' sizes; by their squares, of which 5 % more are squared.
        for (delta, near) in [(Some(PUBLISHED), 1.05), (None, 1.05 * 1.05)] {
            let (flat, steep) = (equals(4.0, delta, near), equals(1e5, delta, near));
            assert!(flat >= 5 && steep <= 2, "{delta:?}: {flat} and {steep}");
        }
    }
}
