//! Training: the configuration, one step, the loop, and progress.
//!
//! In reading order: [`config`] (every hyper-parameter), [`trainer`] (one step and one evaluation),
//! [`metric`] (sums of losses on the device), [`mod@fit`] (the loop), [`progress`] (progress on the terminal).

pub mod config;
pub mod fit;
pub mod metric;
pub mod progress;
pub mod trainer;

pub use crate::optim::OptimizerName;
pub use config::{LossName, TrainConfig};
pub use fit::{Callback, EpochReport, History, Progress, fit, fit_at};
pub use progress::TerminalProgress;
pub use trainer::{Loss, Metrics, Trainer};
