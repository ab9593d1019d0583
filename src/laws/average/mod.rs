//! What to expect beyond the largest run: an average over models of the curve, with intervals that hold.
//!
//! A single form that is chosen and then taken as certain gives intervals that know only the noise of the runs. Which
//! form is right is not known either, and beyond the data the forms differ most. So several [`members`](Member) are
//! fitted, each as a distribution over curves, and averaged:
//!
//! | member | curves | source |
//! |---|---|---|
//! | floor | y = E + A·N^−α (+ B·D^−β), also with E = 0 | `powers.rs` |
//! | trend | ln y is a line in ln x that bends, and whose slope wanders | `trend.rs` |
//! | line | ln y goes on as the line through the two largest sizes; for one size | `line.rs` |
//!
//! Each member weighs as much as it foretold the larger sizes from the smaller ones: its weight is the product of the
//! densities that it gave them, before it saw them (Dawid 1984, *Statistical Theory: The Prequential Approach*;
//! `weights.rs`). A member's distribution holds the noise of runs and the spread of its parameters; the mixture adds the
//! spread among the members. What is left to mend is the mixture's width, which is calibrated on recorded sweeps as a
//! function of the distance beyond the largest run (`calibration.rs`).
//!
//! The quantity is always its logarithm: errors are relative.

mod calibration;
mod cells;
mod line;
mod linear;
mod mixture;
mod powers;
mod trend;
mod weights;

pub use calibration::Calibration;
pub use mixture::Mixture;

use super::{Points, Quantity};
use crate::error::{Error, Result};
use cells::Cells;
use line::Line;
use powers::Powers;
use trend::Trend;

/// Different sizes that an average takes at least.
pub const FEWEST_SIZES: usize = 2;

/// Which way a quantity goes as sizes grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A loss, an error rate.
    Falling,
    /// A time, a size of memory.
    Growing,
}

impl Direction {
    /// Which way rows go: by the covariance of ln y with the logarithm of the product of the sizes.
    pub fn of(points: &Points) -> Direction {
        let sizes: Vec<f64> = points.x().iter().map(|x| x[0].ln() + x[1].ln()).collect();
        let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
        let covariance: f64 = sizes.iter().zip(points.y()).map(|(size, y)| (size - mean) * y.ln()).sum();
        if covariance > 0.0 { Direction::Growing } else { Direction::Falling }
    }
}

/// One family of curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A constant and a power of each size.
    Floor,
    /// A line in the logarithms that bends, and whose slope wanders.
    Trend,
    /// The line through the two largest sizes, in the logarithms.
    Line,
}

impl Member {
    /// Every member.
    pub const ALL: [Member; 3] = [Member::Floor, Member::Trend, Member::Line];

    /// As reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Member::Floor => "floor",
            Member::Trend => "trend",
            Member::Line => "line",
        }
    }

    /// Its weight before any run: on recorded sweeps of two sizes, formulas that fit the smaller runs best miss the larger
    /// ones most.
    fn prior(self) -> f64 {
        if self == Member::Trend { 4.0 } else { 1.0 }
    }

    fn fit(self, cells: &Cells, direction: Direction) -> Option<Curves> {
        match self {
            Member::Floor => Powers::fit(cells, direction).map(Curves::Powers),
            Member::Trend => Trend::fit(cells, direction).map(Curves::Trend),
            Member::Line => Line::fit(cells).map(Curves::Line),
        }
    }
}

/// A fitted member.
#[derive(Debug, Clone)]
enum Curves {
    Powers(Powers),
    Trend(Trend),
    Line(Line),
}

impl Curves {
    /// ln y of one more run at the logarithms of sizes.
    fn at(&self, x: [f64; 2]) -> Mixture {
        match self {
            Curves::Powers(powers) => powers.at(x),
            Curves::Trend(trend) => trend.at(x),
            Curves::Line(line) => line.at(x),
        }
    }
}

/// The average, fitted to rows.
#[derive(Debug, Clone)]
pub struct Average {
    members: Vec<(Member, f64, Curves)>,
    /// How many sizes there are: 1 or 2.
    sizes: usize,
    /// Logarithms of the largest sizes.
    largest: [f64; 2],
    calibration: Calibration,
}

