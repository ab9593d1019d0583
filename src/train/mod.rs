//! Training: the configuration, one step, the loop, and progress.
//!
//! In reading order: [`config`] (every hyper-parameter), [`losses`] (one file each), [`trainer`] (one step and one
//! evaluation), [`metric`] (sums of losses on the device), [`mod@fit`] (the loop), [`progress`] (progress on the
//! terminal).

pub mod config;
pub mod fit;
pub mod losses;
pub mod metric;
pub mod progress;
pub mod trainer;
mod validation;

pub use crate::optim::OptimizerName;
pub use config::TrainConfig;
pub use fit::{Callback, EpochReport, History, Progress, fit, fit_at};
pub use losses::{Loss, LossName};
pub use progress::TerminalProgress;
pub use trainer::{Metrics, Trainer};
