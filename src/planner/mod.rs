//! Which training to run: from a sweep's laws, and from what this device can do, the model and the number of samples
//! that are expected to be best within a budget.
//!
//! In reading order:
//!
//! - [`budget`]: time, compute, memory.
//! - [`grid`]: the sweep that a training is planned from.
//! - [`evidence`]: the law of the loss on each axis, from a sweep's records.
//! - `turns.rs`: how often samples can be seen before that teaches a model nothing.
//! - `expectation.rs`: the loss that is expected of a training, and the law between nodes.
//! - [`candidate`]: every model that could be trained, and which of them fit into memory.
//! - [`speed`]: how long each takes, by a law of seconds per sample and by pilot runs.
//! - [`mod@search`]: the best of them all for the whole budget, what limits it, and how far it extrapolates.
//! - [`training`]: one training as a file.
//! - [`pilot`]: a training begun and cut short, for its speed and memory.
//!
//! Trainings are compared by the loss that they end below in four of five cases ([`CAUTION`]), and not by the law's own: of
//! two that are expected to be equal, the one that is nearer to the runs is the better one. The base model, trained for the
//! whole budget, is always among them: it is what there is without a plan, and is left only for what is clearly better.
//!
//! A law of throughput is good to tens of percent. So the search is run again after each pilot run, until the best and
//! the next best have all been measured, the best twice, and with a budget of time for a good part of its training.
//!
//! The law of the loss is trusted up to [`FURTHEST`] times the compute of the largest run that it was fitted to. Where
//! a budget of time or FLOPs allows more, the best training lies beyond, and is refused rather than replaced by a
//! smaller one. A budget of memory alone says nothing about compute; there the same distance is the limit.

pub mod budget;
pub mod candidate;
pub mod evidence;
mod expectation;
pub mod grid;
pub mod pilot;
mod recommender;
pub mod search;
pub mod soundness;
pub mod speed;
pub mod training;
mod turns;

pub use budget::Budget;
pub use evidence::{CAUTION, Expectation, LEVEL, LeftOut};
pub use search::{FURTHEST, Limit};
pub use training::{Comparison, Expected, Training};

use crate::data::{self, DataOptions};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::laws::Uncertain;
use crate::sweep::plan::Plan;
use crate::sweep::record::Record;
use candidate::{Candidate, Field};
use evidence::gather;
use recommender::Recommender;
use search::Rules;
use serde::Serialize;
use speed::SpeedModel;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A size this many times beyond the largest of the runs is warned of, also where compute is near theirs.
const REMOTE: f64 = 5.0;

/// What is asked for.
pub struct Options {
    /// Where the training will run.
    pub device: Device,
    /// Seconds that it took to open it; the training will take them too.
    pub device_seconds: f64,
    /// The data set's folder.
    pub data: Option<PathBuf>,
    /// What it may cost.
    pub budget: Budget,
    /// The loss that is enough: the cheapest training that is expected to reach it is looked for.
    pub target_loss: Option<f64>,
    /// Whether laws are trusted further than [`FURTHEST`].
    pub far: bool,
    /// Seed of the training.
    pub seed: u64,
    /// Seconds that one pilot run measures.
    pub pilot_seconds: f64,
    /// When this becomes true, planning ends with [`Error::Interrupted`].
    pub interrupted: Arc<AtomicBool>,
}

/// A training to run, and what else could be done.
#[derive(Debug, Clone, Serialize)]
pub struct Recommendation {
    /// What it may cost.
    pub budget: Budget,
    /// The loss that is enough, where one was given.
    pub target_loss: Option<f64>,
    /// The device that times are of.
    pub device: String,
    /// Runs that the laws were fitted to, over all axes.
    pub runs: usize,
    /// The training that is expected to be best.
    pub best: Suggestion,
    /// The next best, each clearly another model.
    pub alternatives: Vec<Suggestion>,
    /// The base model trained for the whole budget; none where the budget is too small for one batch.
    pub base: Option<Suggestion>,
    /// The best for other amounts of compute, the least first: parts of what the best takes, and its multiples.
    pub others: Vec<Suggestion>,
    /// The part of the budget that the best leaves unused.
    pub unused: f64,
    /// What repeated samples are taken to be worth; none of data that are drawn without end, and where the law has it.
    pub repetition: Option<Repeats>,
    /// How often runs saw their samples, at the most, where the law has what that is worth.
    pub passes_seen: Option<f64>,
    /// By which part two pilot runs of one model differ in speed, at the most.
    pub wavering: f64,
    /// Whether that is so little that they agree.
    pub pilots_agree: bool,
    /// Models that were left out for their first steps, with the reason.
    pub vetoed: Vec<String>,
    /// What keeps the best from being better; nothing where the optimum lies inside.
    pub limits: Vec<Limit>,
    /// The number of training samples an epoch, where the sweep did not vary it.
    pub fixed_samples: Option<usize>,
    /// Axes without a law.
    pub left_out: Vec<LeftOut>,
    /// What the runs can't tell about the law of the best.
    pub warnings: Vec<String>,
}

