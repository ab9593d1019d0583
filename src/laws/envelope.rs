//! The lower envelope of training curves: which size has the least loss after a given compute.
//!
//! Approach 1 of Hoffmann et al. 2022 (arXiv:2203.15556): at budgets spaced evenly in the logarithm, take the run with
//! the least loss, and fit a power law to its size. With few sizes the best size is a step function, and a line through
//! all of its points is too flat (by the factor 1 − 1/k² for k steps). So the law is fitted to the changes from one
//! size to the next: there both sizes are equally good, and the best size lies between them, at their geometric mean.
//!
//! A learning rate that decays over a whole training makes the losses before the end worse than those of a shorter
//! training. Build the curve of a size from finished trainings of several lengths.
//!
//! For intervals whole curves are resampled with replacement.

use super::frontier::Frontier;
use crate::error::{Error, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

/// Number of budgets at which curves are compared, as in the paper.
const BUDGETS: usize = 1500;

/// The losses of one size along its training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingCurve {
    /// Its size: parameters N, or another size that the law uses.
    pub parameters: f64,
    /// (FLOPs so far, loss after them), in ascending order of FLOPs.
    pub points: Vec<(f64, f64)>,
}

/// The lower envelope, and the law of the best size on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Envelope {
    /// The curve with the least loss at each budget that a curve covers, in ascending order of budgets.
    pub points: Vec<Best>,
    /// The budgets at which the best size changes.
    pub changes: Vec<SizeChange>,
    /// The best size as a power law of compute, through the changes; `None` with fewer than two changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontier: Option<Frontier>,
}

/// The best run at one budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Best {
    /// FLOPs.
    pub budget: f64,
    /// The size of the run with the least loss.
    pub parameters: f64,
    /// Its loss, interpolated in logarithms.
    pub loss: f64,
}

/// A budget at which two sizes are equally good.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SizeChange {
    /// FLOPs.
    pub budget: f64,
    /// The geometric mean of the two sizes.
    pub parameters: f64,
}

/// Computes the envelope of curves. Intervals come from `resamples` draws.
///
/// # Errors
/// A curve of fewer than two points, with numbers that are not finite and above zero, or with compute that does not
/// rise.
pub fn envelope(curves: &[TrainingCurve], resamples: usize, seed: u64) -> Result<Envelope> {
    for (index, curve) in curves.iter().enumerate() {
        let numbers =
            curve.points.iter().flat_map(|&(compute, loss)| [compute, loss]).chain([curve.parameters]);
        let sound = numbers.into_iter().all(|number| number > 0.0 && number.is_finite());
        let rising = curve.points.is_sorted_by(|a, b| a.0 < b.0);
        if !(sound && rising && curve.points.len() >= 2) {
            let found = format!("{:?} for curve {} of N = {}", curve.points, index + 1, curve.parameters);
            let expected = "at least two points of finite numbers above zero, compute rising";
            return Err(Error::argument("envelope", "a curve", found, expected));
        }
    }
    let grid = Grid::new(curves);
    let all: Vec<usize> = (0..curves.len()).collect();
    let changes = grid.changes(&all);
    let through =
        |changes: &[SizeChange]| changes.iter().map(|change| (change.budget, change.parameters)).collect();
    let resampled: Vec<Vec<(f64, f64)>> = (0..if changes.is_empty() { 0 } else { resamples })
        .into_par_iter()
        .map(|index| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(index as u64);
            let drawn: Vec<usize> = all.iter().map(|_| random.random_range(0..all.len())).collect();
            through(&grid.changes(&drawn))
        })
        .collect();
    let points: Vec<(f64, f64)> = through(&changes);
    let frontier = Frontier::new(&points, &resampled);
    Ok(Envelope {
        points: grid.best(&all).into_iter().flatten().map(|best| grid.point(best)).collect(),
        changes,
        frontier,
    })
}

/// Every curve's loss at every budget.
struct Grid {
    budgets: Vec<f64>,
    sizes: Vec<f64>,
    /// Budget by budget; `None` where a curve does not reach.
    losses: Vec<Vec<Option<f64>>>,
}

impl Grid {
    fn new(curves: &[TrainingCurve]) -> Grid {
        let computes = || curves.iter().flat_map(|curve| &curve.points).map(|point| point.0.ln());
        let (low, high) =
            (computes().fold(f64::INFINITY, f64::min), computes().fold(f64::NEG_INFINITY, f64::max));
        let budgets = (0..BUDGETS).map(|i| (low + (high - low) * i as f64 / (BUDGETS - 1) as f64).exp());
        // Without curves the budgets are not finite.
        let budgets: Vec<f64> = budgets.filter(|budget| budget.is_finite()).collect();
        let at = |&budget: &f64| curves.iter().map(|curve| curve.at(budget)).collect();
        Grid {
            losses: budgets.iter().map(at).collect(),
            budgets,
            sizes: curves.iter().map(|curve| curve.parameters).collect(),
        }
    }

