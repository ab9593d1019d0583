//! When training longer begins to raise the validation loss: a model over-fits.
//!
//! In the law of [repetition](super::repetition), repeated samples lose their value but never do harm. Whether they do
//! harm is measured: the validation loss of a run ends above its least, or of two runs the one that saw the same
//! samples more often ends higher.

use crate::quantile::median;

/// A training has turned if its final loss exceeds its least loss by this fraction. Smaller rises are common in
/// trainings that end no worse than shorter ones: while the learning rate is high, the loss fluctuates, and its least
/// value is luck.
pub const RISE: f64 = 0.15;

/// A training has settled if its final loss exceeds its least loss by no more than this fraction.
pub const SETTLED: f64 = 0.05;

/// A curve is smoothed over 1/16 of its points to either side.
const SMOOTHED: usize = 16;

/// Where the loss of a training was least, and how much higher it ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Least {
    /// How many times samples had been seen.
    pub passes: f64,
    /// The final loss over the least loss, minus 1.
    pub rise: f64,
}

/// The least loss along a training. `curve` holds (times that samples were seen, validation loss) in ascending order.
/// The least value is that of running medians. `None` for an empty curve.
pub fn least(curve: &[(f64, f64)]) -> Option<Least> {
    let (_, last) = *curve.last()?;
    let side = curve.len() / SMOOTHED;
    let smooth = |place: usize| {
        let around = &curve[place.saturating_sub(side)..(place + side + 1).min(curve.len())];
        median(around.iter().map(|at| at.1))
    };
    let smoothed = (0..curve.len()).map(|place| (curve[place].0, smooth(place)));
    let (passes, least) = smoothed.min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Least { passes, rise: (last / least - 1.0).max(0.0) })
}
