//! What a sweep answers: the loss at four times the largest size, by a fit of the test's own, with its 95 % interval.
//!
//! One size: `E + A·x^−α`. Two: ln loss at four times the largest of the first, by `E + A·N^−α + B·D^−β`. IsoFLOP
//! profiles: the logarithm of the best size at four times the largest budget. Exponents come from a grid; intervals are
//! of the linear regression in the neighbourhood of the fit.

use crate::design::Made;
use std::collections::BTreeMap;

/// A number and half its interval.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub value: f64,
    pub half: f64,
}

/// How far beyond the largest size.
pub const REACH: f64 = 4.0;

/// Student's t of 97.5 %, by Cornish and Fisher's expansion; exact enough from three degrees of freedom on.
fn student(freedom: f64) -> f64 {
    let z = 1.959_964f64;
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    z + (z3 + z) / (4.0 * freedom)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * freedom.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * freedom.powi(3))
}

/// Solves A·x = b by elimination with pivots.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs())).unwrap();
        a.swap(column, pivot);
        b.swap(column, pivot);
        for row in column + 1..n {
            let factor = a[row][column] / a[column][column];
            let (upper, lower) = a.split_at_mut(row);
            lower[0].iter_mut().zip(&upper[column]).for_each(|(cell, above)| *cell -= factor * above);
            b[row] -= factor * b[column];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|column| a[row][column] * b[column]).sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    b
}

/// Least squares of `rows·θ = values`.
fn least_squares(rows: &[Vec<f64>], values: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = rows[0].len();
    let product = |i: usize, j: usize| -> f64 {
        rows.iter().map(|row| row[i] * row[j]).sum::<f64>() * if i == j { 1.0 + 1e-12 } else { 1.0 }
    };
    let matrix: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| product(i, j)).collect()).collect();
    let right = (0..n).map(|i| rows.iter().zip(values).map(|(row, value)| row[i] * value).sum()).collect();
    (solve(matrix.clone(), right), matrix)
}

/// The law of runs (sizes, ln loss) with so many sizes, read at `target`.
fn law(points: &[([f64; 2], f64)], sizes: usize, target: [f64; 2]) -> Answer {
    let centre = [0, 1].map(|s| points.iter().map(|p| p.0[s].ln()).sum::<f64>() / points.len() as f64);
    let powers = |x: [f64; 2], exponents: [f64; 2]| -> Vec<f64> {
        let power = |s: usize| (-exponents[s] * (x[s].ln() - centre[s])).exp();
        std::iter::once(1.0).chain((0..sizes).map(power)).collect()
    };
    let fit = |exponents: [f64; 2]| -> (f64, Vec<f64>) {
        let rows: Vec<Vec<f64>> = points
            .iter()
            .map(|(x, log)| powers(*x, exponents).into_iter().map(|power| power / log.exp()).collect())
            .collect();
        let ones = vec![1.0; points.len()];
        let (mut theta, _) = least_squares(&rows, &ones);
        if theta[0] < 0.0 {
            // Losses have no floor below zero.
            let rest: Vec<Vec<f64>> = rows.iter().map(|row| row[1..].to_vec()).collect();
            theta = std::iter::once(0.0).chain(least_squares(&rest, &ones).0).collect();
        }
        let squares = rows.iter().map(|row| {
            let ratio: f64 = row.iter().zip(&theta).map(|(a, b)| a * b).sum();
            if ratio > 0.0 { ratio.ln().powi(2) } else { f64::INFINITY }
        });
        (squares.sum(), theta)
    };
    let steps = if sizes == 1 { 120 } else { 16 };
    let exponent = |step: usize| 0.03 * (2.0f64 / 0.03).powf(step as f64 / (steps - 1) as f64);
    let second = if sizes == 1 { 1 } else { steps };
    let grid = (0..steps).flat_map(|i| (0..second).map(move |j| (i, j)));
    let tried = grid.map(|(i, j)| {
        let exponents = [exponent(i), exponent(j)];
        (fit(exponents), exponents)
    });
    let ((squares, theta), exponents) = tried.min_by(|a, b| a.0.0.total_cmp(&b.0.0)).unwrap();
    let value = |x: [f64; 2]| -> f64 { powers(x, exponents).iter().zip(&theta).map(|(a, b)| a * b).sum() };
    let gradient = |x: [f64; 2]| -> Vec<f64> {
        let (powers, value) = (powers(x, exponents), value(x));
        let of_exponents =
            (0..sizes).map(|s| -theta[s + 1] * (x[s].ln() - centre[s]) * powers[s + 1] / value);
        powers.iter().map(|power| power / value).chain(of_exponents).collect()
    };
    let rows: Vec<Vec<f64>> = points.iter().map(|(x, _)| gradient(*x)).collect();
    let (_, matrix) = least_squares(&rows, &vec![0.0; points.len()]);
    let at = gradient(target);
    let variance: f64 = solve(matrix, at.clone()).iter().zip(&at).map(|(a, b)| a * b).sum();
    let freedom = points.len() as f64 - (1 + 2 * sizes) as f64;
    let scatter = (squares / freedom).sqrt();
    Answer { value: value(target).ln(), half: student(freedom) * scatter * variance.abs().sqrt() }
}

