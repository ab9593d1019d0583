//! Training: the configuration, one step, the loop, and progress.
//!
//! In reading order: [`config`] (every hyper-parameter), [`losses`] (one file each), [`trainer`] (one step and one
//! evaluation), [`metric`] (sums of losses on the device), [`mod@fit`] (the loop), [`history`] (its results),
//! [`checkpoint`] (resuming), [`progress`] (progress on the terminal), [`log`] (CSV and JSON lines), [`watch`] (a step
//! observed module by module), [`diagnosis`] (what the curves say), [`baseline`] (what they are compared with).

mod advice;
mod average;
pub mod baseline;
pub mod checkpoint;
pub mod config;
pub mod diagnosis;
pub mod fit;
pub mod history;
pub mod log;
pub mod losses;
pub mod metric;
pub mod progress;
mod replay;
mod samples;
mod sums;
pub mod trainer;
mod validation;
pub mod watch;

pub use crate::optim::OptimizerName;
pub use baseline::Baseline;
pub use checkpoint::{Checkpoints, Every};
pub use config::TrainConfig;
pub use diagnosis::{Finding, Verdict, diagnose, out_of_scale};
pub use fit::{Callback, Progress, fit, fit_at, fit_resumable};
pub use history::{EpochReport, History};
pub use log::EpochLog;
pub use losses::{Loss, LossName};
pub use progress::TerminalProgress;
pub use trainer::{Metrics, Trainer};
pub use watch::{Observation, ObservedModule, is_observed};
