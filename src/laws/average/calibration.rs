//! Factors that widen or narrow the average's intervals, from recorded sweeps.

use super::direction::Direction;

/// The largest distance of a recorded run beyond the others, in e-folds. Longer distances count as this one.
const FARTHEST: f64 = 3.0;

/// Factors of the half-widths of intervals, by level: at the data, and the increase with each e-fold beyond it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// (level, factor at distance 0, increase for each e-fold), in ascending order of levels.
    pub levels: [(f64, f64, f64); 3],
}

impl Calibration {
    /// No calibration: the average's own intervals.
    pub const NONE: Calibration =
        Calibration { levels: [(0.5, 1.0, 0.0), (0.8, 1.0, 0.0), (0.95, 1.0, 0.0)] };

    /// The calibration from the development half of the recorded sweeps. `allometry score-predictions --calibrate`
    /// prints the numbers: those of the validation loss for falling quantities, those of the training time for growing
    /// ones.
    pub fn of(direction: Direction) -> Calibration {
        match direction {
            Direction::Falling => {
                Calibration { levels: [(0.5, 0.88, 0.0), (0.8, 0.91, 0.0), (0.95, 1.28, 0.0)] }
            }
            Direction::Growing => {
                Calibration { levels: [(0.5, 1.03, 0.38), (0.8, 1.37, 0.0), (0.95, 1.49, 0.0)] }
            }
        }
    }

    /// The factors at a distance.
    pub(super) fn scale(&self, distance: f64) -> WidthFactors {
        let distance = distance.min(FARTHEST);
        WidthFactors(self.levels.map(|(level, near, each)| (level, near + each * distance)))
    }
}

/// The factors for each level.
#[derive(Debug, Clone, Copy)]
pub(super) struct WidthFactors([(f64, f64); 3]);

impl WidthFactors {
    /// The factor of a level: interpolated between known levels, and that of the nearest one outside them.
    pub fn at(&self, level: f64) -> f64 {
        let known = &self.0;
        let after = known.partition_point(|(known, _)| *known < level);
        match (after.checked_sub(1).map(|before| known[before]), known.get(after)) {
            (Some((below, low)), Some(&(above, high))) => {
                low + (high - low) * (level - below) / (above - below)
            }
            (Some((_, only)), None) | (None, Some(&(_, only))) => only,
            (None, None) => 1.0,
        }
    }
}
