//! The valley that a fit lies in.
//!
//! A slow fall to a low floor and a fast one to a high floor can meet the same rows. The objective then has a long flat
//! valley, and the minimum over other rows may lie anywhere in it, further away than a descent from the old minimum gets.
//! So the valley is walked along: the floor is held at one value after another, and the other parameters are those that
//! fit best with it (a profile of the objective). Another parameter that trades against the others, as the sharpness γ of the
//! law with a break, is treated so too.

use super::Form;
use super::estimate::minimise;
use super::form::MOST;
use super::logs::Logs;
use super::objective::Objective;

/// Floors, as the logits of their part of the law's smallest y: from a 400th of it to all but a 150th.
const FLOORS: [f64; 8] = [-6.0, -3.0, -1.5, -0.5, 0.5, 1.5, 3.0, 5.0];

/// θ at points of the valley that `centre` lies in, the minimum over the same rows with the same δ; none for a form without
/// a floor, whose objective is convex. All θ are for logarithms from their mean.
pub(super) fn valley(form: Form, logs: &Logs, centre: &[f64], delta: f64) -> Vec<Vec<f64>> {
    let Some(place) = form.law().floor() else { return Vec::new() };
    let law = |cell: &super::logs::Cell| form.log_with_gradient(centre, cell.x, &mut [0.0; MOST]);
    let smallest = logs.cells.iter().map(law).fold(f64::INFINITY, f64::min);
    // The law lies above its floor everywhere.
    let floors = FLOORS.map(|logit| smallest - (-logit).exp().ln_1p());
    let objective = || Objective::new(form, logs, delta);
    let mut found = along(&objective, form, centre, (place, &floors));
    if let Some((place, values)) = form.law().ridge() {
        found.extend(along(&objective, form, centre, (place, values)));
    }
    found
}

/// The best θ with the element at `place` held at each of these values, which rise. Neighbours start from each other.
fn along<'a>(
    objective: &impl Fn() -> Objective<'a>,
    form: Form,
    centre: &[f64],
    (place, values): (usize, &[f64]),
) -> Vec<Vec<f64>> {
    let middle = values.partition_point(|value| *value < centre[place]);
    let (below, above) = values.split_at(middle);
    let walk = |values: &mut dyn Iterator<Item = &f64>| {
        let mut theta = centre.to_vec();
        let mut reached = Vec::new();
        for &value in values {
            theta = minimise(&objective().holding(place), &moved(form, &theta, place, value), 0.0).0.theta;
            reached.push(theta.clone());
        }
        reached
    };
    let mut found = walk(&mut below.iter().rev());
    found.extend(walk(&mut above.iter()));
    found
}

/// θ with another value at `place`; where that is the floor, what lies above it takes up the difference.
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
            let logs = Logs::of(Form::Floor, &points);
            let fitted = estimate(Form::Floor, &points, Search::Screened, delta).unwrap();
            let centre = logs.centred(Form::Floor, &fitted.theta);
            let delta = fitted.delta.value;
            let value = |theta: &[f64]| Objective::new(Form::Floor, &logs, delta).evaluate(theta).value;
            let least = value(&centre);
            let found = valley(Form::Floor, &logs, &centre, delta);
            assert_eq!(found.len(), FLOORS.len());
            // Floors with which a law meets the rows as well.
            found.iter().filter(|theta| value(theta) < near * least).count()
        };
        // By sizes; by squares, which are the squares of 5 % more.
        for (delta, near) in [(Some(PUBLISHED), 1.05), (None, 1.05 * 1.05)] {
            let (flat, steep) = (equals(4.0, delta, near), equals(1e5, delta, near));
            assert!(flat >= 5 && steep <= 2, "{delta:?}: {flat} and {steep}");
        }
    }
}
