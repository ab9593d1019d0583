//! Predictions beyond the largest run: an average over models of the curve, with calibrated intervals.
//!
//! A single form that is chosen and then taken as certain gives intervals that reflect only the noise of the runs. But
//! it is also unknown which form is right, and beyond the data the forms differ most. So several [`members`](Member)
//! are fitted, each as a distribution over curves, and averaged:
//!
//! | member | curves | source |
//! |---|---|---|
//! | floor | y = E + A·N^−α (+ B·D^−β), also with E = 0 | `powers.rs` |
//! | trend | ln y is a line in ln x that bends and whose slope varies randomly | `trend.rs` |
//! | line | ln y continues as the line through the two largest sizes; for one size | `line.rs` |
//!
//! A member's weight depends on how well it predicts the larger sizes from the smaller ones: it is the product of the
//! densities that the member gives them, fitted to smaller sizes only (Dawid 1984, *Statistical Theory: The Prequential
//! Approach*; `weights.rs`). A member's distribution contains the noise of runs and the uncertainty of its parameters;
//! the mixture adds the differences between members. A fall that is steeper than `STEEPEST` at the largest size may
//! continue or not, so all exponents between the two count as equally probable beyond it. Finally the width of the
//! mixture is calibrated on recorded sweeps, as a function of the distance beyond the largest run (`calibration.rs`).
//!
//! All distributions are of the logarithm of the quantity: errors are relative.

mod calibration;
mod cells;
mod direction;
mod line;
mod member;
mod mixture;
mod powers;
mod prior;
mod trend;
mod weights;

pub use calibration::Calibration;
pub use direction::Direction;
pub use member::Member;
pub use mixture::Mixture;

use super::{Points, Uncertain};
use crate::error::{Error, Result};
use cells::Cells;
use member::MemberFit;

/// The smallest number of different sizes that an average can be fitted to.
pub const FEWEST_SIZES: usize = 2;

/// The steepest exponent of a fall that is expected to continue. Networks that have just begun to learn improve faster
/// than any scaling law: power laws with exponents of 0.07 to 0.35 follow that phase (Hestness et al. 2017,
/// [arXiv:1712.00409](https://arxiv.org/abs/1712.00409), section 5). On the development half of the recorded sweeps 0.7
/// worsens the score by a thousandth, 0.5 by a hundredth.
const STEEPEST: f64 = 0.7;

/// The exponent at the largest size is that of the last doubling before it, in e-folds.
const DOUBLING: f64 = std::f64::consts::LN_2;

/// The average, fitted to rows.
#[derive(Debug, Clone)]
pub struct Average {
    members: Vec<(Member, f64, MemberFit)>,
    /// Number of sizes: 1 or 2.
    sizes: usize,
    /// Logarithms of the largest sizes.
    largest: [f64; 2],
    /// The largest ln y of the rows.
    highest: f64,
    /// The logarithm of a value that no measurement is expected above; infinite without one.
    ceiling: f64,
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

    /// The same as [`Average::new`], with another calibration.
    ///
    /// # Errors
    /// Those of [`Average::new`].
    pub fn with(points: &Points, direction: Direction, calibration: Calibration) -> Result<Average> {
        Average::of(&Member::ALL, points, direction, calibration)
    }

    /// Fits some of the members.
    ///
    /// # Errors
    /// Those of [`Average::new`]; rows that no member can be fitted to.
    pub fn of(
        members: &[Member],
        points: &Points,
        direction: Direction,
        calibration: Calibration,
    ) -> Result<Average> {
        Average::check(points)?;
        let cells = Cells::of(points);
        let weights = weights::member_weights(&cells, direction, members);
        let fitted = members.iter().zip(weights).filter_map(|(&member, weight)| {
            (weight > 0.0).then(|| Some((member, weight, member.fit(&cells, direction)?))).flatten()
        });
        let members: Vec<(Member, f64, MemberFit)> = fitted.collect();
        if members.is_empty() {
            return Err(Error::Config {
                what: "fit".into(),
                problem: "no law gives finite numbers for these rows".into(),
            });
        }
        Ok(Average {
            members,
            sizes: cells.sizes,
            largest: cells.largest(),
            highest: points.y().iter().map(|y| y.ln()).fold(f64::NEG_INFINITY, f64::max),
            ceiling: f64::INFINITY,
            calibration,
        })
    }

