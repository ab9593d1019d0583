//! Which training to run: from a sweep's laws, and from what this device can do, the model and the number of samples
//! that are expected to be best within a budget.
//!
//! In reading order:
//!
//! - [`budget`]: time, compute, memory.
//! - [`evidence`]: the law of the loss on each axis, from a sweep's records.
//! - [`candidate`]: every model that could be trained, and which of them fit into memory.
//! - [`pace`]: how long each takes, by a law of seconds per sample and by rehearsals.
//! - [`mod@search`]: the best of them all, what limits it, and how far it extrapolates.
//! - [`training`]: one training as a file.
//! - [`rehearsal`]: a training begun and cut short, for its speed and memory.
//!
//! A law of throughput is good to tens of percent. So the search is run again after each rehearsal, until the best and
//! the next best have all been measured, and the best for a good part of its training.
//!
//! The law of the loss is trusted up to [`FURTHEST`] times the compute of the largest run that it was fitted to. Where
//! a budget of time or FLOPs allows more, the best training lies beyond, and is refused rather than replaced by a
//! smaller one. A budget of memory alone says nothing about compute; there the same distance is the limit.

pub mod budget;
pub mod candidate;
pub mod evidence;
pub mod pace;
pub mod rehearsal;
pub mod search;
pub mod training;

pub use budget::Budget;
pub use evidence::{LEVEL, LeftOut};
pub use search::{FURTHEST, Limit};
pub use training::{Comparison, Expected, Training};

use super::axis::Axis;
use super::cost::predicted_peak;
use super::law::Quantity;
use super::plan::{Plan, Schedule};
use super::record::{Record, Throughput};
use super::report;
use crate::data::{self, DataOptions};
use crate::device::Device;
use crate::error::{Error, Result};
use candidate::{Candidate, Field};
use evidence::gather;
use pace::Pace;
use rehearsal::rehearse;
use search::{Choice, Found, Rules, cheapest, search};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Rehearsals after which the rest is taken from the law of throughput.
const MOST_REHEARSALS: usize = 8;

/// A benchmark's rehearsals are this part of the others.
const BENCHMARK: f64 = 0.5;

/// A device's speed drifts, by heat and by what else the machine does. So the best is rehearsed for this part of its
/// training, up to so many seconds.
const REHEARSED: f64 = 0.2;
const LONGEST: f64 = 60.0;

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
    /// Seed of the training and of the intervals.
    pub seed: u64,
    /// Resamples that intervals are computed from.
    pub resamples: usize,
    /// Seconds that one rehearsal measures.
    pub rehearsal_seconds: f64,
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
    /// What keeps the best from being better; nothing where the optimum lies inside.
    pub limits: Vec<Limit>,
    /// The number of training samples an epoch, where the sweep did not vary it.
    pub fixed_samples: Option<usize>,
    /// Axes without a law.
    pub left_out: Vec<LeftOut>,
    /// What the runs can't tell about the law of the best.
    pub warnings: Vec<String>,
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
    pub loss: Quantity,
    /// Wall seconds, from reading the data to the last validation.
    pub seconds: f64,
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
    let (evidence, left_out) = gather(plan, records, per_epoch, options.resamples, options.seed)?;
    if evidence.is_empty() {
        return Err(no_law(&left_out));
    }
    let memory = [options.budget.bytes, options.device.available_memory()].into_iter().flatten().min();
    let fields = evidence.into_iter().map(|evidence| Field::new(plan, evidence, memory));
    let rules = Rules {
        budget: options.budget,
        target_loss: options.target_loss,
        far: options.far,
        schedule: &plan.schedule,
        available,
        validation,
    };
    let mut planner = Planner {
        plan,
        options,
        rules,
        fields: fields.collect::<Result<_>>()?,
        pace: Pace::new(options.device_seconds),
    };
    planner.check_bounds()?;
    planner.learn_pace(records)?;
    let found = planner.find()?;
    planner.assemble(records, found, left_out)
}

/// Training samples that there are, if there is an end to them; validation samples; and training samples an epoch of
/// a sweep that did not vary them.
fn numbers_of_samples(plan: &Plan, options: &Options) -> Result<(Option<usize>, usize, usize)> {
    let most = plan.most_samples()?.or(plan.schedule.train_samples);
    let splits = data::open(&DataOptions {
        dataset: plan.dataset.clone(),
        directory: options.data.clone(),
        resolution: plan.architecture.resolution(),
        seed: options.seed,
        most_samples: most,
        target_columns: plan.target_columns.clone(),
        ..DataOptions::default()
    })?;
    let all = splits.train.len();
    let available = (!splits.train.is_endless()).then_some(all);
    let validation = plan.schedule.validation_samples.unwrap_or(usize::MAX).min(splits.validation.len());
    Ok((available, validation, most.unwrap_or(all).min(available.unwrap_or(usize::MAX))))
}

fn no_law(left_out: &[LeftOut]) -> Error {
    let reasons: Vec<String> =
        left_out.iter().map(|left_out| format!("{}: {}", left_out.axis, left_out.reason)).collect();
    Error::Config {
        what: "plan".into(),
        problem: format!(
            "no axis of the sweep has completed runs enough for a law ({}); sweep more factors, seeds or numbers of \
             samples",
            reasons.join("; ")
        ),
    }
}

