//! A law as a line with a band.

use crate::laws::Uncertain;
use crate::report::canvas::{Canvas, Drawn, Stroke};

/// Number of sizes at which a curve is computed.
const POSITIONS: u32 = 41;

/// A law over sizes: value and interval at each.
pub struct LawCurve {
    /// The largest measured size; beyond it the law extrapolates.
    largest: f64,
    at: Vec<(f64, Uncertain)>,
}

impl LawCurve {
    /// The law between two measured sizes, extended to twice the larger.
    pub fn doubled(low: f64, largest: f64, law: impl Fn(f64) -> Uncertain) -> LawCurve {
        LawCurve::new(low, largest, 2.0 * largest, law)
    }

    /// The law between two measured sizes, extended to `end`.
    pub fn new(low: f64, largest: f64, end: f64, law: impl Fn(f64) -> Uncertain) -> LawCurve {
        let at = |from: f64, to: f64, count: u32| {
            let step = (to / from).ln() / f64::from(count - 1);
            let between = (0..count - 1).map(|i| from * (f64::from(i) * step).exp());
            // The end is exact to the last bit.
            between.chain([to]).collect::<Vec<_>>()
        };
        let beyond = at(largest, end, POSITIONS / 4).into_iter().skip(1);
        let sizes = at(low, largest, POSITIONS).into_iter().chain(beyond);
        let known = |at: &(f64, Uncertain)| {
            [at.1.value, at.1.low, at.1.high].iter().all(|y| *y > 0.0 && y.is_finite())
        };
        LawCurve { largest, at: sizes.map(|size| (size, law(size))).filter(known).collect() }
    }

    /// Sizes and values, including the extrapolated ones.
    pub fn all(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.at.iter().map(|&(size, law)| (size, law.value))
    }

    /// Sizes and values between the measured sizes.
    pub fn measured(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.all().filter(|(size, _)| *size <= self.largest)
    }

    /// Draws the band, the line, and the extrapolated part dashed.
    pub fn draw(&self, canvas: &mut Canvas, name: &str, opacity: f64) -> Drawn {
        let band: Vec<_> = self.at.iter().map(|&(size, law)| (size, law.low, law.high)).collect();
        canvas.band(name, &band, 0.16 * opacity)?;
        canvas.curve(name, &self.measured().collect::<Vec<_>>(), opacity, Stroke::Full(3))?;
        let beyond: Vec<_> = self.all().filter(|(size, _)| *size >= self.largest).collect();
        canvas.curve(name, &beyond, opacity, Stroke::Dashed)
    }
}