    /// The average for a quantity that is not expected to exceed `ceiling`, as a loss is not expected to exceed that of
    /// guessing. Where the curve lies above, the quantity is at the ceiling: a model that learned nothing guesses. A
    /// row above the ceiling refutes it; then nothing changes.
    pub fn below(self, ceiling: Option<f64>) -> Average {
        let ceiling = ceiling.map(f64::ln).filter(|ceiling| self.highest <= *ceiling);
        Average { ceiling: ceiling.unwrap_or(f64::INFINITY), ..self }
    }

    /// Checks whether an average can be fitted to these rows.
    ///
    /// # Errors
    /// Fewer than [`FEWEST_SIZES`] different sizes.
    pub fn check(points: &Points) -> Result<()> {
        let different = Cells::of(points).different();
        if different < FEWEST_SIZES {
            let needed =
                format!("at least {FEWEST_SIZES}, each {:.0} % above the previous one", 100.0 * cells::STEP);
            return Err(Error::argument("fit", "number of different sizes", different, needed));
        }
        Ok(())
    }

    /// The weight of each member; the weights sum to 1.
    pub fn weights(&self) -> Vec<(Member, f64)> {
        let sum: f64 = self.members.iter().map(|(_, weight, _)| weight).sum();
        self.members.iter().map(|(member, weight, _)| (*member, weight / sum)).collect()
    }

    /// How far a size lies beyond the largest of the rows, in e-folds; for two sizes the sum. 0 within the rows.
    pub fn distance(&self, x: [f64; 2]) -> f64 {
        let beyond = |(x, largest): (f64, f64)| (x - largest).max(0.0);
        self.logs(x).into_iter().zip(self.largest).map(beyond).sum()
    }

    /// For one size, the second logarithm is 0.
    fn logs(&self, x: [f64; 2]) -> [f64; 2] {
        [x[0].ln(), if self.sizes == 2 { x[1].ln() } else { 0.0 }]
    }

    /// The distribution of one more run at these sizes. With one size, the second is ignored.
    pub fn at(&self, x: [f64; 2]) -> Predictive {
        let logs = self.logs(x);
        let mixture = self.mixture(logs).raised(self.most_above(logs));
        let (median, scale) = (mixture.quantile(0.5), self.calibration.scale(self.distance(x)));
        Predictive { mixture, median, scale, ceiling: self.ceiling }
    }

    /// The members' mixture of ln y at the logarithms of the sizes.
    fn mixture(&self, logs: [f64; 2]) -> Mixture {
        Mixture::of(self.members.iter().map(|(_, weight, fit)| (*weight, fit.at(logs))))
    }

    /// How far ln y lies above the mixture if beyond the largest sizes it falls only with the exponent [`STEEPEST`]; 0
    /// if it falls less steeply at the largest sizes.
    fn most_above(&self, logs: [f64; 2]) -> f64 {
        let edge = [0, 1].map(|size| logs[size].min(self.largest[size]));
        let above = |size: usize| {
            let beyond = logs[size] - edge[size];
            if beyond == 0.0 {
                return 0.0;
            }
            let mut before = edge;
            before[size] -= DOUBLING;
            let exponent = (self.mixture(before).mean() - self.mixture(edge).mean()) / DOUBLING;
            (exponent - STEEPEST).max(0.0) * beyond
        };
        (0..self.sizes).map(above).sum()
    }
}

/// The predictive distribution of one more measurement.
#[derive(Debug, Clone)]
pub struct Predictive {
    mixture: Mixture,
    /// The median of the mixture, which every quantile is computed from.
    median: f64,
    scale: calibration::WidthFactors,
    /// The largest possible ln y.
    ceiling: f64,
}

impl Predictive {
    /// The median.
    pub fn median(&self) -> f64 {
        self.median.min(self.ceiling).exp()
    }

    /// The value below which the measurement lies with this probability, between 0 and 1.
    pub fn quantile(&self, probability: f64) -> f64 {
        let scale = self.scale.at((2.0 * probability - 1.0).abs());
        let log = self.median + scale * (self.mixture.quantile(probability) - self.median);
        log.min(self.ceiling).exp()
    }

    /// The median with its central interval of a level. The standard error is that of ln y times the median.
    pub fn interval(&self, level: f64) -> Uncertain {
        let outside = 0.5 * (1.0 - level);
        Uncertain {
            value: self.median(),
            se: self.median() * self.mixture.deviation(),
            low: self.quantile(outside),
            high: self.quantile(1.0 - outside),
        }
    }
}
