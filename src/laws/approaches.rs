//! The three ways to the compute-optimal size of Hoffmann et al. 2022 (arXiv:2203.15556, section 3), side by side.
//!
//! All three say how the best N grows with compute, `N = k·C^a`: the [envelope](super::envelope) of training curves,
//! [isoFLOP profiles](super::isoflop), and the joint law's [allocation](super::allocation). They use the same runs in
//! different ways; where their intervals don't overlap, one of them is used outside what it can do.

use super::envelope::Envelope;
use super::isoflop::IsoFlop;
use super::{Fit, LEVEL, PowerLaw, Quantity};
use serde::{Deserialize, Serialize};

/// The best size as a power law of compute, `N = k·C^a`, through points.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Frontier {
    /// The exponent.
    pub a: Quantity,
    /// Points that the law goes through.
    pub points: usize,
    #[serde(skip)]
    law: PowerLaw,
    /// The law of every resample.
    #[serde(skip)]
    replicates: Vec<PowerLaw>,
}

impl Frontier {
    /// The law through points (C, N), by least squares in logarithms, and through those of every resample; none where
    /// the points, or most of the resamples', make no line.
    pub(super) fn new(points: &[(f64, f64)], resampled: &[Vec<(f64, f64)>]) -> Option<Frontier> {
        let law = PowerLaw::fit(points).ok()?;
        let replicates: Vec<PowerLaw> =
            resampled.iter().filter_map(|points| PowerLaw::fit(points).ok()).collect();
        let enough = 2 * replicates.len() >= resampled.len();
        enough.then(|| Frontier {
            a: Quantity::new(law.alpha, replicates.iter().map(|law| law.alpha).collect(), LEVEL),
            points: points.len(),
            law,
            replicates,
        })
    }

    /// The best N for C FLOPs, with the interval of this level.
    pub fn parameters(&self, budget: f64, level: f64) -> Quantity {
        let replicates = self.replicates.iter().map(|law| law.predict(budget));
        Quantity::new(self.law.predict(budget), replicates.collect(), level)
    }
}

/// A way to the compute-optimal size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Approach 1: which run has the least loss at each budget of compute.
    Envelope,
    /// Approach 2: the minimum of each isoFLOP profile.
    #[serde(rename = "isoflop")]
    IsoFlop,
    /// Approach 3: the joint law.
    JointLaw,
}

impl Method {
    /// Its number in the paper and what it looks at.
    pub fn name(self) -> &'static str {
        match self {
            Method::Envelope => "1: envelope of training curves",
            Method::IsoFlop => "2: isoFLOP profiles",
            Method::JointLaw => "3: joint law",
        }
    }
}

/// How the best size grows with compute, as one approach has it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Approach {
    /// Which approach.
    pub approach: Method,
    /// The exponent of N ∝ C^a.
    pub a: Quantity,
    /// What it stands on: changes of the best run, profiles with a minimum, or rows.
    pub points: usize,
}

/// A table of those approaches that lead to an exponent.
pub fn approaches(
    envelope: Option<&Envelope>,
    isoflop: Option<&IsoFlop>,
    joint: Option<&Fit>,
) -> Vec<Approach> {
    let frontier =
        |approach: Method, frontier: &Frontier| Approach { approach, a: frontier.a, points: frontier.points };
    let envelope = envelope.and_then(|envelope| envelope.frontier.as_ref());
    let isoflop = isoflop.and_then(|isoflop| isoflop.frontier.as_ref());
    let joint = joint.and_then(|fit| {
        let allocation = fit.allocation.as_ref()?;
        Some(Approach { approach: Method::JointLaw, a: allocation.a, points: fit.n })
    });
    let first = envelope.map(|found| frontier(Method::Envelope, found));
    let second = isoflop.map(|found| frontier(Method::IsoFlop, found));
    [first, second, joint].into_iter().flatten().collect()
}
