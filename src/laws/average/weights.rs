//! Weights of the members, by how well each predicts the larger sizes from the smaller ones.

use super::cells::Cells;
use super::direction::Direction;
use super::member::Member;

/// Products of sizes closer together than this factor form one step.
const APART: f64 = 1.3;
/// The fewest steps that a member is fitted to.
const FEWEST: usize = 3;
/// The most fits of a member to smaller steps.
const TIMES: usize = 4;
/// How many steps beyond those are predicted.
const AHEAD: usize = 2;
/// The smallest logarithm of a density that counts: a single run that a member gives no probability does not rule it
/// out.
const IMPOSSIBLE: f64 = -6.0;

/// For each member its prior weight times the product of the densities that it gives to larger sizes, relative to the
/// largest of all. A member that cannot be fitted has weight 0.
pub(super) fn member_weights(cells: &Cells, direction: Direction, members: &[Member]) -> Vec<f64> {
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

/// The logarithm of the density that a member, fitted to the steps below a cut, gives to the steps from the cut on.
fn score(cells: &Cells, steps: &[usize], cut: usize, direction: Direction, member: Member) -> f64 {
    let rows = |wanted: &dyn Fn(usize) -> bool| {
        (0..steps.len()).filter(|&cell| wanted(steps[cell])).collect::<Vec<_>>()
    };
    let smaller = cells.select(&rows(&|step| step < cut));
    let larger = rows(&|step| (cut..cut + AHEAD).contains(&step));
    let Some(fit) = member.fit(&smaller, direction) else { return f64::NEG_INFINITY };
    let logs = larger.iter().map(|&cell| fit.at(cells.x[cell]).density(cells.y[cell]).ln().max(IMPOSSIBLE));
    logs.sum()
}

/// The step of each cell, by the product of its sizes.
fn steps(cells: &Cells) -> Vec<usize> {
    let products: Vec<f64> = (0..cells.len()).map(|cell| cells.order(cell).exp()).collect();
    crate::rounding::levels(&products, APART - 1.0)
}
