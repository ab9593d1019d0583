//! Where training longer begins to raise the validation loss: a model over-fits.
//!
//! The law of [repetition](super::repetition) lets repeated samples lose their worth, and never harm. That they harm is
//! measured: in the curve of a run whose validation loss ends above its least, or where of two runs the one that saw the
//! same samples more often ends higher.

/// A loss is higher than another if it is so by this part: less is the noise of a validation after an epoch.
pub const RISE: f64 = 0.02;

/// The place of the least loss along a training, where training went on to a loss that is higher by the part `rise`: `curve`
/// has how often samples were seen, rising, and the validation loss then. None where the loss did not turn.
pub fn turn(curve: &[(f64, f64)], rise: f64) -> Option<f64> {
    let (_, last) = curve.last()?;
    let (passes, least) = curve.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    (last / least > 1.0 + rise).then_some(*passes)
}