/// Of one size: at each size the runs of the best learning rate, or those of the common one; at a size given by the
/// sweep that has no fault.
pub fn single(made: &Made, largest: f64) -> Answer {
    let runs = &made.sweep.series[0].runs;
    let mut by_rate: BTreeMap<(u64, u64), Vec<f64>> = BTreeMap::new();
    for run in runs {
        let rate = run.learning_rate.unwrap_or(1.0);
        by_rate.entry((run.sizes[0].to_bits(), rate.to_bits())).or_default().push(run.loss.ln());
    }
    let mut best: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    for ((size, rate), losses) in by_rate {
        let chosen = match made.common_rate {
            Some(common) => (f64::from_bits(rate) / common - 1.0).abs() < 1e-9,
            None => best.get(&size).is_none_or(|known| mean(&losses) < mean(known)),
        };
        if chosen {
            best.insert(size, losses);
        }
    }
    let points: Vec<([f64; 2], f64)> = best
        .iter()
        .flat_map(|(&size, losses)| losses.iter().map(move |&log| ([f64::from_bits(size), 1.0], log)))
        .collect();
    law(&points, 1, [REACH * largest, 1.0])
}

/// Of two sizes: at four times the largest of the first, with the second as it is given.
pub fn joint(made: &Made, largest: [f64; 2]) -> Answer {
    let runs = &made.sweep.series[0].runs;
    let points: Vec<([f64; 2], f64)> = runs.iter().map(|run| (run.sizes, run.loss.ln())).collect();
    law(&points, 2, [REACH * largest[0], largest[1]])
}

/// Of isoFLOP profiles: a line through the logarithms of the parabolas' minima, none where fewer than three have one.
pub fn best_size(made: &Made) -> Option<Answer> {
    let mut budgets: BTreeMap<i64, Vec<(f64, f64)>> = BTreeMap::new();
    for run in &made.sweep.series[0].runs {
        let product = (run.sizes[0] * run.sizes[1]).ln();
        budgets.entry((product * 1e6).round() as i64).or_default().push((run.sizes[0].ln(), run.loss));
    }
    let minima: Vec<(f64, f64)> = budgets
        .iter()
        .filter_map(|(&budget, points)| {
            let middle = points.iter().map(|p| p.0).sum::<f64>() / points.len() as f64;
            let rows: Vec<Vec<f64>> =
                points.iter().map(|p| p.0 - middle).map(|z| vec![1.0, z, z * z]).collect();
            let (theta, _) = least_squares(&rows, &points.iter().map(|p| p.1).collect::<Vec<f64>>());
            let best = middle - 0.5 * theta[1] / theta[2];
            let ends = points.iter().map(|p| p.0);
            let inside = best > ends.clone().fold(f64::INFINITY, f64::min)
                && best < ends.fold(f64::NEG_INFINITY, f64::max);
            (theta[2] > 0.0 && inside).then_some((budget as f64 / 1e6, best))
        })
        .collect();
    if minima.len() < 3 {
        return None;
    }
    let largest = *budgets.keys().last()? as f64 / 1e6;
    let rows: Vec<Vec<f64>> = minima.iter().map(|(c, _)| vec![1.0, c - largest]).collect();
    let values: Vec<f64> = minima.iter().map(|(_, best)| *best).collect();
    let (theta, matrix) = least_squares(&rows, &values);
    let squares: f64 = rows.iter().zip(&values).map(|(r, v)| (theta[0] + theta[1] * r[1] - v).powi(2)).sum();
    let freedom = minima.len() as f64 - 2.0;
    let at = vec![1.0, REACH.ln()];
    let variance: f64 = solve(matrix, at.clone()).iter().zip(&at).map(|(a, b)| a * b).sum();
    let half = student(freedom) * (squares / freedom * variance).sqrt();
    Some(Answer { value: theta[0] + theta[1] * at[1], half })
}
