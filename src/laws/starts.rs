//! Starts of the search for a law's parameters.
//!
//! For the joint law they are the published 4,500 points (α, β ∈ {0, 0.5, …, 2}, e ∈ {−1, −0.5, …, 1}, a, b ∈ {0, 5, …,
//! 25}; Hoffmann et al. 2022, arXiv:2203.15556, appendix D.3), for the law with a floor the same without β and b, 150.
//! A few more starts follow from the data, so that the search finds a law of values around 0.001 as well as one of
//! losses around 2. Laws that bend have only starts of that kind, in their own files.

use super::Points;

/// Exponents of the starts that follow from the data.
pub(super) const EXPONENTS: [f64; 4] = [0.1, 0.3, 0.6, 1.0];

/// The published coefficients and exponents of a term.
pub(super) fn terms() -> impl Iterator<Item = [f64; 2]> + Clone {
    let coefficients = (0..6).map(|i| 5.0 * f64::from(i));
    coefficients.flat_map(|a| (0..5).map(move |i| [a, 0.5 * f64::from(i)]))
}

/// The published logarithms of floors.
pub(super) fn floors() -> impl Iterator<Item = f64> + Clone {
    (-2..=2).map(|i| 0.5 * f64::from(i))
}

/// θ of sums of powers, for floors below the smallest y and these exponents, one for each size. The coefficients divide
/// what lies above the floor equally.
pub(super) fn from_data(points: &Points, exponents: impl IntoIterator<Item = Vec<f64>>) -> Vec<Vec<f64>> {
    let smallest = points.y().iter().copied().fold(f64::INFINITY, f64::min);
    let count = points.len() as f64;
    let start = |share: f64, exponents: &[f64]| {
        let floor = share * smallest;
        let term = |(size, &exponent): (usize, &f64)| {
            let rows = points.x().iter().zip(points.y());
            let over = |(x, y): (&[f64; 2], &f64)| {
                ((y - floor) / exponents.len() as f64).ln() + exponent * x[size].ln()
            };
            [rows.map(over).sum::<f64>() / count, exponent]
        };
        let mut theta: Vec<f64> = exponents.iter().enumerate().flat_map(term).collect();
        theta.push(floor.ln());
        theta
    };
    let exponents: Vec<Vec<f64>> = exponents.into_iter().collect();
    let shares = [0.1, 0.5, 0.8, 0.95];
    shares.iter().flat_map(|&share| exponents.iter().map(move |exponents| start(share, exponents))).collect()
}
