//! Training: one step, the loop around it, and what it tells about itself.
//!
//! Reading order: [`trainer`] (a step and an evaluation), [`metric`] (sums of losses on the device), [`mod@fit`] (the loop), [`progress`] (the terminal).

pub mod fit;
pub mod metric;
pub mod progress;
pub mod trainer;

pub use fit::{Callback, EpochReport, FitOptions, History, Progress, fit};
pub use progress::TerminalProgress;
pub use trainer::{Loss, Metrics, Trainer};
