//! The line through the two largest sizes, in the logarithms: the local slope continues.
//!
//! Its deviation comes from the errors that the same rule makes for each measured size, for each e-fold beyond the
//! last. A single error is not enough, so a typical deviation counts as two more.

use super::cells::Cells;
use super::mixture::Mixture;
use crate::rounding::levels;

/// Sizes closer together than this fraction count as one.
const APART: f64 = 0.3;
/// The prior deviation for each e-fold, and how many sizes it counts as.
const TYPICAL: f64 = 0.15;
const WORTH: f64 = 2.0;
/// The smallest deviation of a run.
const LEAST: f64 = 0.05;

/// A line in the logarithms with its deviation.
#[derive(Debug, Clone)]
pub(super) struct LineMember {
    last: (f64, f64),
    slope: f64,
    /// Standard deviation of ln y one e-fold beyond the last size.
    deviation: f64,
}

impl LineMember {
    /// `None` for two sizes: the slope would depend on which of them grows.
    pub fn fit(cells: &Cells) -> Option<LineMember> {
        if cells.sizes != 1 {
            return None;
        }
        let sizes: Vec<f64> = cells.x.iter().map(|x| x[0].exp()).collect();
        let step = levels(&sizes, APART);
        let count = step.iter().max().map_or(0, |last| last + 1);
        let steps: Vec<(f64, f64)> = (0..count)
            .map(|wanted| {
                let within: Vec<usize> = (0..cells.len()).filter(|&cell| step[cell] == wanted).collect();
                let mean = |of: &dyn Fn(usize) -> f64| {
                    within.iter().map(|&cell| of(cell)).sum::<f64>() / within.len() as f64
                };
                (mean(&|cell| cells.x[cell][0]), mean(&|cell| cells.y[cell]))
            })
            .collect();
        let slope = |end: usize| {
            let ((x, y), (before, known)) = (steps[end], steps[end - 1]);
            (y - known) / (x - before)
        };
        let error = |end: usize| (slope(end) - slope(end - 1)).powi(2);
        let last = count.checked_sub(1).filter(|&last| last > 0)?;
        let squares: f64 = (2..count).map(error).sum::<f64>() + WORTH * TYPICAL * TYPICAL;
        let deviation = (squares / ((count - 2) as f64 + WORTH)).sqrt();
        Some(LineMember { last: steps[last], slope: slope(last), deviation })
    }

    /// The distribution of ln y at the logarithms `x` of the sizes.
    pub fn at(&self, x: [f64; 2]) -> Mixture {
        let beyond = x[0] - self.last.0;
        let deviation = LEAST + self.deviation * beyond.abs();
        Mixture::new(vec![(1.0, self.last.1 + self.slope * beyond, deviation)])
    }
}
