//! The question that a plan asks, and its answer.

use super::budget::Budget;
use super::candidate::Candidate;
use super::evidence::AxisWithoutLaw;
use super::limit::Limit;
use super::training::Training;
use super::turns::ALIKE;
use crate::device::Device;
use crate::laws::Uncertain;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A size this many times beyond the largest of the runs gives a warning, even if compute is near theirs.
const REMOTE: f64 = 5.0;

/// What to plan for.
pub struct Options {
    /// The device of the training.
    pub device: Device,
    /// Seconds that opening it took; the training will spend them too.
    pub device_seconds: f64,
    /// The data set's folder.
    pub data: Option<PathBuf>,
    /// What the training may cost.
    pub budget: Budget,
    /// A loss that is low enough: the plan is then the cheapest training that is expected to reach it.
    pub target_loss: Option<f64>,
    /// Whether to trust laws further than [`FURTHEST`](super::FURTHEST).
    pub far: bool,
    /// Seed of the training.
    pub seed: u64,
    /// Seconds that one pilot run measures.
    pub pilot_seconds: f64,
    /// When this becomes true, planning ends with [`Error::Interrupted`](crate::Error::Interrupted).
    pub interrupted: Arc<AtomicBool>,
}

/// A recommended training, and alternatives.
#[derive(Debug, Clone, Serialize)]
pub struct Recommendation {
    /// What the training may cost.
    pub budget: Budget,
    /// The loss that is low enough, if one was given.
    pub target_loss: Option<f64>,
    /// The device that times refer to.
    pub device: String,
    /// Number of runs that the laws were fitted to, over all axes.
    pub runs: usize,
    /// The training that is expected to be best.
    pub best: Suggestion,
    /// The next best, each a clearly different model.
    pub alternatives: Vec<Suggestion>,
    /// The base model trained for the whole budget; `None` if the budget is too small for one batch.
    pub base: Option<Suggestion>,
    /// The best for other amounts of compute, in ascending order: fractions and multiples of what the best takes.
    pub others: Vec<Suggestion>,
    /// The fraction of the budget that the best leaves unused.
    pub unused: f64,
    /// The assumed value of repeated samples; `None` if the data set draws new samples without end, or if the law
    /// includes repetition.
    pub repetition: Option<Repeats>,
    /// How many times runs of models as large as the best saw their samples at most.
    pub passes_seen: f64,
    /// Whether the law includes the value of repetition.
    pub includes_repetition: bool,
    /// The largest relative difference in speed between two pilot runs of one model.
    pub wavering: f64,
    /// Whether that difference is small enough for the runs to agree.
    pub pilots_agree: bool,
    /// Models that were excluded because of their first steps, with the reason.
    pub vetoed: Vec<String>,
    /// What keeps the best from being better; empty if the optimum lies inside all limits.
    pub limits: Vec<Limit>,
    /// Training samples in an epoch, if the sweep did not vary them.
    pub fixed_samples: Option<usize>,
    /// Axes without a law.
    pub left_out: Vec<AxisWithoutLaw>,
    /// What the runs cannot tell about the law of the best.
    pub warnings: Vec<String>,
}

/// What the best training and the alternatives are called in a list.
pub const RANKS: [&str; 4] = ["best", "2nd", "3rd", "4th"];

impl Recommendation {
    /// Another training with a lower expected loss than the best, and its name in a list (`2nd`, `base model`): the
    /// lowest. `None` if there is none, and if a target loss was given: then costs are compared.
    pub fn lower(&self) -> Option<(&'static str, &Suggestion)> {
        let alternatives = RANKS.into_iter().skip(1).zip(&self.alternatives);
        let others = alternatives.chain(self.base.iter().map(|base| ("base model", base)));
        let lower = others.filter(|(_, other)| other.loss.value < self.best.loss.value);
        let lowest = lower.min_by(|(_, a), (_, b)| a.loss.value.total_cmp(&b.loss.value));
        lowest.filter(|_| self.target_loss.is_none())
    }
}

/// How many times a sample can be repeated until it has lost all but 1/e of its value: R* of
/// [`repetition`](crate::laws::repetition), with the interval of [`LEVEL`](super::LEVEL).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Repeats {
    /// The median.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether runs determine it, rather than the prior.
    pub measured: bool,
}

/// A training that was considered.
#[derive(Debug, Clone, Serialize)]
pub struct Suggestion {
    /// The model.
    #[serde(flatten)]
    pub model: Candidate,
    /// Training samples in an epoch.
    pub samples: usize,
    /// Number of epochs.
    pub epochs: usize,
    /// The expected validation loss, with the interval of [`LEVEL`](super::LEVEL) for a single training.
    pub loss: Uncertain,
    /// The loss that the training ends below with a probability of [`CAUTION`](super::CAUTION).
    pub upper: f64,
    /// Wall seconds, from reading the data to the last validation.
    pub seconds: f64,
    /// The smallest and largest seconds, given how much the machine's speed varies.
    pub seconds_interval: (f64, f64),
    /// Whether its speed was measured, rather than taken from the law of throughput.
    pub measured: bool,
    /// Training FLOPs, 6 · MACs · samples seen.
    pub flops: f64,
    /// Peak bytes on the device.
    pub peak_bytes: u64,
    /// How far it lies beyond the runs that its law was fitted to.
    pub reach: Reach,
    /// The training as `allometry train` takes it.
    #[serde(skip)]
    pub training: Training,
}

/// The size of a training relative to the largest of its axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reach {
    /// Its FLOPs, relative to those of the run that took most.
    pub compute: f64,
    /// Its MACs per sample, relative to those of the largest model.
    pub macs: f64,
    /// Its training samples, relative to the most of any run.
    pub samples: f64,
    /// How often it sees its samples, relative to the most of any run of a model as large.
    pub passes: f64,
}

impl Reach {
    /// Whether it sees its samples more often than any run of a model as large, so that no run tells whether it over-fits.
    pub fn repeats_more(&self) -> bool {
        self.passes > ALIKE
    }

    /// Warnings about sizes far beyond the runs: compute can be near that of the runs while one size is not.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        let sizes = [
            ("samples of any run", self.samples),
            ("MACs of any run", self.macs),
            ("passes over the samples of any run of a model as large", self.passes),
        ];
        let is_remote = |(_, factor): &(&str, f64)| *factor > REMOTE;
        sizes.into_iter().filter(is_remote).map(|(size, factor)| {
            format!("the best has {factor:.0} times the {size}: its loss is an extrapolation")
        })
    }
}
