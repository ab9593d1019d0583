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
    /// Steps of the training so far. 0 in files of earlier versions.
    #[serde(default)]
    pub step: u64,
    /// The learning rate of the epoch's last step. 0 in files of earlier versions.
    #[serde(default)]
    pub learning_rate: f64,
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
    /// The epoch whose weights the model has, with early stopping; `None` for the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_epoch: Option<u64>,
}

impl History {
    /// The results of the weights that the model has: of the last epoch, or of the best with early stopping.
    pub fn result(&self) -> Option<&EpochReport> {
        match self.kept_epoch {
            Some(kept) => self.epochs.iter().find(|report| report.epoch == kept),
            None => self.epochs.last(),
        }
    }

    /// The epoch with the lowest validation loss, the first of equal ones.
    pub fn best(&self) -> Option<&EpochReport> {
        let lower = |a: &&EpochReport, b: &&EpochReport| a.validation.loss.total_cmp(&b.validation.loss);
        self.epochs.iter().min_by(lower)
    }

    /// Whether early stopping ends the training: no validation loss of the last `patience` epochs is below the lowest
    /// before them.
    pub(super) fn is_over(&self, patience: Option<usize>) -> bool {
        let since = self.best().map_or(0, |best| self.epochs.len() as u64 - best.epoch);
        patience.is_some_and(|patience| since >= patience as u64)
    }
}
