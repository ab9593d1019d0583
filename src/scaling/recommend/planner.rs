//! One recommendation in the making: the pace is learnt, the search and rehearsals take turns, and what came of it is put
//! together, or why nothing did.

use super::candidate::{Candidate, Field};
use super::evidence::{LeftOut, counts, zeros};
use super::pace::{Pace, Tempo};
use super::rehearsal::rehearse;
use super::search::{Choice, FURTHEST, Found, Rules, cheapest, search};
use super::training::{Expected, Training};
use super::{Options, Reach, Recommendation, Suggestion};
use crate::error::{Error, Result};
use crate::scaling::cost::predicted_peak;
use crate::scaling::plan::Plan;
use crate::scaling::record::{Record, Throughput};
use crate::scaling::report;
use crate::scaling::schedule::Schedule;
use crate::units::flops;

/// Rehearsals after which the rest is taken from the law of throughput.
const MOST_REHEARSALS: usize = 8;

/// A benchmark's rehearsals are this part of the others.
const BENCHMARK: f64 = 0.5;

/// A device's speed drifts, by heat and by what else the machine does. So the best is rehearsed for this part of its
/// training, up to so many seconds.
const REHEARSED: f64 = 0.2;
const LONGEST: f64 = 60.0;

pub(super) struct Planner<'a> {
    pub plan: &'a Plan,
    pub options: &'a Options,
    pub rules: Rules<'a>,
    pub fields: Vec<Field>,
    pub pace: Pace,
}

impl Planner<'_> {
    /// Refuses a question that has no answer: samples without end, and nothing that limits them.
    pub fn check_bounds(&self) -> Result<()> {
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
    pub fn learn_pace(&mut self, records: &[Record]) -> Result<()> {
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
            Err(error) if error.is_about_memory() => Ok(false),
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
    pub fn find(&mut self) -> Result<Found> {
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
            data: self.plan.data.clone(),
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

    pub fn assemble(
        &self,
        records: &[Record],
        found: Found,
        left_out: Vec<LeftOut>,
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
            limits: found.limits,
            fixed_samples: evidence.fixed_samples,
            left_out,
            warnings: (evidence.fit.warnings.iter().cloned())
                .chain(best.reach.warnings())
                .chain(zeros(records))
                .collect(),
            best,
        })
    }

    /// Why there is nothing to recommend.
    fn nothing(&self, pace: &dyn Fn(&Candidate) -> Tempo) -> Error {
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
             {} and {}",
            self.name(&least),
            least.samples,
            report::Quantity::Seconds.format(least.seconds),
            flops(least.flops),
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
             ({}). Beyond a factor of {FURTHEST} a law is a guess: its interval covers how well the runs fix \
             the curve, not whether the curve bends where there are no runs. Sweep larger models or more samples, take a \
             smaller budget ({}, about {} here), or say --far",
            self.name(beyond),
            beyond.samples,
            beyond.flops / evidence.flops,
            flops(evidence.flops),
            flops(allowed),
            report::Quantity::Seconds.format(seconds),
        );
        Error::Config { what: "plan".into(), problem }
    }

    fn name(&self, choice: &Choice) -> String {
        self.model(choice).to_string()
    }
}
