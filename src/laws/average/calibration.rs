//! How much wider or narrower intervals have to be than the average's own, by recorded sweeps.

use super::Direction;

/// No recorded run lies farther beyond the others, in e-folds; what does is as one there.
const FARTHEST: f64 = 3.0;

/// For a level of intervals, the factor of their half-widths: near the data, and what each e-fold beyond it adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// Level, factor at no distance, what an e-fold adds; levels rise.
    pub levels: [(f64, f64, f64); 3],
}

impl Calibration {
    /// None: the average's own intervals.
    pub const NONE: Calibration =
        Calibration { levels: [(0.5, 1.0, 0.0), (0.8, 1.0, 0.0), (0.95, 1.0, 0.0)] };

    /// What the recorded sweeps' development half asks for: `allometry score-predictions --calibrate` prints the numbers, of
    /// the validation loss for what falls, of the training time for what grows.
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
    pub(super) fn scale(&self, distance: f64) -> Scale {
        let distance = distance.min(FARTHEST);
        Scale(self.levels.map(|(level, near, each)| (level, near + each * distance)))
    }
}

/// The factors for each level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale([(f64, f64); 3]);

impl Scale {
    /// The factor of a level, between those known by its distance, beyond them as the nearest.
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
