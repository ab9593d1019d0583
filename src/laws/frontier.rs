//! The compute-optimal size as a power law of compute.

use super::{LEVEL, PowerLaw, Uncertain};
use serde::Serialize;

/// The best size as a power law of compute, `N = k·C^a`, through points.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Frontier {
    /// The exponent.
    pub a: Uncertain,
    /// Number of points that the law was fitted to.
    pub points: usize,
    #[serde(skip)]
    law: PowerLaw,
    /// The law of every resample.
    #[serde(skip)]
    replicates: Vec<PowerLaw>,
}

impl Frontier {
    /// Fits points (C, N) by least squares in logarithms, and the points of every resample. `None` if the points, or
    /// most of the resamples, do not determine a line.
    pub(super) fn new(points: &[(f64, f64)], resampled: &[Vec<(f64, f64)>]) -> Option<Frontier> {
        let law = PowerLaw::fit(points).ok()?;
        let replicates: Vec<PowerLaw> =
            resampled.iter().filter_map(|points| PowerLaw::fit(points).ok()).collect();
        let enough = 2 * replicates.len() >= resampled.len();
        enough.then(|| Frontier {
            a: Uncertain::new(law.alpha, replicates.iter().map(|law| law.alpha).collect(), LEVEL),
            points: points.len(),
            law,
            replicates,
        })
    }

    /// The best N for `budget` FLOPs, with the interval of a level.
    pub fn parameters(&self, budget: f64, level: f64) -> Uncertain {
        let replicates = self.replicates.iter().map(|law| law.predict(budget));
        Uncertain::new(self.law.predict(budget), replicates.collect(), level)
    }
}
