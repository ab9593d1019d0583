//! Whether a quantity falls or grows with the sizes.

use crate::laws::Points;

/// How a quantity changes as sizes grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It falls: a loss, an error rate.
    Falling,
    /// It grows: a time, an amount of memory.
    Growing,
}

impl Direction {
    /// The direction of rows, by the covariance of ln y with the logarithm of the product of the sizes.
    pub fn of(points: &Points) -> Direction {
        let sizes: Vec<f64> = points.x().iter().map(|x| x[0].ln() + x[1].ln()).collect();
        let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
        let covariance: f64 = sizes.iter().zip(points.y()).map(|(size, y)| (size - mean) * y.ln()).sum();
        if covariance > 0.0 { Direction::Growing } else { Direction::Falling }
    }
}