/// How often a sample can be repeated until it has lost all but 1/e of its worth: R* of
/// [`repetition`](crate::laws::repetition), with the interval of [`LEVEL`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Repeats {
    /// The median.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether runs told it, rather than the prior.
    pub measured: bool,
}

/// One training that was considered.
#[derive(Debug, Clone, Serialize)]
pub struct Suggestion {
    /// The model.
    #[serde(flatten)]
    pub model: Candidate,
    /// Training samples an epoch.
    pub samples: usize,
    /// Passes over them.
    pub epochs: usize,
    /// Validation loss, with the interval, of [`LEVEL`], that one training is expected to be in.
    pub loss: Uncertain,
    /// The loss that it ends below with a probability of [`CAUTION`].
    pub upper: f64,
    /// Wall seconds, from reading the data to the last validation.
    pub seconds: f64,
    /// The least and the most seconds, by how the machine's speed wavered.
    pub seconds_interval: (f64, f64),
    /// Whether its speed was measured, rather than taken from the law of throughput.
    pub measured: bool,
    /// Training FLOPs, 6 · MACs · samples seen.
    pub flops: f64,
    /// Peak bytes on the device.
    pub peak_bytes: u64,
    /// How far it lies beyond what its law was fitted to.
    pub reach: Reach,
    /// All that `allometry train` needs.
    #[serde(skip)]
    pub training: Training,
}

/// A training beside the largest of its axis; 1 is as large.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reach {
    /// Its FLOPs, by those of the run that took most.
    pub compute: f64,
    /// Its MACs per sample, by those of the largest model.
    pub macs: f64,
    /// Its training samples, by the most of any run.
    pub samples: f64,
}

impl Reach {
    /// Compute can be near that of the runs while one size is not.
    fn warnings(&self) -> impl Iterator<Item = String> {
        let sizes = [("samples", self.samples), ("MACs", self.macs)].into_iter();
        sizes.filter(|(_, factor)| *factor > REMOTE).map(|(size, factor)| {
            format!("the best has {factor:.0} times the {size} of any run: its loss is an extrapolation")
        })
    }
}

/// Recommends a training from a sweep's plan and records.
///
/// # Errors
/// No axis with enough runs; a budget that nothing fits, a target that nothing reaches; a best training that lies
/// further than [`FURTHEST`] from the runs, unless `far`; whatever data and device say.
pub fn recommend(plan: &Plan, records: &[Record], options: &Options) -> Result<Recommendation> {
    let (available, validation, per_epoch) = numbers_of_samples(plan, options)?;
    let (evidence, left_out) = gather(plan, records, per_epoch, available);
    if evidence.is_empty() {
        return Err(no_law(&left_out));
    }
    let memory = [options.budget.bytes, options.device.available_memory()].into_iter().flatten().min();
    let fields = evidence.into_iter().map(|evidence| Field::new(plan, evidence, memory));
    let rules = Rules {
        budget: options.budget,
        target_loss: options.target_loss,
        far: options.far,
        config: &plan.config,
        available,
        validation,
    };
    let mut planner = Recommender {
        plan,
        options,
        rules,
        fields: fields.collect::<Result<_>>()?,
        speed: SpeedModel::new(options.device_seconds),
        vetoed: Vec::new(),
    };
    planner.check_bounds()?;
    planner.learn_pace(records)?;
    let found = planner.find()?;
    planner.assemble(records, found, left_out)
}

/// Training samples that there are, if there is an end to them; validation samples; and training samples an epoch of
/// a sweep that did not vary them.
fn numbers_of_samples(plan: &Plan, options: &Options) -> Result<(Option<usize>, usize, usize)> {
    let most = plan.most_samples()?.or(plan.config.samples);
    let wanted = DataOptions {
        dataset: plan.dataset.clone(),
        directory: options.data.clone(),
        resolution: plan.architecture.resolution(),
        seed: options.seed,
        most_samples: plan.validation_basis()?,
        target_columns: plan.target_columns.clone(),
        ..DataOptions::default()
    };
    data::fingerprint::check(&plan.data, &wanted)?;
    let splits = data::open(&wanted)?;
    let all = splits.train.len();
    let available = (!splits.train.is_endless()).then_some(all);
    let validation = plan.config.validation_samples.unwrap_or(usize::MAX).min(splits.validation.len());
    Ok((available, validation, most.unwrap_or(all).min(available.unwrap_or(usize::MAX))))
}

fn no_law(left_out: &[LeftOut]) -> Error {
    let reasons: Vec<String> =
        left_out.iter().map(|left_out| format!("{}: {}", left_out.axis, left_out.reason)).collect();
    Error::Config {
        what: "plan".into(),
        problem: format!(
            "no axis of the sweep has a law that its completed runs identify ({}); sweep more factors, seeds or numbers of \
             samples, three of each or more and over a factor of four",
            reasons.join("; ")
        ),
    }
}
