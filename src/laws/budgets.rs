//! Which runs share a compute budget.
//!
//! Within one budget, compute differs by some per cent: batches are whole, and points are read off figures. Between
//! budgets there may be other runs. So a budget is a cluster in ln C: a window of half a width [`WIDTHS`] that holds
//! runs of four different sizes, and more runs than chance would put there, given the density of the runs around it
//! ([`CHANCE`]). This is a scan statistic (Naus 1965, "The distribution of the size of the maximum cluster of points on
//! a line"; for windows of several widths Kulldorff 1997): the least likely window is the first budget, its runs are
//! removed, and the search repeats.

use super::distributions::poisson_at_least;
use super::points::NEARLY;
use crate::rounding::levels;

/// Different sizes that an isoFLOP profile needs: one more than a parabola has coefficients.
pub(super) const SIZES: usize = 4;
/// Half the width of a budget, in ln C: runs within 2, 5 or 10 per cent of its middle.
const WIDTHS: [f64; 3] = [0.02, 0.05, WIDEST];
/// The largest distance, in ln C, of a run from the middle of a budget found among runs.
pub const WIDEST: f64 = 0.1;
/// The range around a window's middle, in ln C, from which the density of runs is taken.
const AROUND: f64 = 0.4;
/// The largest probability with which chance may produce a budget.
const CHANCE: f64 = 2e-3;
/// Middles of windows closer together than this, in ln C, are tried once.
const STEP: f64 = 0.005;

/// A finished training with its compute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetRun {
    /// Its size: parameters N, or another size that the law uses.
    pub parameters: f64,
    /// FLOPs of the training, C.
    pub compute: f64,
    /// Loss at the end.
    pub loss: f64,
}

/// How runs are assigned to budgets.
#[derive(Debug, Clone, Copy)]
pub enum Budgets<'a> {
    /// Finds budgets: runs whose compute lies within 2, 5 or 10 per cent of a middle. Isolated runs have no budget.
    Found,
    /// Assigns each run to the nearest of these budgets, in FLOPs, by ratio.
    Given(&'a [f64]),
}

/// The runs of each budget, in ascending order of budgets, and how many runs belong to none.
pub(super) fn budgets(runs: &[BudgetRun]) -> (Vec<Vec<BudgetRun>>, usize) {
    let mut sorted = runs.to_vec();
    sorted.sort_by(|a, b| a.compute.total_cmp(&b.compute));
    let sizes: Vec<f64> = sorted.iter().map(|run| run.parameters).collect();
    let mut left: Vec<Left> = sorted
        .iter()
        .zip(levels(&sizes, NEARLY))
        .enumerate()
        .map(|(place, (run, size))| Left { place, log: run.compute.ln(), size })
        .collect();
    let mut taken: Vec<Window> = Vec::new();
    while let Some(window) = least_likely(&left, &taken) {
        left.retain(|run| !window.holds(run.log));
        taken.push(window);
    }
    taken.sort_by(|a, b| a.middle.total_cmp(&b.middle));
    let mut free = vec![false; sorted.len()];
    left.iter().for_each(|run| free[run.place] = true);
    let of = |window: &Window| {
        let inside = sorted.iter().zip(&free).filter(|(run, free)| !**free && window.holds(run.compute.ln()));
        inside.map(|(run, _)| *run).collect()
    };
    (taken.iter().map(of).collect(), left.len())
}

/// A run that belongs to no budget yet.
struct Left {
    place: usize,
    log: f64,
    /// The index of its size among all sizes.
    size: usize,
}

#[derive(Clone, Copy)]
struct Window {
    middle: f64,
    half: f64,
}

impl Window {
    fn holds(&self, log: f64) -> bool {
        (log - self.middle).abs() <= self.half
    }

    fn ends(&self) -> (f64, f64) {
        (self.middle - self.half, self.middle + self.half)
    }
}

/// The window whose number of runs is the least likely by chance, if its probability is below [`CHANCE`].
fn least_likely(left: &[Left], taken: &[Window]) -> Option<Window> {
    let mut best: Option<(f64, Window)> = None;
    let mut last = f64::NEG_INFINITY;
    for run in left {
        if run.log - last <= STEP {
            continue;
        }
        last = run.log;
        let between = |half: f64| {
            let from = left.partition_point(|other| other.log < run.log - half);
            let to = left.partition_point(|other| other.log <= run.log + half);
            &left[from..to]
        };
        for half in WIDTHS {
            let window = Window { middle: run.log, half };
            let inside = between(half);
            if !has_sizes(inside) {
                continue;
            }
            // Half a run is added: a density that no run shows is not zero.
            let others = (between(AROUND).len() - inside.len()) as f64 + 0.5;
            let expected = others / free(&window, taken) * 2.0 * half;
            let chance = poisson_at_least(inside.len(), expected);
            if chance < CHANCE && best.as_ref().is_none_or(|(least, _)| chance < *least) {
                best = Some((chance, window));
            }
        }
    }
    best.map(|(_, window)| window)
}

/// Whether there are as many different sizes as a profile needs.
fn has_sizes(runs: &[Left]) -> bool {
    let mut found = Vec::with_capacity(SIZES);
    for run in runs {
        if found.len() == SIZES {
            break;
        }
        if !found.contains(&run.size) {
            found.push(run.size);
        }
    }
    found.len() == SIZES
}

/// The length in ln C around a window that neither it nor a budget covers.
fn free(window: &Window, taken: &[Window]) -> f64 {
    let (low, high) = (window.middle - AROUND, window.middle + AROUND);
    let mut covered: Vec<(f64, f64)> = taken.iter().chain([window]).map(Window::ends).collect();
    covered.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut length, mut end) = (0.0, low);
    for (from, to) in covered {
        length += (from.min(high) - end).max(0.0);
        end = end.max(to.min(high));
    }
    // If budgets cover everything, the density comes from the windows themselves.
    (length + high - end).max(2.0 * window.half)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(compute: f64, parameters: f64) -> BudgetRun {
        BudgetRun { parameters, compute, loss: 3.0 }
    }

    #[test]
    fn budgets_near_each_other_are_told_apart_and_single_runs_belong_to_none() {
        for factor in [1.2f64, 1.3, 1.5, 2.0, 10.0] {
            for sizes in 4..7 {
                let of = |budget: i32| {
                    (0..sizes).map(move |size| {
                        let whole = 1.0 + 0.004 * f64::from(size);
                        run(1e18 * factor.powi(budget) * whole, 1e6 * 1.5f64.powi(budget) * 2f64.powi(size))
                    })
                };
                let runs: Vec<BudgetRun> = (0..5).flat_map(of).collect();
                let (found, none) = budgets(&runs);
                let counts: Vec<usize> = found.iter().map(Vec::len).collect();
                assert_eq!((counts, none), (vec![sizes as usize; 5], 0), "factor {factor}, {sizes} sizes");
            }
        }
        let scattered: Vec<BudgetRun> =
            (0..60).map(|row| run(1e15 * 1.07f64.powi(row), 1e6 * 1.3f64.powi(row % 9))).collect();
        assert_eq!(budgets(&scattered).1, 60);
    }
}
