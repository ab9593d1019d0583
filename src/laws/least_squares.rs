//! The quick fit of a power law `P = k·N^α`, by least squares on `ln P = ln k + α·ln N`.
//!
//! The interval of α is the textbook one of a regression slope: its standard error times the quantile of
//! Student's t with n − 2 degrees of freedom. It takes the scatter around the line as independent and of one
//! size in the logarithm; with three points it is wide, and that is the honest answer.

use super::Interval;
use crate::error::{Error, Result};
use crate::rounding::constant;
use serde::{Deserialize, Serialize};

/// A fitted law `P = k·N^α`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PowerLaw {
    /// P at N = 1.
    pub k: f64,
    /// The scaling exponent α.
    pub alpha: f64,
    /// The 95 % interval of α; none with two points, through which a line always goes.
    pub alpha_interval: Option<Interval>,
    /// Fraction of the variance of ln P that the law accounts for.
    pub r2: f64,
    /// How many points it was fitted to.
    pub n: usize,
}

impl PowerLaw {
    /// Fits points (N, P). Every value must be finite and above zero, there must be at least two points, and
    /// at least two different N, not so close together that k is beyond what numbers hold.
    pub fn fit(points: &[(f64, f64)]) -> Result<PowerLaw> {
        for &(n, p) in points {
            for (argument, value) in [("N", n), ("P", p)] {
                if !(value > 0.0 && value.is_finite()) {
                    return Err(Error::argument("power law", argument, value, "finite and above zero"));
                }
            }
        }
        if points.len() < 2 {
            return Err(Error::argument("power law", "number of points", points.len(), "at least 2"));
        }
        if constant(points.iter().map(|point| point.0)) {
            return Err(Error::argument(
                "power law",
                "N",
                format!("{} in every point, but for rounding", points[0].0),
                "different in at least two points",
            ));
        }
        let logs: Vec<(f64, f64)> = points.iter().map(|&(n, p)| (n.ln(), p.ln())).collect();
        let Line { mean: (mean_x, mean_y), slope: alpha, sum_xx } = Line::through(&logs);
        let intercept = mean_y - alpha * mean_x;
        let k = intercept.exp();
        if !(k > 0.0 && k.is_finite()) {
            let found = format!("about {:.4e} in every point", mean_x.exp());
            return Err(Error::argument("power law", "N", found, "more spread out"));
        }
        let sum_yy: f64 = logs.iter().map(|(_, y)| (y - mean_y).powi(2)).sum();
        let residual: f64 = logs.iter().map(|(x, y)| (y - intercept - alpha * x).powi(2)).sum();
        let alpha_interval = (points.len() > 2).then(|| {
            let freedom = points.len() - 2;
            let half = student_t(0.975, freedom) * (residual / freedom as f64 / sum_xx).sqrt();
            Interval { low: alpha - half, high: alpha + half }
        });
        // A constant P has no variance to explain; the law P = k then leaves nothing unexplained.
        let r2 = if constant(points.iter().map(|point| point.1)) {
            1.0
        } else {
            (1.0 - residual / sum_yy).max(0.0)
        };
        Ok(PowerLaw { k, alpha, alpha_interval, r2, n: points.len() })
    }

    /// P at N.
    pub fn predict(&self, n: f64) -> f64 {
        // In logarithms: k alone may underflow where k·N^α does not.
        (self.k.ln() + self.alpha * n.ln()).exp()
    }
}

/// A line by least squares.
pub(super) struct Line {
    /// The point that it goes through.
    pub mean: (f64, f64),
    pub slope: f64,
    /// Squares of the distances of x from its mean.
    pub sum_xx: f64,
}

impl Line {
    /// Through points, of which not all have the same x.
    pub fn through(points: &[(f64, f64)]) -> Line {
        let count = points.len() as f64;
        let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
        let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
        let sum_xx: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let sum_xy: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
        Line { mean: (mean_x, mean_y), slope: sum_xy / sum_xx, sum_xx }
    }
}

/// The value that Student's t with `freedom` degrees of freedom, at least 1, stays under with probability
/// `p`, which is above 0 and below 1.
///
/// With θ = atan(t/√ν) the probability of |T| ≤ t is a finite sum of powers of cos θ (Abramowitz & Stegun,
/// 26.7.3 and 26.7.4). It rises with θ, so bisection on θ in [0, π/2) inverts it to the last bits.
pub fn student_t(p: f64, freedom: usize) -> f64 {
    let central = (2.0 * p - 1.0).abs();
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if central_probability(middle, freedom) < central { low = middle } else { high = middle }
    }
    (freedom as f64).sqrt() * (0.5 * (low + high)).tan() * (p - 0.5).signum()
}

/// P(|T| ≤ √ν·tan θ) for ν degrees of freedom.
fn central_probability(theta: f64, freedom: usize) -> f64 {
    let (sine, cosine) = theta.sin_cos();
    let odd = freedom % 2 == 1;
    // The sum's terms: cos^j θ times a product of ratios (j−1)/j, j running over the parity of ν − 2.
    let mut term = if odd { cosine } else { 1.0 };
    let mut sum = 0.0;
    let mut power = if odd { 1 } else { 0 };
    while power + 2 <= freedom {
        sum += term;
        power += 2;
        term *= cosine * cosine * (power - 1) as f64 / power as f64;
    }
    if odd { (theta + sine * sum) * std::f64::consts::FRAC_2_PI } else { sine * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, expected) in [
            (1, 12.706205),
            (2, 4.302653),
            (3, 3.182446),
            (4, 2.776445),
            (5, 2.570582),
            (10, 2.228139),
            (30, 2.042272),
            (120, 1.979930),
            (1000, 1.962339),
        ] {
            let found = student_t(0.975, freedom);
            assert!((found - expected).abs() < 2e-6, "{freedom}: {found} for {expected}");
        }
        assert!((student_t(0.95, 7) - 1.894579).abs() < 2e-6);
        assert!((student_t(0.05, 7) + 1.894579).abs() < 2e-6);
        assert!(student_t(0.5, 3).abs() < 1e-12);
    }
}
