//! What is kept of one run. A record is one line of JSON in `runs.jsonl` and one row in `runs.csv`.

use crate::models::Bytes;
use crate::models::axis::{Axis, Scale};
use crate::quantile::quantile;
use crate::train::TrainConfig;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One run: a model of one size, trained with one seed.
///
/// In JSON the four parts lie beside one another in one object, so each number is a column with the name of its field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which model of the sweep it is.
    #[serde(flatten)]
    pub variant: RunVariant,
    /// How it was trained.
    #[serde(flatten)]
    pub config: TrainConfig,
    /// What it took.
    #[serde(flatten)]
    pub cost: RunCost,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The model of a run and its places in the sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunVariant {
    /// Names the run within its plan; see [`super::variant::Variant::key`].
    pub key: String,
    /// The axis it stands on.
    pub axis: Axis,
    /// Its factor on that axis.
    pub factor: f64,
    /// Other places of the sweep where rounding, or a factor of 1, gives this very model. It is trained once
    /// and shown on each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<GridPoint>,
    /// The coefficients that made it from the base model.
    pub scale: Scale,
    /// Name of the base model.
    pub architecture: String,
    /// Rows and columns of the input after rounding; none for features.
    pub resolution: Option<usize>,
    /// The compute budget that the number of samples was chosen for, in FLOPs; what was spent is
    /// [`RunCost::training_flops`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flops_budget: Option<f64>,
}

/// What a run took: counted of its model, and measured of its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCost {
    /// The device, as it names itself.
    pub device: String,
    /// Trained values.
    pub parameters: u64,
    /// MACs of one sample's forward pass.
    pub macs: u64,
    /// FLOPs of the whole training: 2 per MAC, and a backward pass costs as much as two forward passes, so
    /// 6 × MACs × samples seen.
    pub training_flops: f64,
    /// Samples trained on, repeats counted.
    pub samples_seen: u64,
    /// Different samples trained on, D: of a finite set those of one epoch, of one that draws new samples without end
    /// those of all epochs. 0 if training did not begin, and in records of versions that did not count it.
    #[serde(default)]
    pub train_samples: u64,
    /// Training throughput.
    pub samples_per_second: Option<Throughput>,
    /// Inference throughput.
    pub inference_samples_per_second: Option<Throughput>,
    /// FLOP/s reached in training: 6 × MACs × median samples/s.
    pub flops_per_second: Option<f64>,
    /// Peak bytes on the device as the ledger saw them.
    pub peak_bytes: Option<Bytes>,
    /// Peak bytes as counted beforehand; none of a model whose tensors are too large for any device.
    pub predicted_peak_bytes: Option<Bytes>,
    /// Seconds from the first step to the last, validation included.
    pub wall_seconds: f64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// It was trained to its end.
    Completed(Quality),
    /// The loss stopped being a finite number.
    Diverged {
        /// What the training said of it.
        #[serde(default)]
        reason: String,
    },
    /// It did not fit the device, or was predicted not to.
    OutOfMemory {
        /// What was asked for.
        #[serde(default)]
        reason: String,
    },
    /// Anything else.
    Failed {
        /// What happened.
        #[serde(default)]
        reason: String,
    },
}

/// What a completed run reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Mean loss over the last epoch of training.
    pub train_loss: Option<f64>,
    /// Mean loss on the validation set after training.
    pub validation_loss: Option<f64>,
    /// Top-1 accuracy on the validation set, 0 to 1; none for regression.
    pub validation_accuracy: Option<f64>,
    /// The validation after each epoch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<CurvePoint>,
    /// In mixed precision: steps that changed nothing, because a gradient was not finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_steps: Option<u64>,
}

impl Record {
    /// Every place of the sweep where this model stands, its own first.
    pub fn grid_points(&self) -> impl Iterator<Item = GridPoint> + '_ {
        let RunVariant { axis, factor, also, .. } = &self.variant;
        std::iter::once(GridPoint { axis: *axis, factor: *factor }).chain(also.iter().copied())
    }

    /// Its factor on `axis`; none if it does not stand there.
    pub fn factor_on(&self, axis: Axis) -> Option<f64> {
        self.grid_points().find(|place| place.axis == axis).map(|place| place.factor)
    }

    /// Whether it was trained to its end.
    pub fn completed(&self) -> bool {
        self.quality().is_some()
    }

    /// What it reached; none unless it was trained to its end.
    pub fn quality(&self) -> Option<&Quality> {
        match &self.outcome {
            Outcome::Completed(quality) => Some(quality),
            _ => None,
        }
    }

    /// As [`quality`](Record::quality), to change it.
    pub fn quality_mut(&mut self) -> Option<&mut Quality> {
        match &mut self.outcome {
            Outcome::Completed(quality) => Some(quality),
            _ => None,
        }
    }

    /// Mean loss on the validation set after training; none unless it was trained to its end.
    pub fn validation_loss(&self) -> Option<f64> {
        self.quality()?.validation_loss
    }

    /// Top-1 accuracy on the validation set, 0 to 1; none for regression and unless it was trained to its end.
    pub fn validation_accuracy(&self) -> Option<f64> {
        self.quality()?.validation_accuracy
    }

    /// Mean loss over the last epoch of training; none unless it was trained to its end.
    pub fn train_loss(&self) -> Option<f64> {
        self.quality()?.train_loss
    }

    /// The validation after each epoch; empty unless it was trained to its end.
    pub fn curve(&self) -> &[CurvePoint] {
        self.quality().map_or(&[], |quality| &quality.curve)
    }

    /// In mixed precision: steps that changed nothing, because a gradient was not finite.
    pub fn skipped_steps(&self) -> Option<u64> {
        self.quality()?.skipped_steps
    }
}

impl Outcome {
    /// Every name, in the order of the variants.
    pub const NAMES: [&str; 4] = ["completed", "diverged", "out_of_memory", "failed"];

    /// Its name in files: one of [`NAMES`](Outcome::NAMES).
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Completed(_) => "completed",
            Outcome::Diverged { .. } => "diverged",
            Outcome::OutOfMemory { .. } => "out_of_memory",
            Outcome::Failed { .. } => "failed",
        }
    }

    /// Why, unless it completed.
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

/// The validation after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Samples trained on until then, repeats counted.
    pub samples_seen: u64,
    /// Mean loss on the validation set.
    pub validation_loss: f64,
    /// Top-1 accuracy on the validation set, 0 to 1; none for regression.
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

/// Samples a second over several measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Median, in samples/s.
    pub median: f64,
    /// Interquartile range: third quartile less first, in samples/s.
    pub iqr: f64,
}

impl Throughput {
    /// Median and IQR of measurements in samples/s; quartiles are interpolated between neighbours (type 7 of
    /// Hyndman & Fan 1996, NumPy's default). Measurements that are not finite are left out; none without any.
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
