//! The three approaches to the compute-optimal size of Hoffmann et al. 2022 (arXiv:2203.15556, section 3), side by
//! side.
//!
//! All three say how the best N grows with compute, `N = k·C^a`: the [envelope](super::envelope) of training curves,
//! [isoFLOP profiles](super::isoflop), and the joint law's [allocation](super::allocation). They use the same runs in
//! different ways. If their intervals do not overlap, one of the approaches does not suit the runs.

use super::Uncertain;
use super::envelope::Envelope;
use super::frontier::Frontier;
use super::isoflop::IsoFlop;
use serde::{Deserialize, Serialize};

/// A way to find the compute-optimal size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Approach 1: the run with the least loss at each compute budget.
    Envelope,
    /// Approach 2: the minimum of each isoFLOP profile.
    #[serde(rename = "isoflop")]
    IsoFlop,
    /// Approach 3: the joint law.
    JointLaw,
}

impl Method {
    /// Its number in the paper and the data it uses.
    pub fn name(self) -> &'static str {
        match self {
            Method::Envelope => "1: envelope of training curves",
            Method::IsoFlop => "2: isoFLOP profiles",
            Method::JointLaw => "3: joint law",
        }
    }
}

/// How the best size grows with compute, according to one approach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Approach {
    /// Which approach.
    pub approach: Method,
    /// The exponent of N ∝ C^a.
    pub a: Uncertain,
    /// Number of points behind the exponent: changes of the best run, profiles with a minimum, or rows.
    pub points: usize,
}

/// The approaches that give an exponent, side by side. `joint` is that of the joint law:
/// [`Fit::joint_approach`](super::Fit::joint_approach).
pub fn approaches(
    envelope: Option<&Envelope>,
    isoflop: Option<&IsoFlop>,
    joint: Option<Approach>,
) -> Vec<Approach> {
    let frontier =
        |approach: Method, frontier: &Frontier| Approach { approach, a: frontier.a, points: frontier.points };
    let envelope = envelope.and_then(|envelope| envelope.frontier.as_ref());
    let isoflop = isoflop.and_then(|isoflop| isoflop.frontier.as_ref());
    let first = envelope.map(|found| frontier(Method::Envelope, found));
    let second = isoflop.map(|found| frontier(Method::IsoFlop, found));
    [first, second, joint].into_iter().flatten().collect()
}
