//! How well each member foretold the larger sizes from the smaller ones.

use super::cells::Cells;
use super::{Direction, Member};

/// Steps of the product of sizes that are no larger than this factor are one.
const APART: f64 = 1.3;
/// Steps that a member is fitted to at least.
const FEWEST: usize = 3;
/// Times that a member is fitted to the smaller steps, at most.
const TIMES: usize = 4;
/// Steps beyond those, which are foretold.
const AHEAD: usize = 2;
/// A run that was held impossible doesn't end a member: the least logarithm of a density that counts.
const IMPOSSIBLE: f64 = -6.0;

/// For each member its prior weight times the product of the densities that it gave to larger sizes, over the largest of
/// all; a member that can't be fitted weighs nothing.
pub(super) fn foretold(cells: &Cells, direction: Direction, members: &[Member]) -> Vec<f64> {
    let steps = steps(cells);
    let count = steps.iter().max().map_or(0, |last| last + 1);
    let first = FEWEST.max(count.saturating_sub(TIMES));
    let logs: Vec<f64> = members
        .iter()
        .map(|member| {
            let scores = (first..count).map(|cut| score(cells, &steps, cut, direction, *member));
            member.prior().ln() + scores.sum::<f64>()
        })
        .collect();
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logs.iter().map(|log| (log - most).exp()).collect()
}

/// The logarithm of the density of the steps beyond a cut.
fn score(cells: &Cells, steps: &[usize], cut: usize, direction: Direction, member: Member) -> f64 {
    let rows = |wanted: &dyn Fn(usize) -> bool| {
        (0..steps.len()).filter(|&cell| wanted(steps[cell])).collect::<Vec<_>>()
    };
    let smaller = cells.select(&rows(&|step| step < cut));
    let larger = rows(&|step| (cut..cut + AHEAD).contains(&step));
    let Some(curves) = member.fit(&smaller, direction) else { return f64::NEG_INFINITY };
    let logs =
        larger.iter().map(|&cell| curves.at(cells.x[cell]).density(cells.y[cell]).ln().max(IMPOSSIBLE));
    logs.sum()
}

/// The step of each cell, by the product of its sizes.
fn steps(cells: &Cells) -> Vec<usize> {
    let products: Vec<f64> = (0..cells.len()).map(|cell| cells.order(cell).exp()).collect();
    crate::rounding::levels(&products, APART - 1.0)
}
