//! How a recommendation is made: the speed model is fitted, searches and pilot runs alternate, and the result is
//! assembled, or the reason why there is none.

use super::budget::Budget;
use super::candidate::{Candidate, Field};
use super::evidence::{AxisWithoutLaw, Evidence, counts, zeros};
use super::measured::better_runs;
use super::pilot::{lags, pilot_run};
use super::recommendation::{Options, Reach, Recommendation, Repeats, Suggestion};
use super::search::{FURTHEST, Found, Rules, TrainingOption, cheapest, search};
use super::speed::{SpeedModel, Timing};
use super::training::{Expected, Training};
use super::turns::ALIKE;
use crate::error::{Error, Result};
use crate::models::cost::predicted_peak;
use crate::sweep::plan::Plan;
use crate::sweep::record::{Record, Throughput};
use crate::train::TrainConfig;
use crate::units::{self, digits, flops};

/// The most pilot runs; the law of throughput gives the other speeds.
const MOST_PILOTS: usize = 12;

/// The length of a benchmark's pilot runs relative to the others.
const BENCHMARK: f64 = 0.5;

/// More samples than a host is expected to draw in a second; a faster one begins another epoch. Only sets that are
/// drawn have no end.
const SAMPLES_PER_SECOND: f64 = 2e6;

/// A device's speed drifts with heat and other load. So with a budget of time, the best is measured by pilot runs for
/// this fraction of its training, up to this many seconds.
const PILOTED: f64 = 0.2;
const LONGEST: f64 = 60.0;

/// Other amounts of compute to find the best training for, relative to that of the recommended training.
const OTHERS: [f64; 6] = [0.0625, 0.125, 0.25, 0.5, 2.0, 4.0];

/// The state of a search for a recommendation.
pub(super) struct Recommender<'a> {
    pub plan: &'a Plan,
    pub options: &'a Options,
    pub rules: Rules<'a>,
    pub fields: Vec<Field>,
    pub speed: SpeedModel,
    /// Excluded models, each with the reason.
    pub vetoed: Vec<String>,
}

/// The result of a pilot run.
enum PilotOutcome {
    Measured,
    TooLarge,
    Diverged { step: u64 },
}

