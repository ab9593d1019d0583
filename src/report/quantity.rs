//! The quantities of a record: their names, units, values and formats.

use crate::laws::error_rate;
use crate::sweep::record::Record;
use crate::units::{bytes, metric, seconds, significant, trim};

/// A number that a record has, or may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Number of parameters.
    Parameters,
    /// MACs of one sample's forward pass.
    Macs,
    /// Number of distinct training samples.
    TrainingSamples,
    /// FLOPs of the whole training.
    TrainingFlops,
    /// Seconds of the run.
    Seconds,
    /// Mean loss on the validation set.
    ValidationLoss,
    /// Top-1 accuracy on the validation set. Its law uses the error rate.
    Accuracy,
    /// Median samples/s in training.
    TrainingThroughput,
    /// Median samples/s in inference.
    InferenceThroughput,
    /// Measured peak bytes.
    PeakMemory,
    /// Predicted peak bytes.
    PredictedMemory,
}

impl Quantity {
    /// Its value in a record, if it can be shown. A loss and an accuracy may be 0; any other 0 means that the value was
    /// not counted.
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

    /// The value that a law and a plot can use: the accuracy's axis is linear, all others are logarithmic, where 0 has
    /// no place.
    pub(super) fn plotted(self, record: &Record) -> Option<f64> {
        self.of(record).filter(|v| *v > 0.0 || self == Quantity::Accuracy)
    }

    /// The value that a power law is fitted to: the error rate for the accuracy, else the value itself.
    pub fn law_value(self, value: f64) -> f64 {
        if self == Quantity::Accuracy { error_rate(value) } else { value }
    }

    /// The name in running text.
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

    /// The name in laws.
    pub(super) fn law_name(self) -> &'static str {
        if self == Quantity::Accuracy { "error rate" } else { self.name() }
    }

    /// The title of a plot's axis, with the unit.
    pub(super) fn axis_title(self) -> &'static str {
        match self {
            Quantity::Parameters => "parameters",
            Quantity::Macs => "MACs per sample",
            Quantity::TrainingSamples => "distinct training samples",
            Quantity::TrainingFlops => "training FLOPs",
            Quantity::Seconds => "training time (s)",
            Quantity::ValidationLoss => "validation loss",
            Quantity::Accuracy => "validation accuracy (%)",
            Quantity::TrainingThroughput => "training (samples/s)",
            Quantity::InferenceThroughput => "inference (samples/s)",
            Quantity::PeakMemory | Quantity::PredictedMemory => "peak memory",
        }
    }

    /// The name in file names.
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

    /// A value with its unit, short enough for a table.
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

    /// A value as a tick label.
    pub(super) fn tick(self, value: f64) -> String {
        match self {
            Quantity::Accuracy => trim(format!("{:.1}", 100.0 * value)),
            Quantity::Seconds | Quantity::ValidationLoss => trim(significant(value, 3)),
            Quantity::PeakMemory | Quantity::PredictedMemory => bytes(value as u64),
            _ => metric(value),
        }
    }
}
