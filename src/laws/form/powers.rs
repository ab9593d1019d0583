//! What laws that are sums of falling powers and a constant have in common.

use crate::laws::theta::{Curvature, MOST};

/// `ln y = logsumexp(a₁ − α₁·x₁, …, e)` over the logarithms of `SIZES` sizes, with its derivatives by θ.
pub(super) fn log_with_gradient<const SIZES: usize>(
    theta: &[f64],
    x: [f64; 2],
    gradient: &mut [f64; MOST],
) -> f64 {
    let mut terms = [f64::NEG_INFINITY; 3];
    for size in 0..SIZES {
        terms[size] = theta[2 * size] - theta[2 * size + 1] * x[size];
    }
    terms[SIZES] = theta[2 * SIZES];
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials = terms.map(|term| if term == largest { 1.0 } else { (term - largest).exp() });
    let sum: f64 = exponentials.iter().sum();
    for size in 0..SIZES {
        let share = exponentials[size] / sum;
        gradient[2 * size] = share;
        gradient[2 * size + 1] = -share * x[size];
    }
    gradient[2 * SIZES] = exponentials[SIZES] / sum;
    largest + sum.ln()
}

/// Adds `by` times the second derivatives to `curvature`. For the logarithm of a sum of exponentials of linear
/// functions tₖ they are `Σₖ pₖ·∇tₖ·∇tₖᵀ − ∇f·∇fᵀ`, where pₖ is the k-th term's fraction of the sum.
pub(super) fn add_second_derivatives<const SIZES: usize>(
    gradient: &[f64; MOST],
    x: [f64; 2],
    by: f64,
    curvature: &mut Curvature,
) {
    for (i, row) in curvature.iter_mut().enumerate().take(2 * SIZES + 1) {
        for (j, element) in row.iter_mut().enumerate().take(i + 1) {
            *element -= by * gradient[i] * gradient[j];
        }
    }
    for size in 0..SIZES {
        let (place, part) = (2 * size, by * gradient[2 * size]);
        curvature[place][place] += part;
        curvature[place + 1][place] -= part * x[size];
        curvature[place + 1][place + 1] += part * x[size] * x[size];
    }
    curvature[2 * SIZES][2 * SIZES] += by * gradient[2 * SIZES];
}

/// The size at which a doubling lowers `exp(e) + exp(a)·x^−α` by the fraction s: `A·x^−α·(1 − 2^−α) = s·(E + A·x^−α)`.
/// 0 if no doubling does.
pub(super) fn doubling_limit(a: f64, alpha: f64, e: f64, spread: f64) -> f64 {
    let part = 1.0 - (-alpha).exp2() - spread;
    if part > 0.0 { ((a + part.ln() - e - spread.ln()) / alpha).exp() } else { 0.0 }
}
