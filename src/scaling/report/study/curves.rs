//! A law as a line with a band.

use crate::scaling::law::Quantity;
use crate::scaling::report::canvas::{Canvas, Drawn, Stroke};

/// Positions that a curve is computed at.
const POSITIONS: u32 = 41;

/// A law over sizes: value and interval at each.
pub struct Curve {
    /// The largest size that was measured; beyond it the law is extrapolated.
    largest: f64,
    at: Vec<(f64, Quantity)>,
}

impl Curve {
    /// The law between two sizes, and on to twice the larger: what one more doubling would buy.
    pub fn new(low: f64, high: f64, law: impl Fn(f64) -> Quantity) -> Curve {
        let at = |from: f64, to: f64, count: u32| {
            let step = (to / from).ln() / f64::from(count - 1);
            (0..count).map(move |i| from * (f64::from(i) * step).exp()).collect::<Vec<_>>()
        };
        // The largest size itself stands in both parts.
        let sizes = at(low, high, POSITIONS).into_iter().chain(at(high, 2.0 * high, POSITIONS / 4));
        let known = |at: &(f64, Quantity)| {
            [at.1.value, at.1.low, at.1.high].iter().all(|y| *y > 0.0 && y.is_finite())
        };
        Curve { largest: high, at: sizes.map(|size| (size, law(size))).filter(known).collect() }
    }

    /// What an axis of a plot has to hold for it: sizes and values, not the band.
    pub fn values(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.at.iter().map(|&(size, law)| (size, law.value))
    }

    /// Where it is at the largest size that was measured.
    pub fn end(&self) -> Option<(f64, f64)> {
        self.values().filter(|(size, _)| *size <= self.largest).last()
    }

    /// Band, line, and the extrapolated part dashed.
    pub fn draw(&self, canvas: &mut Canvas, name: &str, opacity: f64) -> Drawn {
        let band: Vec<_> = self.at.iter().map(|&(size, law)| (size, law.low, law.high)).collect();
        canvas.band(name, &band, 0.16 * opacity)?;
        let (measured, beyond): (Vec<_>, Vec<_>) = self.values().partition(|(size, _)| *size <= self.largest);
        canvas.curve(name, &measured, opacity, Stroke::Full(3))?;
        let last = measured.last().copied();
        canvas.curve(name, &last.into_iter().chain(beyond).collect::<Vec<_>>(), opacity, Stroke::Dashed)
    }
}
