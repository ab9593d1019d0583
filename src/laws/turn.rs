//! Where training longer begins to raise the validation loss: a model over-fits.
//!
//! The law of [repetition](super::repetition) lets repeated samples lose their worth, and never harm. That they harm is
//! measured: in the curve of a run whose validation loss ends above its least, or where of two runs the one that saw the
//! same samples more often ends higher.

use super::percentile;

/// A training has turned if it ends at a loss that is higher than its least by this part. A smaller rise is common in
/// trainings that end no worse than shorter ones: while the learning rate is high, the loss wavers, and its least is luck.
pub const RISE: f64 = 0.15;

/// A training has settled if it ends at a loss that is higher than its least by no more than this part.
pub const SETTLED: f64 = 0.05;

/// A curve is smoothed over this part of its points to either side.
const SMOOTHED: usize = 16;

/// Where a training's loss was least, and by which part it ended higher.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Least {
    /// How often samples were seen.
    pub passes: f64,
    /// The loss at the end over the least, less 1.
    pub rise: f64,
}

/// The least loss along a training: `curve` has how often samples were seen, rising, and the validation loss then. The least
/// is looked for in running medians. None of an empty curve.
pub fn least(curve: &[(f64, f64)]) -> Option<Least> {
    let (_, last) = *curve.last()?;
    let side = curve.len() / SMOOTHED;
    let smooth = |place: usize| {
        let around = &curve[place.saturating_sub(side)..(place + side + 1).min(curve.len())];
        let mut losses: Vec<f64> = around.iter().map(|at| at.1).collect();
        losses.sort_by(f64::total_cmp);
        percentile(&losses, 0.5)
    };
    let smoothed = (0..curve.len()).map(|place| (curve[place].0, smooth(place)));
    let (passes, least) = smoothed.min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Least { passes, rise: (last / least - 1.0).max(0.0) })
}
