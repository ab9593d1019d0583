//! What is kept of one run. A record is one line of JSON in `runs.jsonl` and one row in `runs.csv`.

use crate::models::Bytes;
use crate::models::axis::{Axis, Scale};
use crate::nn::Precision;
use crate::quantile::quantile;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One run: a model of one size, trained with one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Names the run within its plan; see [`super::plan::Variant::key`].
    pub key: String,
    /// The axis it stands on.
    pub axis: Axis,
    /// Its factor on that axis.
    pub factor: f64,
    /// Other places of the sweep where rounding, or a factor of 1, gives this very model. It is trained once
    /// and shown on each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Place>,
    /// The coefficients that made it from the base model.
    pub scale: Scale,
    /// Name of the base model.
    pub architecture: String,
    /// Rows and columns of the input after rounding; none for features.
    pub resolution: Option<usize>,
    /// Seed of initialisation, data order and dropout.
    pub seed: u64,
    /// The device, as it names itself.
    pub device: String,
    /// Passes over the training set that were asked for.
    pub epochs: usize,
    /// Samples a step.
    pub batch: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// In which types the model was stored.
    #[serde(default)]
    pub precision: Precision,
    /// Whether activations were computed again in the backward pass rather than kept.
    #[serde(default)]
    pub recompute: bool,
    /// The most that the norm of all gradients together was allowed to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,

    /// Trained values.
    pub parameters: u64,
    /// Multiply–adds of one sample's forward pass.
    pub macs: u64,
    /// FLOPs of the whole training: 2 FLOPs a MAC, and a backward pass as dear as two forward ones, so
    /// 6 × MACs × samples seen.
    pub training_flops: f64,
    /// Samples trained on, repeats counted.
    pub samples_seen: u64,
    /// Different samples trained on, D: of a finite set those of one epoch, of one that draws new samples without end
    /// those of all epochs. 0 if it did not come to training, and in records of before it was kept.
    #[serde(default)]
    pub train_samples: u64,
    /// The compute budget that the number of samples was chosen for, in FLOPs; what was spent is `training_flops`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flops_budget: Option<f64>,
    /// In mixed precision: steps that changed nothing, because a gradient was not finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_steps: Option<u64>,
    /// Mean loss over the last epoch of training.
    pub train_loss: Option<f64>,
    /// Mean loss on the validation set after training.
    pub validation_loss: Option<f64>,
    /// Top-1 accuracy on the validation set, 0 to 1; none for regression.
    pub validation_accuracy: Option<f64>,
    /// How the validation went, a point an epoch; empty unless it completed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<CurvePoint>,
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
    /// How it ended.
    pub status: Status,
    /// Why, unless it completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Record {
    /// Every place of the sweep where this model stands, its own first.
    pub fn places(&self) -> impl Iterator<Item = Place> + '_ {
        std::iter::once(Place { axis: self.axis, factor: self.factor }).chain(self.also.iter().copied())
    }

    /// Its factor on `axis`; none if it does not stand there.
    pub fn factor_on(&self, axis: Axis) -> Option<f64> {
        self.places().find(|place| place.axis == axis).map(|place| place.factor)
    }

    /// Whether it was trained to its end.
    pub fn completed(&self) -> bool {
        self.status == Status::Completed
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
pub struct Place {
    /// The axis.
    pub axis: Axis,
    /// The factor on it.
    pub factor: f64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Trained to its end.
    Completed,
    /// The loss stopped being a finite number.
    Diverged,
    /// It did not fit the device, or was predicted not to.
    OutOfMemory,
    /// Anything else; the record has the reason.
    Failed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Status::Completed => "completed",
            Status::Diverged => "diverged",
            Status::OutOfMemory => "out_of_memory",
            Status::Failed => "failed",
        })
    }
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
