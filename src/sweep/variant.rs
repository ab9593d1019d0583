//! One run of a plan, before it is trained.

use super::plan::Plan;
use super::record::GridPoint;
use crate::models::architecture::Architecture;
use crate::models::axis::{Axis, Scale};
use crate::train::TrainConfig;

/// One run of a plan: a model, its data, and its seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Name of the run within its plan, on disk and in logs: `base-s0`, `width-2-s0`; with several numbers of samples
    /// `width-2-n4000-s0`, with compute budgets `width-2-c1e12-s0`, with several numbers of epochs `width-2-e4-s0` or
    /// `width-2-n4000-e4-s0`. Depends only on the plan.
    pub key: String,
    /// The axis that the model is on.
    pub axis: Axis,
    /// The factor on that axis.
    pub factor: f64,
    /// Other points of the plan's grid with the same model, which is trained once.
    pub also: Vec<GridPoint>,
    /// Axes on which it is one of the largest models, whose losses are predicted; see [`Plan::predict`].
    pub held_back: Vec<Axis>,
    /// The coefficients that scale the base model to this one.
    pub scale: Scale,
    /// The scaled model.
    pub architecture: Architecture,
    /// Training samples per epoch; `None` for the whole set.
    pub train_samples: Option<usize>,
    /// The compute budget that determines the number of samples, in FLOPs.
    pub flops: Option<f64>,
    /// Passes over the training samples.
    pub epochs: usize,
    /// Seed of the initial weights, the order of samples, and dropout.
    pub seed: u64,
    /// The generation of the plan that added this run; see [`extension`](super::extension).
    pub generation: usize,
}

impl Variant {
    /// The training configuration of this run.
    pub fn config(&self, plan: &Plan) -> TrainConfig {
        TrainConfig { epochs: self.epochs, seed: self.seed, samples: self.train_samples, ..plan.config }
    }

    /// Whether its loss is predicted in this generation of the plan.
    pub fn is_predicted_in(&self, generation: usize) -> bool {
        self.generation == generation && !self.held_back.is_empty()
    }

    /// Whether the model is on this axis.
    pub fn is_on(&self, axis: Axis) -> bool {
        self.axis == axis || self.also.iter().any(|place| place.axis == axis)
    }
}