struct Planner<'a> {
    plan: &'a Plan,
    options: &'a Options,
    rules: Rules<'a>,
    fields: Vec<Field>,
    pace: Pace,
}

impl Planner<'_> {
    /// Refuses a question that has no answer: samples without end, and nothing that limits them.
    fn check_bounds(&self) -> Result<()> {
        let bounded = self.options.budget.limits_compute()
            || self.rules.available.is_some()
            || self.options.target_loss.is_some()
            || self.fields.iter().all(|field| field.evidence.fixed_samples.is_some());
        if bounded || !self.options.far {
            return Ok(());
        }
        let problem = format!(
            "nothing limits how long to train: {} has samples without end; give a budget of time or FLOPs as well",
            self.plan.dataset
        );
        Err(Error::Config { what: "plan".into(), problem })
    }

    /// Seconds per sample by MACs on each axis: from the sweep's records if they are of this device, else from a short
    /// benchmark of models among those that were trained.
    fn learn_pace(&mut self, records: &[Record]) -> Result<()> {
        let device = self.options.device.name();
        for number in 0..self.fields.len() {
            let axis = self.fields[number].evidence.axis;
            let here = |record: &&Record| record.device == device && record.factor_on(axis).is_some();
            let measured = records.iter().filter(here).filter_map(|record| {
                let rate: Throughput = record.samples_per_second?;
                Some((record.macs as f64, 1.0 / rate.median))
            });
            if self.pace.learn(axis, &measured.collect::<Vec<_>>()).is_err() {
                let measured = self.benchmark(number)?;
                self.pace.learn(axis, &measured)?;
            }
        }
        Ok(())
    }

    /// Rehearses the smallest, a middle and the largest model that were trained on an axis.
    fn benchmark(&mut self, number: usize) -> Result<Vec<(f64, f64)>> {
        let field = &self.fields[number];
        let trained = |candidate: &&Candidate| candidate.macs as f64 <= field.evidence.macs.1;
        let count = field.candidates[..field.fitting].iter().take_while(trained).count();
        let Some(last) = count.checked_sub(1) else { return Ok(Vec::new()) };
        let models = [0, last / 2, last].map(|place| field.candidates[place].clone());
        let mut measured = Vec::new();
        for model in models {
            // Axes share the base model.
            let known = self.pace.rehearsal(&model).is_some();
            if !known && !self.rehearse(&model, self.options.rehearsal_seconds * BENCHMARK)? {
                break;
            }
            let rehearsal = self.pace.rehearsal(&model).expect("it was rehearsed");
            measured.push((model.macs as f64, rehearsal.sample));
        }
        Ok(measured)
    }

    /// Measures a model, and says whether it fits into the device's memory.
    fn rehearse(&mut self, model: &Candidate, seconds: f64) -> Result<bool> {
        // More than there is time for.
        let samples = self.rules.available.unwrap_or(1 << 24);
        let training = self.training(model, samples, Expected::default());
        let Options { device, data, interrupted, .. } = self.options;
        match rehearse(&training, device, data.as_deref(), seconds, interrupted) {
            Ok(rehearsal) => {
                self.pace.add(model.clone(), rehearsal);
                Ok(true)
            }
            Err(Error::OutOfMemory { .. } | Error::TooLarge { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn search(&self) -> Result<Found> {
        let pace = |candidate: &Candidate| self.pace.tempo(candidate);
        let found = search(&self.fields, &self.rules, &pace).ok_or_else(|| self.nothing(&pace))?;
        match found.beyond {
            Some(beyond) if self.options.budget.limits_compute() => Err(self.too_far(&beyond)),
            _ => Ok(found),
        }
    }

    /// Searches and rehearses in turn, until all that was found has been measured for long enough.
    fn find(&mut self) -> Result<Found> {
        for _ in 0..MOST_REHEARSALS {
            let found = self.search()?;
            let measured = |choice: &Choice| self.pace.rehearsal(self.model(choice)).map(|one| one.seconds);
            let unknown = found.choices.iter().find(|choice| measured(choice).is_none());
            let best = &found.choices[0];
            let wanted = (REHEARSED * best.seconds).min(LONGEST);
            let lacking = wanted - measured(best).unwrap_or_default();
            let (next, seconds) = match unknown {
                Some(choice) => (choice, self.options.rehearsal_seconds),
                // What is nearly there is there.
                None if lacking > 0.1 * wanted => (best, lacking),
                None => return Ok(found),
            };
            let model = self.model(next).clone();
            if !self.rehearse(&model, seconds)? {
                // The device has less memory than it told; what is larger has no place either.
                self.fields[next.field].fitting = next.candidate;
            }
        }
        self.search()
    }

    fn model(&self, choice: &Choice) -> &Candidate {
        &self.fields[choice.field].candidates[choice.candidate]
    }

    fn training(&self, model: &Candidate, samples: usize, expected: Expected) -> Training {
        Training {
            dataset: self.plan.dataset.clone(),
            target_columns: self.plan.target_columns.clone(),
            seed: self.options.seed,
            schedule: Schedule {
                train_samples: Some(samples),
                validation_samples: Some(self.rules.validation),
                ..self.plan.schedule.clone()
            },
            expected,
            architecture: model.architecture.clone(),
        }
    }

    fn suggestion(&self, choice: &Choice) -> Result<Suggestion> {
        let model = self.model(choice);
        let evidence = &self.fields[choice.field].evidence;
        let peak_bytes = predicted_peak(&model.architecture, &self.plan.schedule.step())?.total();
        let loss = evidence.expected(model.macs as f64, choice.distinct);
        let expected = Expected {
            loss: loss.value,
            loss_low: loss.low,
            loss_high: loss.high,
            seconds: choice.seconds,
            peak_bytes,
            flops: choice.flops,
            device: self.options.device.name(),
        };
        Ok(Suggestion {
            model: model.clone(),
            samples: choice.samples,
            epochs: self.plan.schedule.epochs,
            loss,
            seconds: choice.seconds,
            measured: self.pace.rehearsal(model).is_some(),
            flops: choice.flops,
            peak_bytes,
            reach: Reach {
                compute: choice.flops / evidence.flops,
                macs: model.macs as f64 / evidence.macs.1,
                samples: choice.distinct / evidence.samples.1,
            },
            training: self.training(model, choice.samples, expected),
        })
    }

    fn assemble(&self, records: &[Record], found: Found, left_out: Vec<LeftOut>) -> Result<Recommendation> {
        let best = self.suggestion(&found.choices[0])?;
        let alternatives: Result<Vec<Suggestion>> =
            found.choices[1..].iter().map(|choice| self.suggestion(choice)).collect();
        let evidence = &self.fields[found.choices[0].field].evidence;
        let with_law = |record: &&Record| {
            let stands = |axis: Axis| record.factor_on(axis).is_some();
            record.completed() && self.fields.iter().any(|field| stands(field.evidence.axis))
        };
        Ok(Recommendation {
            budget: self.options.budget,
            target_loss: self.options.target_loss,
            device: self.options.device.name(),
            runs: records.iter().filter(with_law).count(),
            alternatives: alternatives?,
            limits: found.limits,
            fixed_samples: evidence.fixed_samples,
            left_out,
            warnings: evidence.fit.warnings.iter().cloned().chain(best.reach.warnings()).collect(),
            best,
        })
    }

    /// Why there is nothing to recommend.
    fn nothing(&self, pace: &dyn Fn(&Candidate) -> pace::Tempo) -> Error {
        let fail = |problem: String| Error::Config { what: "plan".into(), problem };
        let budget = self.options.budget;
        let without_target = Rules { target_loss: None, ..self.rules.clone() };
        let best = search(&self.fields, &without_target, pace);
        if let (Some(target), Some(best)) = (self.options.target_loss, best) {
            let far = Rules { far: true, ..self.rules.clone() };
            if let Some(beyond) = search(&self.fields, &far, pace).filter(|_| !self.options.far) {
                return self.too_far(&beyond.choices[0]);
            }
            return fail(format!(
                "no training within {budget} is expected to reach a loss of {target}; the best comes to {:.4}. Give a \
                 larger budget or a higher target",
                best.choices[0].loss
            ));
        }
        let Some(least) = cheapest(&self.fields, &self.rules, pace) else {
            return fail("the sweep's axes hold no model that could be trained".into());
        };
        let peak = predicted_peak(&self.model(&least).architecture, &self.plan.schedule.step());
        let bytes = peak.map_or(0, |peak| peak.total());
        fail(format!(
            "nothing fits {budget}: the smallest training that the sweep's laws speak of, {} on {} samples, takes {}, \
             {:.3e} FLOPs and {}",
            self.name(&least),
            least.samples,
            report::Quantity::Seconds.format(least.seconds),
            least.flops,
            report::Quantity::PeakMemory.format(bytes as f64)
        ))
    }

    /// Why the best training is not recommended.
    fn too_far(&self, beyond: &Choice) -> Error {
        let evidence = &self.fields[beyond.field].evidence;
        let allowed = FURTHEST * evidence.flops;
        // Of a training of as many samples as fit the limit.
        let seconds = beyond.seconds * allowed / beyond.flops;
        let problem = format!(
            "the best training for this is {} on {} samples, with {:.0} times the compute of the largest run on its axis \
             ({:.3e} FLOPs). Beyond a factor of {FURTHEST} a law is a guess: its interval covers how well the runs fix \
             the curve, not whether the curve bends where there are no runs. Sweep larger models or more samples, take a \
             smaller budget ({allowed:.3e} FLOPs, about {} here), or say --far",
            self.name(beyond),
            beyond.samples,
            beyond.flops / evidence.flops,
            evidence.flops,
            report::Quantity::Seconds.format(seconds),
        );
        Error::Config { what: "plan".into(), problem }
    }

    fn name(&self, choice: &Choice) -> String {
        self.model(choice).to_string()
    }
}
