//! The quick fit of a power law `P = k·N^α`, by least squares on `ln P = ln k + α·ln N`.
//!
//! The interval of α is the textbook one of a regression slope: its standard error times the quantile of Student's t
//! with n − 2 degrees of freedom. It assumes that the scatter around the line is independent and of equal size in the
//! logarithm. With three points it is wide, as it should be.

use super::Interval;
use super::distributions::student_t_quantile;
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
    /// The 95 % interval of α; `None` with two points, through which a line always passes.
    pub alpha_interval: Option<Interval>,
    /// Fraction of the variance of ln P that the law explains.
    pub r2: f64,
    /// Number of points.
    pub n: usize,
}

impl PowerLaw {
    /// Fits points (N, P).
    ///
    /// # Errors
    /// A value that is not finite and above zero; fewer than two points; fewer than two different N; values of N so
    /// close together that k exceeds the range of floats.
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
                format!("{} in every point, except for rounding", points[0].0),
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
            let half = student_t_quantile(0.975, freedom) * (residual / freedom as f64 / sum_xx).sqrt();
            Interval { low: alpha - half, high: alpha + half }
        });
        // A constant P has no variance; the law P = k leaves none unexplained.
        let r2 = if constant(points.iter().map(|point| point.1)) {
            1.0
        } else {
            (1.0 - residual / sum_yy).max(0.0)
        };
        Ok(PowerLaw { k, alpha, alpha_interval, r2, n: points.len() })
    }

    /// P at N.
    pub fn predict(&self, n: f64) -> f64 {
        // In logarithms, because k may underflow where k·N^α does not.
        (self.k.ln() + self.alpha * n.ln()).exp()
    }
}

/// A line by least squares.
pub(super) struct Line {
    /// The mean of the points, through which the line passes.
    pub mean: (f64, f64),
    pub slope: f64,
    /// Sum of squared distances of x from its mean.
    pub sum_xx: f64,
}

impl Line {
    /// Fits points, which must not all have the same x.
    pub fn through(points: &[(f64, f64)]) -> Line {
        let count = points.len() as f64;
        let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
        let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
        let sum_xx: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let sum_xy: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
        Line { mean: (mean_x, mean_y), slope: sum_xy / sum_xx, sum_xx }
    }
}
