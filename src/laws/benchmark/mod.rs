//! How well predictions hold: recorded sweeps, estimators that see their smaller runs, and the larger runs that judge
//! them.
//!
//! - [`task`]: a recorded sweep, some of whose runs are held out.
//! - [`estimator`]: what predicts them: naive ones, single forms, and the average.
//! - [`mod@calibrate`]: factors that make intervals hold.
//! - [`score`]: errors, coverage and widths of intervals, by estimator.

pub mod calibrate;
pub mod estimator;
pub mod score;
pub mod task;

pub use calibrate::calibrate;
pub use estimator::Estimator;
pub use score::{Score, judge};
pub use task::{Half, Measure, Task, load};