impl Average {
    /// Fits the members to rows of one size or two.
    ///
    /// # Errors
    /// Fewer than [`FEWEST_SIZES`] different sizes.
    pub fn new(points: &Points, direction: Direction) -> Result<Average> {
        Average::with(points, direction, Calibration::of(direction))
    }

    /// The same with a calibration of one's own.
    ///
    /// # Errors
    /// Those of [`Average::new`].
    pub fn with(points: &Points, direction: Direction, calibration: Calibration) -> Result<Average> {
        Average::of(&Member::ALL, points, direction, calibration)
    }

    /// Fits some of the members.
    ///
    /// # Errors
    /// Those of [`Average::new`]; no member that can be fitted.
    pub fn of(
        members: &[Member],
        points: &Points,
        direction: Direction,
        calibration: Calibration,
    ) -> Result<Average> {
        Average::check(points)?;
        let cells = Cells::of(points);
        let weights = weights::foretold(&cells, direction, members);
        let fitted = members.iter().zip(weights).filter_map(|(&member, weight)| {
            (weight > 0.0).then(|| Some((member, weight, member.fit(&cells, direction)?))).flatten()
        });
        let members: Vec<(Member, f64, Curves)> = fitted.collect();
        if members.is_empty() {
            return Err(Error::Config {
                what: "fit".into(),
                problem: "no law gives finite numbers for these rows".into(),
            });
        }
        Ok(Average { members, sizes: cells.sizes, largest: cells.largest(), calibration })
    }

    /// Whether an average can be fitted to these rows.
    ///
    /// # Errors
    /// Fewer than [`FEWEST_SIZES`] different sizes.
    pub fn check(points: &Points) -> Result<()> {
        let different = Cells::of(points).different();
        if different < FEWEST_SIZES {
            let needed = format!("at least {FEWEST_SIZES}, each {:.0} % above the last", 100.0 * cells::STEP);
            return Err(Error::argument("fit", "number of different sizes", different, needed));
        }
        Ok(())
    }

    /// How much each member weighs; the sum is 1.
    pub fn weights(&self) -> Vec<(Member, f64)> {
        let sum: f64 = self.members.iter().map(|(_, weight, _)| weight).sum();
        self.members.iter().map(|(member, weight, _)| (*member, weight / sum)).collect()
    }

    /// How far a size lies beyond the largest of the rows: e-fold, of two sizes the sum; 0 within them.
    pub fn distance(&self, x: [f64; 2]) -> f64 {
        let beyond = |(x, largest): (f64, f64)| (x - largest).max(0.0);
        self.logs(x).into_iter().zip(self.largest).map(beyond).sum()
    }

    /// Of one size the second is 1 everywhere.
    fn logs(&self, x: [f64; 2]) -> [f64; 2] {
        [x[0].ln(), if self.sizes == 2 { x[1].ln() } else { 0.0 }]
    }

    /// What one more run at these sizes is expected to measure. Of one size the second is not looked at.
    pub fn at(&self, x: [f64; 2]) -> Expected {
        let logs = self.logs(x);
        let parts = self.members.iter().map(|(_, weight, curves)| (*weight, curves.at(logs)));
        Expected { mixture: Mixture::of(parts), scale: self.calibration.scale(self.distance(x)) }
    }
}

/// The distribution of one more measurement.
#[derive(Debug, Clone)]
pub struct Expected {
    mixture: Mixture,
    scale: calibration::Scale,
}

impl Expected {
    /// As likely too high as too low.
    pub fn median(&self) -> f64 {
        self.mixture.quantile(0.5).exp()
    }

    /// The value that the measurement lies under with this probability, between 0 and 1.
    pub fn quantile(&self, probability: f64) -> f64 {
        let median = self.mixture.quantile(0.5);
        let scale = self.scale.at((2.0 * probability - 1.0).abs());
        (median + scale * (self.mixture.quantile(probability) - median)).exp()
    }

    /// The median, the standard error of ln y times it, and the central interval of this level.
    pub fn interval(&self, level: f64) -> Quantity {
        let outside = 0.5 * (1.0 - level);
        Quantity {
            value: self.median(),
            se: self.median() * self.mixture.deviation(),
            low: self.quantile(outside),
            high: self.quantile(1.0 - outside),
        }
    }
}