impl Recommender<'_> {
    /// Checks that something limits the length of the training.
    ///
    /// # Errors
    /// [`Error::Config`] if nothing does.
    pub fn check_bounds(&self) -> Result<()> {
        let bounded = self.options.budget.limits_compute() || self.options.target_loss.is_some();
        if bounded || !self.options.far {
            return Ok(());
        }
        let problem = "nothing limits how long to train; give a budget of time or FLOPs as well".to_string();
        Err(Error::Config { what: "plan".into(), problem })
    }

    /// Fits seconds per sample against MACs on each axis: from the sweep's records if they are from this device, else
    /// from a short benchmark of trained models.
    ///
    /// # Errors
    /// Those of the benchmark.
    pub fn learn_speed(&mut self, records: &[Record]) -> Result<()> {
        let device = self.options.device.name();
        for number in 0..self.fields.len() {
            let axis = self.fields[number].evidence.axis;
            let here = |record: &&Record| record.cost.device == device && record.factor_on(axis).is_some();
            let measured = records.iter().filter(here).filter_map(|record| {
                let rate: Throughput = record.cost.samples_per_second?;
                Some((record.cost.macs as f64, 1.0 / rate.median))
            });
            if self.speed.learn(axis, &measured.collect::<Vec<_>>()).is_err() {
                let measured = self.benchmark(number)?;
                self.speed.learn(axis, &measured)?;
            }
        }
        Ok(())
    }

    /// Measures the smallest, a middle and the largest trained model on an axis.
    fn benchmark(&mut self, number: usize) -> Result<Vec<(f64, f64)>> {
        let field = &self.fields[number];
        let trained = |candidate: &&Candidate| candidate.macs as f64 <= field.evidence.macs.1;
        let count = field.candidates[..field.fitting].iter().take_while(trained).count();
        let Some(last) = count.checked_sub(1) else { return Ok(Vec::new()) };
        let models = [0, last / 2, last].map(|place| field.candidates[place].clone());
        let mut measured = Vec::new();
        for model in models {
            // Axes share the base model.
            let known = self.speed.pilot(&model).is_some();
            let seconds = self.options.pilot_seconds * BENCHMARK;
            let training = self.training(&model, self.samples(seconds), 1, Expected::default());
            if !known && !matches!(self.pilot_run(&model, &training, seconds)?, PilotOutcome::Measured) {
                break;
            }
            let pilot = self.speed.pilot(&model).expect("a pilot run measured it");
            measured.push((model.macs as f64, pilot.sample));
        }
        Ok(measured)
    }

    /// Number of samples that a pilot run draws from: more than it has time for. Their order is drawn before the first
    /// step, so not many more.
    fn samples(&self, seconds: f64) -> usize {
        let enough = (seconds * SAMPLES_PER_SECOND) as usize;
        self.rules.available.unwrap_or_else(|| enough.clamp(1 << 17, 1 << 24))
    }

    /// Measures a model by the first steps of a training.
    fn pilot_run(&mut self, model: &Candidate, training: &Training, seconds: f64) -> Result<PilotOutcome> {
        let Options { device, data, interrupted, .. } = self.options;
        match pilot_run(training, self.samples(seconds), device, data.as_deref(), seconds, interrupted) {
            Ok(pilot) => {
                self.speed.add(model.clone(), pilot);
                Ok(PilotOutcome::Measured)
            }
            Err(error) if error.is_about_memory() => Ok(PilotOutcome::TooLarge),
            Err(Error::Diverged { step, .. }) => Ok(PilotOutcome::Diverged { step }),
            Err(error) => Err(error),
        }
    }

    fn search(&self) -> Result<Found> {
        let timing = |candidate: &Candidate| self.speed.timing(candidate);
        let found = search(&self.fields, &self.rules, &timing).ok_or_else(|| self.nothing(&timing))?;
        match found.beyond {
            Some(beyond) if self.options.budget.limits_compute() => Err(self.too_far(&beyond)),
            _ => Ok(found),
        }
    }

    /// Alternates between searches and pilot runs until all trainings found are measured for long enough, and the best
    /// twice.
    ///
    /// # Errors
    /// No training to recommend; errors of pilot runs.
    pub fn find(&mut self) -> Result<Found> {
        for _ in 0..MOST_PILOTS {
            let found = self.search()?;
            let measured =
                |choice: &TrainingOption| self.speed.pilot(self.model(choice)).map(|one| one.seconds);
            let mut wanted_first = found.base.iter().chain(&found.choices);
            let unknown = wanted_first.find(|choice| measured(choice).is_none());
            let best = &found.choices[0];
            // A budget of time needs an accurate time.
            let timed = self.options.budget.seconds.is_some();
            let wanted = if timed { (PILOTED * best.seconds).min(LONGEST) } else { 0.0 };
            let lacking = wanted - measured(best).unwrap_or_default();
            let (next, seconds) = match unknown {
                Some(choice) => (*choice, self.options.pilot_seconds),
                // A small rest is not worth another run.
                None if timed && lacking > 0.1 * wanted => (*best, lacking),
                None if self.speed.pilots(self.model(best)).len() < 2 => (*best, self.options.pilot_seconds),
                None => return Ok(found),
            };
            let model = self.model(&next).clone();
            let training = self.training(&model, next.samples, next.epochs, Expected::default());
            match self.pilot_run(&model, &training, seconds)? {
                PilotOutcome::Measured => self.judge(&model, found.base.as_ref()),
                // The device has less memory than it reported; larger models do not fit either.
                PilotOutcome::TooLarge => self.fields[next.field].fitting = next.candidate,
                PilotOutcome::Diverged { step } => self.veto(&model, format!("it diverged at step {step}")),
            }
        }
        self.search()
    }

    /// Excludes a model that does not learn in its first steps although the base model does.
    fn judge(&mut self, model: &Candidate, base: Option<&TrainingOption>) {
        let Some(base) = base.and_then(|base| self.speed.pilot(self.model(base))) else { return };
        let Some(own) = self.speed.pilot(model) else { return };
        if let (true, Some((steps, loss))) = (lags(&own.beginning, &base.beginning), own.beginning.last()) {
            let why = format!(
                "after {steps} steps its training loss is still {}, while that of the base model falls",
                digits(*loss)
            );
            self.veto(model, why);
        }
    }

    /// Excludes a model on every axis that has it.
    fn veto(&mut self, model: &Candidate, why: String) {
        for field in &mut self.fields {
            let same = |candidate: &Candidate| candidate.architecture == model.architecture;
            if let Some(place) = field.candidates.iter().position(same) {
                field.vetoed.push(place);
            }
        }
        self.vetoed.push(format!("{model}: {why}"));
    }

    fn model(&self, choice: &TrainingOption) -> &Candidate {
        &self.fields[choice.field].candidates[choice.candidate]
    }

    fn training(&self, model: &Candidate, samples: usize, epochs: usize, expected: Expected) -> Training {
        Training {
            dataset: self.plan.dataset.clone(),
            target_columns: self.plan.target_columns.clone(),
            table: self.plan.table.clone(),
            data: self.plan.data.clone(),
            config: TrainConfig {
                epochs,
                seed: self.options.seed,
                samples: Some(samples),
                validation_samples: Some(self.rules.validation),
                ..self.plan.config
            },
            expected,
            architecture: model.architecture.clone(),
        }
    }

    fn suggestion(&self, choice: &TrainingOption) -> Result<Suggestion> {
        let model = self.model(choice);
        let evidence = &self.fields[choice.field].evidence;
        let peak_bytes = predicted_peak(&model.architecture, &self.plan.config)?.total();
        let loss = evidence.loss(model.macs as f64, choice.distinct, choice.passes);
        let upper = loss.cautious();
        let loss = loss.quantity();
        let seconds_interval = self.speed.interval(choice.seconds);
        let expected = Expected {
            loss: loss.value,
            loss_low: loss.low,
            loss_high: loss.high,
            seconds: choice.seconds,
            seconds_interval: Some(seconds_interval),
            peak_bytes,
            flops: choice.flops,
            device: self.options.device.name(),
        };
        let reach = Reach {
            compute: choice.flops / evidence.flops,
            macs: model.macs as f64 / evidence.macs.1,
            samples: choice.distinct / evidence.samples.1,
            passes: choice.passes / evidence.passes_seen(model.macs as f64),
        };
        let mut training = self.training(model, choice.samples, choice.epochs, expected);
        if reach.repeats_more() {
            // No run tells whether it over-fits before its end. The loss may rest for a while before it falls again, so
            // half of the epochs without a lower loss end it.
            training.config.early_stopping.get_or_insert(choice.epochs.div_ceil(2));
        }
        Ok(Suggestion {
            model: model.clone(),
            samples: choice.samples,
            epochs: choice.epochs,
            loss,
            upper,
            seconds: choice.seconds,
            seconds_interval,
            measured: self.speed.pilot(model).is_some(),
            flops: choice.flops,
            peak_bytes,
            reach,
            training,
        })
    }

    /// Assembles the recommendation.
    ///
    /// # Errors
    /// A model whose memory cannot be predicted.
    pub fn assemble(
        &self,
        records: &[Record],
        found: Found,
        left_out: Vec<AxisWithoutLaw>,
    ) -> Result<Recommendation> {
        let best = self.suggestion(&found.choices[0])?;
        let alternatives: Result<Vec<Suggestion>> =
            found.choices[1..].iter().map(|choice| self.suggestion(choice)).collect();
        let evidence = &self.fields[found.choices[0].field].evidence;
        let with_law = |record: &&Record| self.fields.iter().any(|field| counts(record, field.evidence.axis));
        Ok(Recommendation {
            budget: self.options.budget,
            target_loss: self.options.target_loss,
            device: self.options.device.name(),
            runs: records.iter().filter(with_law).count(),
            alternatives: alternatives?,
            base: found.base.as_ref().map(|base| self.suggestion(base)).transpose()?,
            others: self.others(&found.choices[0])?,
            unused: self.unused(&found.choices[0]),
            repetition: self.repetition(evidence),
            passes_seen: evidence.passes_seen(best.model.macs as f64),
            includes_repetition: evidence.includes_repetition(),
            wavering: self.speed.wavering(),
            pilots_agree: self.speed.agrees(),
            vetoed: self.vetoed.clone(),
            limits: found.limits,
            fixed_samples: evidence.fixed_samples,
            left_out,
            warnings: (best.reach.warnings())
                .chain(evidence.warning())
                .chain(found.base.as_ref().and_then(|base| self.over_fitting(base)))
                .chain(better_runs(records, &best))
                .chain(zeros(records))
                .collect(),
            best,
        })
    }

    /// A warning if the base model, trained for the whole budget, over-fits before its end.
    fn over_fitting(&self, base: &TrainingOption) -> Option<String> {
        let evidence = &self.fields[base.field].evidence;
        let most = evidence.most_passes(self.model(base).macs as f64, base.distinct)?;
        let text = || {
            format!(
                "the base model begins to over-fit after about {} epochs: trained for {}, it ends above its expected loss",
                most.round(),
                base.epochs
            )
        };
        (base.passes > ALIKE * most).then(text)
    }

    /// The best trainings for fractions and multiples of the compute of the best, where one exists. Multiples that the
    /// budget allows are left out: the search has considered them.
    fn others(&self, best: &TrainingOption) -> Result<Vec<Suggestion>> {
        let allowed = (1.0 - self.unused(best)).recip();
        let timing = |candidate: &Candidate| self.speed.timing(candidate);
        let of = |times: &f64| {
            let budget =
                Budget { seconds: None, flops: Some(times * best.flops), bytes: self.options.budget.bytes };
            let rules = Rules { budget, target_loss: None, far: true, ..self.rules.clone() };
            let found = search(&self.fields, &rules, &timing)?;
            Some(self.suggestion(found.choices.first()?))
        };
        OTHERS.iter().filter(|times| **times < 1.0 || **times > allowed).filter_map(of).collect()
    }

    /// The fraction of the budget of time or FLOPs that a training leaves unused.
    fn unused(&self, choice: &TrainingOption) -> f64 {
        let Budget { seconds, flops, .. } = self.options.budget;
        let used = [(choice.seconds, seconds), (choice.flops, flops)].into_iter();
        let used = used.filter_map(|(takes, budget)| Some(takes / budget?)).reduce(f64::max);
        used.map_or(0.0, |used| (1.0 - used).max(0.0))
    }

    /// The assumed value of repeated samples; `None` if no sample is repeated, or if the law includes repetition.
    fn repetition(&self, evidence: &Evidence) -> Option<Repeats> {
        self.rules.available.filter(|_| !evidence.includes_repetition())?;
        let known = &evidence.repetition;
        Some(Repeats {
            value: known.at(0.5),
            low: known.at(0.1),
            high: known.at(0.9),
            measured: known.is_measured(),
        })
    }

    /// The error if there is nothing to recommend.
    fn nothing(&self, timing: &dyn Fn(&Candidate) -> Timing) -> Error {
        let fail = |problem: String| Error::Config { what: "plan".into(), problem };
        let budget = self.options.budget;
        // With a target there may be no budget.
        let [that_fits, within] = if budget.is_empty() {
            [String::new(), String::new()]
        } else {
            [format!(" that fits {budget}"), format!(" within {budget}")]
        };
        if !self.vetoed.is_empty() {
            return fail(format!(
                "no model{that_fits} learns in its first steps: {}",
                self.vetoed.join("; ")
            ));
        }
        let without_target = Rules { target_loss: None, ..self.rules.clone() };
        let best = search(&self.fields, &without_target, timing);
        if let (Some(target), Some(best)) = (self.options.target_loss, best) {
            let far = Rules { far: true, ..self.rules.clone() };
            if let Some(beyond) = search(&self.fields, &far, timing).filter(|_| !self.options.far) {
                return self.too_far(&beyond.choices[0]);
            }
            let advice = match budget.is_empty() {
                true => "Give a higher target, or sweep models or data that reach lower losses",
                false => "Give a larger budget or a higher target",
            };
            return fail(format!(
                "no training{within} is expected to reach a loss of {target}; the best reaches {}. {advice}",
                digits(best.choices[0].loss)
            ));
        }
        let Some(least) = cheapest(&self.fields, &self.rules, timing) else {
            return fail("the sweep's axes have no model that could be trained".into());
        };
        let peak = predicted_peak(&self.model(&least).architecture, &self.plan.config);
        let bytes = peak.map_or(0, |peak| peak.total());
        let place = if budget.is_empty() { "the device".to_string() } else { budget.to_string() };
        fail(format!(
            "nothing fits {place}: the smallest training within the sweep's laws, one epoch of {} on {} samples, takes {}, \
             {} and {}",
            self.name(&least),
            least.samples,
            units::seconds(least.seconds),
            flops(least.flops),
            units::bytes(bytes)
        ))
    }

    /// The error if the best training lies too far from the runs.
    fn too_far(&self, beyond: &TrainingOption) -> Error {
        let evidence = &self.fields[beyond.field].evidence;
        let allowed = FURTHEST * evidence.flops;
        let budget = Budget { seconds: None, flops: Some(allowed), bytes: self.options.budget.bytes };
        let rules = Rules { budget, target_loss: None, ..self.rules.clone() };
        let within = search(&self.fields, &rules, &|candidate| self.speed.timing(candidate));
        let seconds = within.map_or_else(String::new, |found| {
            format!(", about {} here", units::seconds(found.choices[0].seconds))
        });
        let problem = format!(
            "the best training for this is {} on {} samples per epoch, with {:.0} times the compute of the largest run on its \
             axis ({}). Beyond a factor of {FURTHEST} a law is a guess: its interval covers how well the runs determine the \
             curve, not whether the curve bends beyond the runs. Sweep larger models or more samples, use a {} \
             ({}{seconds}), or add --far",
            self.name(beyond),
            beyond.samples,
            beyond.flops / evidence.flops,
            flops(evidence.flops),
            if self.options.budget.limits_compute() { "smaller budget" } else { "budget" },
            flops(allowed),
        );
        Error::Config { what: "plan".into(), problem }
    }

    fn name(&self, choice: &TrainingOption) -> String {
        self.model(choice).to_string()
    }
}