    /// At each budget the indices of the budget and of the best of these curves.
    fn best(&self, curves: &[usize]) -> Vec<Option<(usize, usize)>> {
        let best = |(budget, losses): (usize, &Vec<Option<f64>>)| {
            let reaching = curves.iter().filter_map(|&curve| Some((curve, losses[curve]?)));
            reaching.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(curve, _)| (budget, curve))
        };
        self.losses.iter().enumerate().map(best).collect()
    }

    fn point(&self, (budget, curve): (usize, usize)) -> Best {
        Best {
            budget: self.budgets[budget],
            parameters: self.sizes[curve],
            loss: self.losses[budget][curve].expect("the best curve reaches there"),
        }
    }

    /// The changes of the best size between curves that both cover the change. Elsewhere one just ends or begins.
    fn changes(&self, curves: &[usize]) -> Vec<SizeChange> {
        let best = self.best(curves);
        let change = |pair: &[Option<(usize, usize)>]| {
            let [(before, old), (after, new)] = [pair[0]?, pair[1]?];
            let reaches = self.losses[after][old].is_some() && self.losses[before][new].is_some();
            (reaches && self.sizes[old] != self.sizes[new]).then(|| SizeChange {
                budget: (self.budgets[before] * self.budgets[after]).sqrt(),
                parameters: (self.sizes[old] * self.sizes[new]).sqrt(),
            })
        };
        best.windows(2).filter_map(change).collect()
    }
}

impl TrainingCurve {
    /// The loss after `compute` FLOPs, interpolated linearly in logarithms; `None` outside the curve.
    fn at(&self, compute: f64) -> Option<f64> {
        // The ends of the grid equal ends of curves except for rounding.
        const ROUNDING: f64 = 1e-12;
        let (first, last) = (self.points[0].0, self.points[self.points.len() - 1].0);
        if compute < first * (1.0 - ROUNDING) || compute > last * (1.0 + ROUNDING) {
            return None;
        }
        let next = self.points.partition_point(|point| point.0 < compute).clamp(1, self.points.len() - 1);
        let [(x0, y0), (x1, y1)] = [self.points[next - 1], self.points[next]];
        let part = (compute / x0).ln() / (x1 / x0).ln();
        Some((y0.ln() + part * (y1 / y0).ln()).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Curves of a joint law with C = 6·N·D, over a factor of 1,000 of compute each.
    fn curves(sizes: usize, length: f64) -> Vec<TrainingCurve> {
        let curve = |index: usize| {
            let n = 1e6 * 3f64.powi(index as i32);
            let point = |i: i32| {
                let compute = 6.0 * n * n * length.powf(f64::from(i - 20) / 20.0);
                let d = compute / (6.0 * n);
                (compute, 1.8 + 480.0 * n.powf(-0.35) + 480.0 * d.powf(-0.35))
            };
            TrainingCurve { parameters: n, points: (0..=40).map(point).collect() }
        };
        (0..sizes).map(curve).collect()
    }

    #[test]
    fn the_law_of_the_best_size_is_recovered() {
        let found = envelope(&curves(7, 1e3), 200, 0).unwrap();
        let a = found.frontier.as_ref().unwrap().a;
        assert_eq!(found.changes.len(), 6);
        // With equal exponents the best N grows as C^0.5, and here it is √(C/6).
        assert!((a.value - 0.5).abs() < 0.005 && a.se < 0.005, "{a:?}");
        for change in &found.changes {
            let expected = (change.budget / 6.0).sqrt();
            assert!((change.parameters / expected - 1.0).abs() < 0.02, "{change:?} for {expected}");
        }
        assert!(found.points.is_sorted_by(|a, b| a.budget < b.budget && a.parameters <= b.parameters));
    }

    #[test]
    fn a_curve_that_ends_is_no_change() {
        let found = envelope(&curves(4, 1.2), 50, 0).unwrap();
        assert!(found.changes.is_empty() && found.frontier.is_none(), "{:?}", found.changes);
        assert!(!found.points.is_empty());
    }

    #[test]
    fn curves_that_go_back_are_refused() {
        let curve = TrainingCurve { parameters: 1e6, points: vec![(2e9, 3.0), (1e9, 2.0)] };
        let problem = envelope(&[curve], 10, 0).unwrap_err().to_string();
        assert!(problem.contains("curve 1") && problem.contains("compute rising"), "{problem}");
        assert!(envelope(&[], 10, 0).unwrap().points.is_empty());
    }
}
