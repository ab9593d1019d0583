//! The minimum of the objective over many rows, from a point near it, in a few steps.
//!
//! A descent by gradients (`estimate.rs`) takes hundreds of evaluations to the last digit. With hundreds of rows, which
//! smooth the objective's kinks, Newton's method comes within a hundredth of a standard error in about five; with fewer
//! rows it comes near. The matrix of second derivatives is that of Gauss and Newton ([`Objective::curved`]), damped as
//! by Levenberg and Marquardt until a step goes down, so that the search follows a bent valley as well.

use super::linear::{factorise, solve_lower, solve_upper};
use super::objective::{Evaluation, Objective};
use super::theta::{Curvature, MOST};
use crate::quantile::quantile;

/// The largest number of steps, including rejected ones: near a minimum, and to the last digit.
const STEPS: usize = 25;
const EXACT_STEPS: usize = 200;
/// A search ends when the next step would lower the objective by less than this fraction of what chance does.
const ENOUGH: f64 = 1e-4;
/// The first damping, its factor from step to step, and its bounds.
const DAMPING: f64 = 1e-3;
const FACTOR: f64 = 8.0;
const LEAST_DAMPING: f64 = 1e-9;
const MOST_DAMPING: f64 = 1e9;

/// A search for the minimum over a draw of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newton {
    /// Residuals up to this size contribute to the second derivatives.
    width: f64,
    /// Whether the law's own second derivatives are included, and the largest number of steps.
    exact: bool,
    steps: usize,
    /// The expected difference between the objective's minimum over a draw of the rows and its minimum over all rows.
    pub chance: f64,
}

impl Newton {
    /// A search for draws of rows with these residuals from the law of all rows, which has `parameters` parameters.
    pub fn new(residuals: &[f64], parameters: usize, delta: f64) -> Newton {
        let mut sizes: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let count = sizes.len() as f64;
        // As many rows as a density estimate uses: the more rows there are, the smaller the fraction around the middle.
        let width = quantile(&sizes, count.powf(-1.0 / 3.0)).max(delta);
        let near = sizes.partition_point(|size| *size <= width) as f64 / count;
        // The gradient of a draw has variance `V = Σ ψ²·∇f·∇fᵀ / (δn)²`, and the matrix of second derivatives is about
        // `H = near/width · Σ ∇f·∇fᵀ / n`. The mean of the gain `½·gᵀ·H⁻¹·g` is then ½·tr(H⁻¹·V).
        let bounded = |size: &f64| (size / delta).min(1.0).powi(2);
        let slopes = sizes.iter().map(bounded).sum::<f64>() / count;
        Newton {
            width,
            exact: false,
            steps: STEPS,
            chance: 0.5 * parameters as f64 * slopes * width / (near * count),
        }
    }

    /// A search to the last digit, from anywhere, with the objective's own second derivatives.
    pub fn exact(delta: f64) -> Newton {
        Newton { width: delta, exact: true, steps: EXACT_STEPS, chance: 0.0 }
    }

    /// A gain too small to matter.
    pub fn enough(&self) -> f64 {
        ENOUGH * self.chance
    }

    /// The best point that the search reaches.
    pub fn minimise(&self, objective: &Objective, start: &[f64]) -> Evaluation {
        let (mut at, mut curvature) = objective.curved(start, self.width, self.exact);
        let mut damping = DAMPING;
        for _ in 0..self.steps {
            let step = step(&curvature, &self.downwards(objective, &at), damping);
            let theta: Vec<f64> = at.theta.iter().zip(&step).map(|(element, step)| element - step).collect();
            let gain = 0.5 * at.gradient.iter().zip(&step).map(|(slope, step)| slope * step).sum::<f64>();
            if gain <= self.enough() && damping <= 1.0 || damping > MOST_DAMPING {
                break;
            }
            let (next, next_curvature) =
                objective.curved(&objective.bounds.nearest(&theta), self.width, self.exact);
            if next.value < at.value {
                let gained = at.value - next.value;
                (at, curvature) = (next, next_curvature);
                damping = (damping / FACTOR).max(LEAST_DAMPING);
                if gained <= self.enough() && damping <= 1.0 {
                    break;
                }
            } else {
                damping *= FACTOR;
            }
        }
        at
    }

    /// The gradient without the elements that lead out of the bounds.
    fn downwards(&self, objective: &Objective, at: &Evaluation) -> Vec<f64> {
        let elements = at.theta.iter().zip(&at.gradient).enumerate();
        let slope = |(place, (element, slope)): (usize, (&f64, &f64))| {
            let beyond = element - slope.signum() * 1e-9 * element.abs().max(1.0);
            if objective.bounds.leaves(place, beyond) { 0.0 } else { *slope }
        };
        elements.map(slope).collect()
    }
}

/// The solution of `(H + damping·diag H)·step = gradient`, by Cholesky's factor of the matrix scaled to a diagonal of
/// ones. If the matrix is not positive definite, the step is a long one downwards: more damping shortens it.
fn step(curvature: &Curvature, gradient: &[f64], damping: f64) -> Vec<f64> {
    /// A direction whose second derivative is less than this fraction of the largest counts as flat.
    const FLAT: f64 = 1e-14;
    let count = gradient.len();
    let most = (0..count).map(|i| curvature[i][i].abs()).fold(f64::MIN_POSITIVE, f64::max);
    let mut scale = [0.0; MOST];
    for (i, scale) in scale.iter_mut().enumerate().take(count) {
        *scale = 1.0 / curvature[i][i].abs().max(FLAT * most).sqrt();
    }
    let mut factor = [[0.0; MOST]; MOST];
    for i in 0..count {
        for j in 0..=i {
            factor[i][j] = curvature[i][j] * scale[i] * scale[j];
        }
    }
    let damped = |pivot: f64| Some((pivot + damping).max(LEAST_DAMPING));
    factorise(factor.as_flattened_mut(), MOST, count, damped).expect("every pivot is accepted");
    let mut solution: Vec<f64> = (0..count).map(|i| gradient[i] * scale[i]).collect();
    solve_lower(factor.as_flattened(), MOST, &mut solution);
    solve_upper(factor.as_flattened(), MOST, &mut solution);
    solution.iter().zip(scale).map(|(element, scale)| element * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_solves_its_equations() {
        let mut curvature = [[0.0; MOST]; MOST];
        (curvature[0][0], curvature[1][0], curvature[1][1]) = (4e-6, 1e-3, 1.0);
        let found = step(&curvature, &[2e-3, 3.0], 0.0);
        // 4e-6·x + 1e-3·y = 2e-3 and 1e-3·x + y = 3.
        let expected = [(2e-3 - 3e-3) / 3e-6, 3.0 + 1.0 / 3.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a / b - 1.0).abs() < 1e-6), "{found:?}");
    }
}
