//! What is shown of a record: its name, its unit, how it is read, how it is written.

use crate::scaling::law::error_rate;
use crate::scaling::record::Record;

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
    /// Its value in a record, if the record has one that can be shown.
    pub fn of(self, record: &Record) -> Option<f64> {
        let value = match self {
            Quantity::Parameters => Some(record.parameters as f64),
            Quantity::Macs => Some(record.macs as f64),
            Quantity::TrainingSamples => Some(record.train_samples as f64),
            Quantity::TrainingFlops => Some(record.training_flops),
            Quantity::Seconds => Some(record.wall_seconds),
            Quantity::ValidationLoss => record.validation_loss,
            Quantity::Accuracy => record.validation_accuracy,
            Quantity::TrainingThroughput => record.samples_per_second.map(|t| t.median),
            Quantity::InferenceThroughput => record.inference_samples_per_second.map(|t| t.median),
            Quantity::PeakMemory => record.peak_bytes.map(|bytes| bytes.total() as f64),
            Quantity::PredictedMemory => Some(record.predicted_peak_bytes.total() as f64),
        };
        value.filter(|v| v.is_finite() && (*v > 0.0 || self == Quantity::Accuracy))
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
            Quantity::PeakMemory | Quantity::PredictedMemory => bytes(value),
        }
    }

    /// A value as the label of a tick.
    pub(super) fn tick(self, value: f64) -> String {
        match self {
            Quantity::Accuracy => trim(format!("{:.1}", 100.0 * value)),
            Quantity::Seconds | Quantity::ValidationLoss => trim(significant(value, 3)),
            Quantity::PeakMemory | Quantity::PredictedMemory => bytes(value),
            _ => metric(value),
        }
    }
}

/// A count with the SI prefix k, M, G, T or P, to three significant digits: `72.1 k`.
pub(super) fn metric(value: f64) -> String {
    prefixed(value, 1000.0, &["", " k", " M", " G", " T", " P", " E"])
}

/// `5.2 M` as it stands before a unit; a number without a prefix gets its space.
pub(super) fn spaced(number: String) -> String {
    if number.ends_with(|c: char| c.is_ascii_digit()) { number + " " } else { number }
}

/// Bytes with a binary prefix, to three significant digits: `12.5 MiB`.
pub(super) fn bytes(value: f64) -> String {
    prefixed(value, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB", " PiB"])
}

fn prefixed(value: f64, base: f64, prefixes: &[&str]) -> String {
    let mut scaled = value;
    let mut index = 0;
    // 999.5 would be written 1000: it belongs to the next prefix.
    while scaled.abs() >= base - 0.5 && index + 1 < prefixes.len() {
        scaled /= base;
        index += 1;
    }
    format!("{}{}", trim(significant(scaled, 3)), prefixes[index])
}

/// A duration: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 10 min`.
pub(super) fn seconds(value: f64) -> String {
    match value {
        v if v < 1.0 => format!("{} ms", trim(significant(1000.0 * v, 3))),
        v if v < 99.95 => format!("{} s", significant(v, 3)),
        v if v < 3570.0 => {
            let whole = v.round() as u64;
            format!("{} min {:02} s", whole / 60, whole % 60)
        }
        v => {
            let minutes = (v / 60.0).round() as u64;
            format!("{} h {:02} min", minutes / 60, minutes % 60)
        }
    }
}

/// A number to that many significant digits, with an exponent under 10⁻⁴ and from 10⁶ on.
pub(super) fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    if !(1e-4..1e6).contains(&value.abs()) {
        return format!("{value:.*e}", (digits - 1) as usize);
    }
    let decimals = digits - 1 - value.abs().log10().floor() as i32;
    format!("{value:.*}", decimals.max(0) as usize)
}

/// Without zeros that follow the last digit of a fraction.
pub(super) fn trim(text: String) -> String {
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        text
    }
}

/// `×2`, `×0.5`, `×13.2`.
pub(super) fn times(ratio: f64) -> String {
    format!("×{}", trim(significant(ratio, 3)))
}
