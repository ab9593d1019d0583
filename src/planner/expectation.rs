//! The expected loss of a training, and a law interpolated between nodes, so that thousands of trainings can be
//! compared.

use crate::laws::Uncertain;
use crate::laws::average::Average;
use crate::laws::distributions::normal_quantile;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Level of the intervals of expected losses.
pub const LEVEL: f64 = 0.8;

/// Trainings are compared by the loss that they end below with this probability.
pub const CAUTION: f64 = 0.8;

/// The distance of nodes in e-folds. Between them logarithms of losses are nearly linear.
const STEP: f64 = 0.25;

/// The end of the interval of [`LEVEL`], in standard deviations of a normal distribution.
fn interval_end() -> f64 {
    normal_quantile(0.5 + 0.5 * LEVEL)
}

/// A distribution of the loss. Distances are between logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// Logarithm of the median.
    log: f64,
    /// Distance from the lower end of the interval of [`LEVEL`] to the median.
    below: f64,
    /// Distance from the median to the quantile [`CAUTION`].
    caution: f64,
    /// Distance from the median to the upper end of the interval.
    above: f64,
}

impl Expectation {
    /// The distribution by a law at two sizes.
    pub(super) fn of(law: &Average, x: [f64; 2]) -> Expectation {
        let expected = law.at(x);
        let log = expected.median().ln();
        let from_median = |probability: f64| (expected.quantile(probability).ln() - log).abs();
        let outside = 0.5 * (1.0 - LEVEL);
        Expectation {
            log,
            below: from_median(outside),
            caution: from_median(CAUTION),
            above: from_median(1.0 - outside),
        }
    }

    /// Adds an independent normal deviation of the logarithm, and multiplies by a factor.
    pub(super) fn with(self, deviation: f64, log_factor: f64) -> Expectation {
        Expectation {
            log: self.log + log_factor,
            below: self.below.hypot(interval_end() * deviation),
            caution: self.caution.hypot(normal_quantile(CAUTION) * deviation),
            above: self.above.hypot(interval_end() * deviation),
        }
    }

    /// The logarithm of the median.
    pub(super) fn log(&self) -> f64 {
        self.log
    }

    /// The median loss.
    pub fn median(&self) -> f64 {
        self.log.exp()
    }

    /// The loss that the training ends below with a probability of [`CAUTION`].
    pub fn cautious(&self) -> f64 {
        (self.log + self.caution).exp()
    }

    /// The median with the interval of [`LEVEL`].
    pub fn quantity(&self) -> Uncertain {
        let value = self.median();
        Uncertain {
            value,
            se: value * 0.5 * (self.below + self.above) / interval_end(),
            low: (self.log - self.below).exp(),
            high: (self.log + self.above).exp(),
        }
    }

    /// The standard deviation of a normal logarithm with these 10th and 90th percentiles.
    pub(super) fn deviation(low: f64, high: f64) -> f64 {
        (high - low).abs() / (2.0 * interval_end())
    }
}

/// A law that is evaluated at nodes, which are kept, and interpolated between them.
#[derive(Debug, Clone)]
pub(super) struct InterpolatedLaw {
    law: Arc<Average>,
    nodes: Arc<Mutex<HashMap<[i64; 2], Expectation>>>,
}

impl InterpolatedLaw {
    /// An interpolated law without nodes; they are computed when needed.
    pub fn new(law: Average) -> InterpolatedLaw {
        InterpolatedLaw { law: Arc::new(law), nodes: Arc::default() }
    }

    /// The law itself.
    pub fn law(&self) -> &Average {
        &self.law
    }

    /// Interpolates between the four nodes around two sizes, linearly in logarithms.
    pub fn at(&self, x: [f64; 2]) -> Expectation {
        let places = x.map(|size| size.ln() / STEP);
        let first = places.map(|place| place.floor());
        let part = [places[0] - first[0], places[1] - first[1]];
        let [low, high] = [0.0, 1.0].map(|second| {
            let node = |one: f64| self.node([first[0] + one, first[1] + second].map(|place| place as i64));
            between(node(0.0), node(1.0), part[0])
        });
        between(low, high, part[1])
    }

    fn node(&self, place: [i64; 2]) -> Expectation {
        // A panic of another thread leaves complete entries.
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = || Expectation::of(&self.law, place.map(|place| (place as f64 * STEP).exp()));
        *nodes.entry(place).or_insert_with(expected)
    }
}

fn between(a: Expectation, b: Expectation, part: f64) -> Expectation {
    let mix = |a: f64, b: f64| a + part * (b - a);
    Expectation {
        log: mix(a.log, b.log),
        below: mix(a.below, b.below),
        caution: mix(a.caution, b.caution),
        above: mix(a.above, b.above),
    }
}
