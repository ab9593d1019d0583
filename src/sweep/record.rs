//! The record of a run: one line of JSON in `runs.jsonl` and one row in `runs.csv`.

use crate::models::Bytes;
use crate::models::axis::{Axis, Scale};
use crate::quantile::quantile;
use crate::train::TrainConfig;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One run: a model of one size, trained with one seed.
///
/// JSON flattens the four parts into one object, so each number is a column with the name of its field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The model and its position in the sweep.
    #[serde(flatten)]
    pub variant: RunVariant,
    /// The training configuration.
    #[serde(flatten)]
    pub config: TrainConfig,
    /// Size, compute, throughput and memory.
    #[serde(flatten)]
    pub cost: RunCost,
    /// How the run ended, and the quality it reached.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The model of a run and its position in the sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunVariant {
    /// Names the run within its plan; see [`super::variant::Variant::key`].
    pub key: String,
    /// The axis that the model is on.
    pub axis: Axis,
    /// The factor on that axis.
    pub factor: f64,
    /// Other points of the grid where rounding, or a factor of 1, gives the same model. It is trained once and shown at
    /// each point.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<GridPoint>,
    /// The coefficients that scale the base model to this one.
    pub scale: Scale,
    /// Name of the base model.
    pub architecture: String,
    /// Rows and columns of the input image after rounding; `None` for features.
    pub resolution: Option<usize>,
    /// The compute budget that determined the number of samples, in FLOPs. [`RunCost::training_flops`] is what the run
    /// used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flops_budget: Option<f64>,
}

/// The cost of a run: counts of its model, and measurements of its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCost {
    /// Name of the device.
    pub device: String,
    /// Number of trained parameters.
    pub parameters: u64,
    /// MACs of one sample's forward pass.
    pub macs: u64,
    /// FLOPs of the whole training, 6 × MACs × samples seen: 2 FLOPs per MAC, and a backward pass counts as two forward
    /// passes.
    pub training_flops: f64,
    /// Samples trained on, repeats included.
    pub samples_seen: u64,
    /// Distinct samples trained on, D: those of one epoch for a finite set, those of all epochs for a set that
    /// generates new samples. 0 if training did not begin, and in records of versions that did not count it.
    #[serde(default)]
    pub train_samples: u64,
    /// Training throughput.
    pub samples_per_second: Option<Throughput>,
    /// Inference throughput.
    pub inference_samples_per_second: Option<Throughput>,
    /// FLOP/s of training: 6 × MACs × median samples/s.
    pub flops_per_second: Option<f64>,
    /// Measured peak memory on the device, by the memory ledger.
    pub peak_bytes: Option<Bytes>,
    /// Peak memory predicted before training; `None` for a model whose tensors are too large for any device.
    pub predicted_peak_bytes: Option<Bytes>,
    /// Seconds of the whole run: opening the data, building the model, training, validation, and measuring inference.
    pub wall_seconds: f64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// Training completed.
    Completed(Quality),
    /// The loss became infinite or NaN.
    Diverged {
        /// The error message.
        #[serde(default)]
        reason: String,
    },
    /// The model did not fit into memory, or was predicted not to.
    OutOfMemory {
        /// How much memory was needed.
        #[serde(default)]
        reason: String,
    },
    /// Any other error.
    Failed {
        /// The error message.
        #[serde(default)]
        reason: String,
    },
}

/// The quality that a completed run reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Mean loss over the last epoch of training.
    pub train_loss: Option<f64>,
    /// Mean loss on the validation set after training.
    pub validation_loss: Option<f64>,
    /// Top-1 accuracy on the validation set, 0 to 1; `None` for regression.
    pub validation_accuracy: Option<f64>,
    /// Validation results after each epoch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<CurvePoint>,
    /// Steps that mixed precision skipped because a gradient was not finite; `None` in f32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_steps: Option<u64>,
}

