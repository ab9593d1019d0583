//! Training: the configuration, one step, the loop, and progress.
//!
//! In reading order: [`config`] (every hyper-parameter), [`losses`] (one file each), [`trainer`] (one step and one
//! evaluation), [`metric`] (sums of losses on the device), [`mod@fit`] (the loop), [`history`] (its results),
//! [`checkpoint`] (resuming), [`progress`] (progress on the terminal).

mod average;
pub mod checkpoint;
pub mod config;
pub mod fit;
pub mod history;
pub mod losses;
pub mod metric;
pub mod progress;
mod samples;
mod sums;
pub mod trainer;
mod validation;

pub use crate::optim::OptimizerName;
pub use checkpoint::{Checkpoints, Every};
pub use config::TrainConfig;
pub use fit::{Callback, Progress, fit, fit_at, fit_resumable};
pub use history::{EpochReport, History};
pub use losses::{Loss, LossName};
pub use progress::TerminalProgress;
pub use trainer::{Metrics, Trainer};
