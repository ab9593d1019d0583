//! Parabolas by least squares, and the thresholds of tests.

use crate::laws::distributions::student_t_quantile;
use crate::laws::linear::NormalEquations;

/// With more degrees of freedom, Student's t equals the normal distribution to three digits.
const NORMAL: usize = 2000;

/// The value that |t| exceeds with probability `level`.
pub fn two_sided(level: f64, freedom: usize) -> f64 {
    student_t_quantile(1.0 - 0.5 * level, freedom.min(NORMAL))
}

/// The value that t exceeds with probability `level`.
pub fn one_sided(level: f64, freedom: usize) -> f64 {
    student_t_quantile(1.0 - level, freedom.min(NORMAL))
}

/// The mean of values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// `aᵀ·M·a`
pub fn quadratic_form(a: &[f64], matrix: &[f64]) -> f64 {
    let size = a.len();
    (0..size).map(|i| a[i] * (0..size).map(|j| matrix[i * size + j] * a[j]).sum::<f64>()).sum()
}

/// `y = a + b·x + c·x²` by least squares. `inverse` times the noise's variance is the covariance of the coefficients.
pub struct QuadraticFit {
    pub coefficients: [f64; 3],
    pub inverse: Vec<f64>,
    /// The sum of squared residuals.
    pub squares: f64,
}

impl QuadraticFit {
    /// Fits points; `None` with fewer than three different x.
    pub fn through(points: &[(f64, f64)]) -> Option<QuadraticFit> {
        let row = |x: f64| [1.0, x, x * x];
        let mut normal = NormalEquations::new(3);
        points.iter().for_each(|&(x, y)| normal.add(&row(x), y));
        let inverse = normal.inverse()?;
        let found = normal.coefficients(&inverse);
        let coefficients = [found[0], found[1], found[2]];
        let at = |x: f64| coefficients[0] + x * (coefficients[1] + x * coefficients[2]);
        let squares = points.iter().map(|&(x, y)| (y - at(x)).powi(2)).sum();
        Some(QuadraticFit { coefficients, inverse, squares })
    }

    /// The minimum's x, if the parabola opens upwards.
    pub fn vertex(&self) -> Option<f64> {
        let [_, b, c] = self.coefficients;
        (c > 0.0).then(|| -0.5 * b / c)
    }

    /// The slope at x, and its standard error as a multiple of the noise's standard deviation.
    pub fn slope(&self, x: f64) -> (f64, f64) {
        let [_, b, c] = self.coefficients;
        (b + 2.0 * c * x, quadratic_form(&[0.0, 1.0, 2.0 * x], &self.inverse).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parabola_is_recovered_with_its_slopes() {
        let points: Vec<(f64, f64)> =
            (0..6).map(f64::from).map(|x| (x, 3.0 - 2.0 * x + 0.5 * x * x)).collect();
        let found = QuadraticFit::through(&points).unwrap();
        assert!(found.squares < 1e-18 && (found.vertex().unwrap() - 2.0).abs() < 1e-9);
        let (slope, error) = found.slope(5.0);
        assert!((slope - 3.0).abs() < 1e-9 && error > 0.0);
        assert!(QuadraticFit::through(&[(1.0, 2.0), (2.0, 3.0), (2.0, 3.5)]).is_none());
    }

    #[test]
    fn thresholds_are_those_of_the_tables() {
        assert!((two_sided(0.05, 10) - 2.228139).abs() < 1e-5);
        assert!((one_sided(0.05, 10) - 1.812461).abs() < 1e-5);
        assert!((two_sided(0.001, 1_000_000) - 3.2905).abs() < 0.01);
    }
}
