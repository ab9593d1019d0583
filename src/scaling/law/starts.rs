//! Where the descents to a law's parameters begin.
//!
//! For the joint law at the published 4,500 points (α, β ∈ {0, 0.5, …, 2}, e ∈ {−1, −0.5, …, 1}, a, b ∈ {0, 5, …, 25};
//! Hoffmann et al. 2022, arXiv:2203.15556, appendix D.3), for the law with a floor at the same without β and b, 150.
//! Beside them stand a few that follow the data's own size, so that a law of values around 0.001 is found as well as
//! one of losses around 2. The law with a break has starts of that kind alone.

use super::least_squares::Line;
use super::{Form, Points, broken};

/// θ for plain logarithms.
pub(super) fn starts(form: Form, points: &Points) -> Vec<Vec<f64>> {
    let exponents = || (0..5).map(|i| 0.5 * f64::from(i));
    let coefficients = || (0..6).map(|i| 5.0 * f64::from(i));
    let floors = || (-2..=2).map(|i| 0.5 * f64::from(i));
    let terms: Vec<[f64; 2]> =
        coefficients().flat_map(|a| exponents().map(move |alpha| [a, alpha])).collect();
    let mut starts: Vec<Vec<f64>> = match form {
        // Its objective is convex, so that every start leads to the same law.
        Form::Power => vec![vec![0.0, 0.0]],
        Form::Floor => {
            terms.iter().flat_map(|&[a, alpha]| floors().map(move |e| vec![a, alpha, e])).collect()
        }
        Form::Broken => return with_break(points),
        Form::Joint => terms
            .iter()
            .flat_map(|first| terms.iter().map(move |second| (first, second)))
            .flat_map(|(&[a, alpha], &[b, beta])| floors().map(move |e| vec![a, alpha, b, beta, e]))
            .collect(),
    };
    if form.has_floor() {
        starts.extend(from_data(form, points));
    }
    starts
}

/// For floors somewhat under the smallest y and a few exponents, the coefficients that share what is over the
/// floor equally.
fn from_data(form: Form, points: &Points) -> Vec<Vec<f64>> {
    let sizes = form.sizes();
    let smallest = points.y().iter().copied().fold(f64::INFINITY, f64::min);
    let count = points.len() as f64;
    let exponents = [0.1, 0.3, 0.6, 1.0];
    let mut starts = Vec::new();
    for share in [0.1f64, 0.5, 0.8, 0.95] {
        let floor = share * smallest;
        for &alpha in &exponents {
            for &beta in if sizes == 2 { &exponents[..] } else { &exponents[..1] } {
                let coefficient = |size: usize, exponent: f64| {
                    let rows = points.x().iter().zip(points.y());
                    let over = |(x, y): (&[f64; 2], &f64)| {
                        ((y - floor) / sizes as f64).ln() + exponent * x[size].ln()
                    };
                    rows.map(over).sum::<f64>() / count
                };
                let mut theta = vec![coefficient(0, alpha), alpha];
                if sizes == 2 {
                    theta.extend([coefficient(1, beta), beta]);
                }
                theta.push(floor.ln());
                starts.push(theta);
            }
        }
    }
    starts
}

/// For floors under the smallest y, L₀ above the largest and a few γ: with these three given, a and α are those of the
/// line through t(ln x), as in the published estimator.
fn with_break(points: &Points) -> Vec<Vec<f64>> {
    let (smallest, largest) =
        points.y().iter().fold((f64::INFINITY, 0.0f64), |(low, high), &y| (y.min(low), y.max(high)));
    let mut starts = Vec::new();
    for share in [0.02, 0.3, 0.6, 0.85, 0.97] {
        let floor = share * smallest;
        for factor in [1.01, 1.1, 1.5, 3.0] {
            let width = factor * largest - floor;
            for gamma in [0.1, 0.3, 1.0, 3.0] {
                let rows = points.x().iter().zip(points.y());
                let line: Vec<(f64, f64)> =
                    rows.map(|(x, y)| (x[0].ln(), broken::drive((y - floor) / width, gamma))).collect();
                let Line { mean, slope, .. } = Line::through(&line);
                starts.push(vec![mean.1 - slope * mean.0, -slope, floor.ln(), width.ln(), f64::ln(gamma)]);
            }
        }
    }
    // An extreme guess can be beyond what floats hold; the others are enough.
    starts.retain(|theta| theta.iter().all(|element| element.is_finite()));
    starts
}