impl Record {
    /// Every point of the sweep's grid that has this model, its own first.
    pub fn grid_points(&self) -> impl Iterator<Item = GridPoint> + '_ {
        let RunVariant { axis, factor, also, .. } = &self.variant;
        std::iter::once(GridPoint { axis: *axis, factor: *factor }).chain(also.iter().copied())
    }

    /// The factor on `axis`; `None` if the model is not on that axis.
    pub fn factor_on(&self, axis: Axis) -> Option<f64> {
        self.grid_points().find(|place| place.axis == axis).map(|place| place.factor)
    }

    /// Whether training completed.
    pub fn completed(&self) -> bool {
        self.quality().is_some()
    }

    /// The quality of a completed run; `None` for any other.
    pub fn quality(&self) -> Option<&Quality> {
        match &self.outcome {
            Outcome::Completed(quality) => Some(quality),
            _ => None,
        }
    }

    /// Mutable access to the [`quality`](Record::quality) of a completed run.
    pub fn quality_mut(&mut self) -> Option<&mut Quality> {
        match &mut self.outcome {
            Outcome::Completed(quality) => Some(quality),
            _ => None,
        }
    }

    /// Mean loss on the validation set after training; `None` unless training completed.
    pub fn validation_loss(&self) -> Option<f64> {
        self.quality()?.validation_loss
    }

    /// Top-1 accuracy on the validation set, 0 to 1; `None` for regression, and unless training completed.
    pub fn validation_accuracy(&self) -> Option<f64> {
        self.quality()?.validation_accuracy
    }

    /// Mean loss over the last epoch of training; `None` unless training completed.
    pub fn train_loss(&self) -> Option<f64> {
        self.quality()?.train_loss
    }

    /// Validation results after each epoch; empty unless training completed.
    pub fn curve(&self) -> &[CurvePoint] {
        self.quality().map_or(&[], |quality| &quality.curve)
    }

    /// Steps that mixed precision skipped because a gradient was not finite; `None` in f32, and unless training
    /// completed.
    pub fn skipped_steps(&self) -> Option<u64> {
        self.quality()?.skipped_steps
    }
}

impl Outcome {
    /// All names, in the order of the variants.
    pub const NAMES: [&str; 4] = ["completed", "diverged", "out_of_memory", "failed"];

    /// The name in files: one of [`NAMES`](Outcome::NAMES).
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Completed(_) => "completed",
            Outcome::Diverged { .. } => "diverged",
            Outcome::OutOfMemory { .. } => "out_of_memory",
            Outcome::Failed { .. } => "failed",
        }
    }

    /// The reason why the run did not complete; `None` for a completed run.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Outcome::Completed(_) => None,
            Outcome::Diverged { reason } | Outcome::OutOfMemory { reason } | Outcome::Failed { reason } => {
                Some(reason)
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Validation results after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Samples trained on until then, repeats included.
    pub samples_seen: u64,
    /// Mean loss on the validation set.
    pub validation_loss: f64,
    /// Top-1 accuracy on the validation set, 0 to 1; `None` for regression.
    pub validation_accuracy: Option<f64>,
    /// Seconds since training began, validation included.
    pub seconds: f64,
}

/// A point of the sweep's grid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GridPoint {
    /// The axis.
    pub axis: Axis,
    /// The factor on it.
    pub factor: f64,
}

/// Samples per second, over several measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Median, in samples/s.
    pub median: f64,
    /// Interquartile range (third quartile − first), in samples/s.
    pub iqr: f64,
}

impl Throughput {
    /// Median and interquartile range of measurements in samples/s. Quartiles are interpolated linearly (type 7 of
    /// Hyndman & Fan 1996, NumPy's default). Measurements that are not finite are ignored; `None` if no other is left.
    pub fn of(samples_per_second: &[f64]) -> Option<Throughput> {
        let mut sorted: Vec<f64> = samples_per_second.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        if sorted.is_empty() {
            return None;
        }
        let [first, median, third] = [0.25, 0.5, 0.75].map(|p| quantile(&sorted, p));
        Some(Throughput { median, iqr: third - first })
    }
}
