//! What is shown of a record: its name, its unit, how it is read, how it is written.

use crate::laws::error_rate;
use crate::sweep::record::Record;
use crate::units::{bytes, metric, seconds, significant, trim};

/// A number that every record has, or may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Trained values.
    Parameters,
    /// Multiply–adds a sample, forward.
    Macs,
    /// Different samples trained on.
    TrainingSamples,
    /// FLOPs of the whole training.
    TrainingFlops,
    /// Seconds that the run took.
    Seconds,
    /// Mean loss on the validation set.
    ValidationLoss,
    /// Top-1 accuracy on the validation set. Its law is fitted to the error rate.
    Accuracy,
    /// Median samples/s in training.
    TrainingThroughput,
    /// Median samples/s in inference.
    InferenceThroughput,
    /// Peak bytes as measured.
    PeakMemory,
    /// Peak bytes as counted beforehand.
    PredictedMemory,
}

impl Quantity {
    /// Its value in a record, if the record has one that can be shown. A loss and an accuracy may be 0; what else is 0
    /// was not counted.
    pub fn of(self, record: &Record) -> Option<f64> {
        let value = match self {
            Quantity::Parameters => Some(record.cost.parameters as f64),
            Quantity::Macs => Some(record.cost.macs as f64),
            Quantity::TrainingSamples => Some(record.cost.train_samples as f64),
            Quantity::TrainingFlops => Some(record.cost.training_flops),
            Quantity::Seconds => Some(record.cost.wall_seconds),
            Quantity::ValidationLoss => record.validation_loss(),
            Quantity::Accuracy => record.validation_accuracy(),
            Quantity::TrainingThroughput => record.cost.samples_per_second.map(|t| t.median),
            Quantity::InferenceThroughput => record.cost.inference_samples_per_second.map(|t| t.median),
            Quantity::PeakMemory => record.cost.peak_bytes.map(|bytes| bytes.total() as f64),
            Quantity::PredictedMemory => record.cost.predicted_peak_bytes.map(|bytes| bytes.total() as f64),
        };
        let may_be_zero = matches!(self, Quantity::ValidationLoss | Quantity::Accuracy);
        value.filter(|v| v.is_finite() && (*v > 0.0 || (may_be_zero && *v == 0.0)))
    }

    /// The same where a law and a plot can use it: the accuracy's axis is linear, all others are logarithmic, and 0 has
    /// no logarithm.
    pub(super) fn plotted(self, record: &Record) -> Option<f64> {
        self.of(record).filter(|v| *v > 0.0 || self == Quantity::Accuracy)
    }

    /// The value that a power law is fitted to: the error rate for accuracy, else the value itself.
    pub fn law_value(self, value: f64) -> f64 {
        if self == Quantity::Accuracy { error_rate(value) } else { value }
    }

    /// Its name in running text.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::Parameters => "parameters",
            Quantity::Macs => "MACs",
            Quantity::TrainingSamples => "training samples",
            Quantity::TrainingFlops => "training FLOPs",
            Quantity::Seconds => "time",
            Quantity::ValidationLoss => "validation loss",
            Quantity::Accuracy => "accuracy",
            Quantity::TrainingThroughput => "training throughput",
            Quantity::InferenceThroughput => "inference throughput",
            Quantity::PeakMemory => "peak memory",
            Quantity::PredictedMemory => "predicted peak memory",
        }
    }

    /// Its name where a law is stated.
    pub(super) fn law_name(self) -> &'static str {
        if self == Quantity::Accuracy { "error rate" } else { self.name() }
    }

    /// The title of a plot's axis, with the unit.
    pub(super) fn axis_title(self) -> &'static str {
        match self {
            Quantity::Parameters => "parameters",
            Quantity::Macs => "MACs per sample",
            Quantity::TrainingSamples => "different training samples",
            Quantity::TrainingFlops => "training FLOPs",
            Quantity::Seconds => "training time (s)",
            Quantity::ValidationLoss => "validation loss",
            Quantity::Accuracy => "validation accuracy (%)",
            Quantity::TrainingThroughput => "training (samples/s)",
            Quantity::InferenceThroughput => "inference (samples/s)",
            Quantity::PeakMemory | Quantity::PredictedMemory => "peak memory",
        }
    }

    /// Its name in file names.
    pub(super) fn slug(self) -> &'static str {
        match self {
            Quantity::Parameters => "parameters",
            Quantity::Macs => "macs",
            Quantity::TrainingSamples => "samples",
            Quantity::TrainingFlops => "flops",
            Quantity::Seconds => "time",
            Quantity::ValidationLoss => "loss",
            Quantity::Accuracy => "accuracy",
            Quantity::TrainingThroughput => "training-throughput",
            Quantity::InferenceThroughput => "inference-throughput",
            Quantity::PeakMemory => "memory",
            Quantity::PredictedMemory => "predicted-memory",
        }
    }

    /// A value as text with its unit, short enough for a table.
    pub fn format(self, value: f64) -> String {
        match self {
            Quantity::Parameters | Quantity::Macs | Quantity::TrainingSamples | Quantity::TrainingFlops => {
                metric(value)
            }
            Quantity::Seconds => seconds(value),
            Quantity::ValidationLoss => significant(value, 3),
            Quantity::Accuracy => format!("{:.2} %", 100.0 * value),
            Quantity::TrainingThroughput | Quantity::InferenceThroughput => metric(value),
            Quantity::PeakMemory | Quantity::PredictedMemory => bytes(value as u64),
        }
    }

    /// A value as the label of a tick.
    pub(super) fn tick(self, value: f64) -> String {
        match self {
            Quantity::Accuracy => trim(format!("{:.1}", 100.0 * value)),
            Quantity::Seconds | Quantity::ValidationLoss => trim(significant(value, 3)),
            Quantity::PeakMemory | Quantity::PredictedMemory => bytes(value as u64),
            _ => metric(value),
        }
    }
}
