//! How well predictions hold: estimators see the smaller runs of recorded sweeps and predict the larger ones.
//!
//! - [`task`]: a recorded sweep, with some runs held out.
//! - [`estimator`]: the estimators that predict them: naive ones, single forms, and the average.
//! - [`mod@calibrate`]: factors that give intervals their nominal coverage.
//! - [`score`]: errors, and coverage and widths of intervals, by estimator.

pub mod calibrate;
pub mod estimator;
pub mod score;
pub mod task;

pub use calibrate::calibrate;
pub use estimator::Estimator;
pub use score::{EstimatorScore, score_estimators};
pub use task::{Half, Measure, Task, load};
