//! Training: one step, the loop around it, and what it tells about itself.
//!
//! In reading order: [`config`] (every hyper-parameter), [`trainer`] (a step and an evaluation), [`metric`] (sums of
//! losses on the device), [`mod@fit`] (the loop), [`progress`] (the terminal).

pub mod config;
pub mod fit;
pub mod metric;
pub mod progress;
pub mod trainer;

pub use config::{LossName, OptimizerName, TrainConfig};
pub use fit::{Callback, EpochReport, History, Progress, fit, fit_at};
pub use progress::TerminalProgress;
pub use trainer::{Loss, Metrics, Trainer};
