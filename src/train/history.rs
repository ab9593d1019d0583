//! The results of a training, epoch by epoch.

use super::sums::Metrics;
use crate::optim::LossScaling;
use serde::{Deserialize, Serialize};

/// The results of an epoch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EpochReport {
    /// The epoch, counted from 1.
    pub epoch: u64,
    /// Epochs of the whole training.
    pub epochs: u64,
    /// Means over the epoch's training samples.
    pub train: Metrics,
    /// Means over the validation samples after the epoch.
    pub validation: Metrics,
    /// Training throughput without validation, in samples per second.
    pub samples_per_second: f64,
    /// Seconds of the epoch, validation included.
    pub seconds: f64,
    /// The loss scale and the steps skipped since training began; `None` in f32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scaling: Option<LossScaling>,
}

/// The results of a training.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    /// The results of each epoch.
    pub epochs: Vec<EpochReport>,
    /// Samples per second between consecutive read-backs. The first step, which compiles kernels and allocates memory,
    /// is left out.
    pub throughput: Vec<f64>,
    /// Samples trained on, repeats included.
    pub samples_seen: u64,
    /// Seconds of the whole training, validation included.
    pub seconds: f64,
}
