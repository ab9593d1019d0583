//! One run of a plan, before it is trained.

use super::plan::Plan;
use super::record::GridPoint;
use crate::models::architecture::Architecture;
use crate::models::axis::{Axis, Scale};
use crate::train::TrainConfig;

/// One run of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Names the run within its plan, on disk and in logs: `base-s0`, `width-2-s0`; with several numbers of samples
    /// `width-2-n4000-s0`, with compute budgets `width-2-c1e12-s0`, with several numbers of epochs `width-2-e4-s0` or
    /// `width-2-n4000-e4-s0`. It depends on the plan alone.
    pub key: String,
    /// The axis it stands on.
    pub axis: Axis,
    /// Its factor on that axis.
    pub factor: f64,
    /// Other places of the plan's grid with the same model, which is trained once.
    pub also: Vec<GridPoint>,
    /// Axes on which it is one of the largest models, that the others predict; see [`Plan::predict`].
    pub held_back: Vec<Axis>,
    /// The coefficients that made it from the base model.
    pub scale: Scale,
    /// The model itself.
    pub architecture: Architecture,
    /// Training samples an epoch; the whole set when absent.
    pub train_samples: Option<usize>,
    /// The compute budget that the number of samples follows from, in FLOPs.
    pub flops: Option<f64>,
    /// Passes over the training samples.
    pub epochs: usize,
    /// Seed of initialisation, data order and dropout.
    pub seed: u64,
    /// The generation of the plan that it came with; see [`extension`](super::extension).
    pub generation: usize,
}

impl Variant {
    /// How it is trained.
    pub fn config(&self, plan: &Plan) -> TrainConfig {
        TrainConfig { epochs: self.epochs, seed: self.seed, samples: self.train_samples, ..plan.config }
    }

    /// Whether its loss is predicted when that generation of the plan is trained.
    pub fn is_predicted_in(&self, generation: usize) -> bool {
        self.generation == generation && !self.held_back.is_empty()
    }

    /// Whether it is one of an axis' models.
    pub fn is_on(&self, axis: Axis) -> bool {
        self.axis == axis || self.also.iter().any(|place| place.axis == axis)
    }
}
