//! The axes of plots: the map from values to positions, and the ticks.

use super::quantity::Quantity;
use crate::units::{metric, trim};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// The largest number of ticks on an axis.
const MOST: usize = 6;

/// The positions on a logarithmic axis whose values are numbers above zero and not infinite.
const POSITIONS: [f64; 2] = [-323.0, 308.0];

/// The quantity on an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum AxisQuantity {
    /// A quantity of runs.
    Of(Quantity),
    /// The logarithm of measured over fitted.
    Deviation,
    /// Another number.
    Plain {
        /// The axis's title.
        title: &'static str,
        /// Whether the axis is logarithmic.
        logarithmic: bool,
    },
}

impl AxisQuantity {
    fn logarithmic(self) -> bool {
        match self {
            AxisQuantity::Of(quantity) => quantity != Quantity::Accuracy,
            AxisQuantity::Deviation => false,
            AxisQuantity::Plain { logarithmic, .. } => logarithmic,
        }
    }
}

impl From<Quantity> for AxisQuantity {
    fn from(quantity: Quantity) -> AxisQuantity {
        AxisQuantity::Of(quantity)
    }
}

/// An axis of a plot: its quantity and its range, with a margin around the data. A position is the logarithm to base 10
/// if the axis is logarithmic, else the value itself.
#[derive(Debug, Clone)]
pub(super) struct PlotAxis {
    measure: AxisQuantity,
    low: f64,
    high: f64,
}

impl PlotAxis {
    /// An axis that covers all values, at least one. A logarithmic axis ends at the smallest and the largest number.
    pub fn around(measure: impl Into<AxisQuantity>, values: impl Iterator<Item = f64>) -> PlotAxis {
        let measure = measure.into();
        let mut axis = PlotAxis { measure, low: f64::INFINITY, high: f64::NEG_INFINITY };
        let [least, most] =
            if measure.logarithmic() { POSITIONS } else { [f64::NEG_INFINITY, f64::INFINITY] };
        for value in values {
            let position = axis.position(value).clamp(least, most);
            axis.low = axis.low.min(position);
            axis.high = axis.high.max(position);
        }
        // With a single value the axis is a fifth of a decade, or two percentage points, long.
        let margin = (0.1 * (axis.high - axis.low)).max(if measure.logarithmic() { 0.1 } else { 0.01 });
        PlotAxis { low: (axis.low - margin).max(least), high: (axis.high + margin).min(most), ..axis }
    }

    /// The axis's title, with the unit.
    pub fn title(&self) -> &'static str {
        match self.measure {
            AxisQuantity::Of(quantity) => quantity.axis_title(),
            AxisQuantity::Deviation => "measured over fitted (ln, %)",
            AxisQuantity::Plain { title, .. } => title,
        }
    }

    /// Its smallest and largest value.
    pub fn ends(&self) -> [f64; 2] {
        [self.low, self.high].map(|position| self.value(position))
    }

    /// The value, moved to the end of the axis if it lies beyond.
    pub fn clamp(&self, value: f64) -> f64 {
        self.value(self.position(value).clamp(self.low, self.high))
    }

    /// Whether a value lies on the axis.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&self.position(value))
    }

    fn position(&self, value: f64) -> f64 {
        if self.measure.logarithmic() { value.log10() } else { value }
    }

    fn value(&self, position: f64) -> f64 {
        if self.measure.logarithmic() { 10f64.powf(position) } else { position }
    }

    /// `count` values from `low` to `high`, evenly spaced on the axis.
    pub fn between(&self, low: f64, high: f64, count: u32) -> impl Iterator<Item = f64> + '_ {
        let (low, high) = (self.position(low), self.position(high));
        (0..count).map(move |i| self.value(low + (high - low) * f64::from(i) / f64::from(count - 1)))
    }

    /// About six round values in the quantity's unit.
    fn ticks(&self) -> Vec<f64> {
        let [low, high] = self.ends();
        match self.measure {
            AxisQuantity::Of(Quantity::PeakMemory | Quantity::PredictedMemory) => binary(low, high),
            AxisQuantity::Of(Quantity::Accuracy) => even(low, high.min(1.0)),
            AxisQuantity::Deviation | AxisQuantity::Plain { logarithmic: false, .. } => even(low, high),
            _ if high < 6.0 * low => even(low, high),
            _ => decades(low, high),
        }
    }
}

