//! A law as a curve with its interval, sampled for drawing.

use super::bootstrap::Bootstrap;
use serde::Serialize;

/// A curve and the interval around it, size by size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Band {
    /// Sizes, evenly spaced in the logarithm.
    pub x: Vec<f64>,
    /// The law at each size.
    pub value: Vec<f64>,
    /// Lower end of the curve's interval.
    pub low: Vec<f64>,
    /// Upper end.
    pub high: Vec<f64>,
}

/// The law at `count` sizes, at least two, from `from` to `to`, with the interval of the curve at a level. `at` maps
/// the size that is drawn to the sizes of the law: `|x| [x, 1.0]` for a law of one size, `|n| [n, d]` for a joint law
/// at a given D.
pub fn band(
    bootstrap: &Bootstrap,
    (from, to): (f64, f64),
    count: usize,
    at: impl Fn(f64) -> [f64; 2],
    level: f64,
) -> Band {
    let mut band = Band { x: vec![], value: vec![], low: vec![], high: vec![] };
    for i in 0..count {
        let x = from * (to / from).powf(i as f64 / (count - 1) as f64);
        let curve = bootstrap.curve(at(x), level);
        band.x.push(x);
        band.value.push(curve.value);
        band.low.push(curve.low);
        band.high.push(curve.high);
    }
    band
}