impl Ranged for PlotAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let fraction = (self.position(*value) - self.low) / (self.high - self.low);
        limit.0 + (fraction * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks()
    }

    fn range(&self) -> Range<f64> {
        let [low, high] = self.ends();
        low..high
    }
}

impl ValueFormatter<f64> for PlotAxis {
    fn format_ext(&self, value: &f64) -> String {
        match self.measure {
            AxisQuantity::Of(quantity) => quantity.tick(*value),
            AxisQuantity::Deviation => percent(*value),
            AxisQuantity::Plain { logarithmic: true, .. } if *value < 1e-3 => format!("{value:.0e}"),
            AxisQuantity::Plain { .. } => metric(*value),
        }
    }
}

/// `+2.5`, `0`, `−2.5`.
fn percent(part: f64) -> String {
    let value = 100.0 * part;
    match trim(format!("{:.2}", value.abs())) {
        zero if zero == "0" => zero,
        text if value < 0.0 => format!("−{text}"),
        text => format!("+{text}"),
    }
}

/// 1, 2 and 5 times powers of ten, or fewer of them if these are too many.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let first = low.log10().floor() as i32;
    let last = high.log10().ceil() as i32;
    let candidates = |mantissas: &[f64], step: usize| -> Vec<f64> {
        let powers = (first..=last).filter(|power| power.rem_euclid(step as i32) == 0);
        let all = powers.flat_map(|power| mantissas.iter().map(move |m| m * 10f64.powi(power)));
        all.filter(|value| (low..=high).contains(value)).collect()
    };
    let fewer = [(&[1.0, 3.0][..], 1)].into_iter().chain((0..8).map(|halvings| (&[1.0][..], 1 << halvings)));
    let mut ticks = candidates(&[1.0, 2.0, 5.0], 1);
    for (mantissas, step) in fewer {
        if ticks.len() <= MOST {
            break;
        }
        ticks = candidates(mantissas, step);
    }
    ticks
}

/// Powers of two, or round numbers of KiB, MiB or GiB if these are too few.
fn binary(low: f64, high: f64) -> Vec<f64> {
    let powers: Vec<i32> = (low.log2().ceil() as i32..=high.log2().floor() as i32).collect();
    if powers.len() < 3 {
        let unit = 1024f64.powf((high.log2() / 10.0).floor());
        return even(low / unit, high / unit).into_iter().map(|value| value * unit).collect();
    }
    let step = powers.len().div_ceil(MOST);
    powers.into_iter().step_by(step).map(|power| 2f64.powi(power)).collect()
}

/// Multiples of a round step.
fn even(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / MOST as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= rough).unwrap_or(rough);
    let first = (low / step).ceil();
    (0..=MOST).map(|i| (first + i as f64) * step).filter(|value| (low..=high).contains(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_extreme_values_are_few() {
        let loss = AxisQuantity::Plain { title: "loss", logarithmic: true };
        for values in [[1e-320, 1.0], [1.0, 1e308], [0.0, 1e300], [1e-323, f64::MAX], [f64::MAX, f64::MAX]] {
            for measure in [loss, Quantity::PeakMemory.into()] {
                let axis = PlotAxis::around(measure, values.into_iter());
                let ticks = axis.ticks();
                assert!(ticks.len() <= 2 * MOST, "{values:?}: {ticks:?}");
                assert!(axis.ends().iter().all(|end| end.is_finite()), "{values:?}: {axis:?}");
            }
        }
    }
}
