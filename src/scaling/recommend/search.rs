//! Among all models and numbers of samples that a budget allows, those of which the laws expect the least loss; or, with
//! a loss as the target, those that reach it at the least cost.

use super::budget::Budget;
use super::candidate::{Candidate, Field};
use super::pace::Tempo;
use crate::scaling::cost::FLOPS_PER_MAC;
use crate::scaling::schedule::Schedule;
use serde::Serialize;
use std::fmt;

/// The most that a training may take of the compute of the largest run that its law was fitted to.
pub const FURTHEST: f64 = 30.0;

/// The best, and the three next best.
const SUGGESTIONS: usize = 4;

/// Samples beyond which no training is counted.
const ENDLESS: f64 = 1e15;

/// A limit binds if without it something better by this part would be found; less is rounding to whole batches.
const BETTER: f64 = 1e-4;

/// What keeps a training from being better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// The budget's time.
    Time,
    /// The budget's FLOPs.
    Compute,
    /// The budget's bytes, or the device's.
    Memory,
    /// Samples: the set has no more, or the sweep did not vary their number.
    Data,
    /// How far the law is trusted: [`FURTHEST`].
    Extrapolation,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Limit; 5] =
        [Limit::Time, Limit::Compute, Limit::Memory, Limit::Data, Limit::Extrapolation];
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Time => "time",
            Limit::Compute => "compute",
            Limit::Memory => "memory",
            Limit::Data => "data",
            Limit::Extrapolation => "extrapolation",
        })
    }
}

/// What is looked for, and what is allowed.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    /// What a training may cost; its bytes are in [`Field::fitting`].
    pub budget: Budget,
    /// The loss that is enough.
    pub target_loss: Option<f64>,
    /// Whether a law is trusted further than [`FURTHEST`].
    pub far: bool,
    /// How each model is trained.
    pub schedule: &'a Schedule,
    /// Training samples that there are; none for a set that draws new ones without end.
    pub available: Option<usize>,
    /// Samples of each validation.
    pub validation: usize,
}

/// A model with a number of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The field that the model is in.
    pub field: usize,
    /// Its place there.
    pub candidate: usize,
    /// Training samples an epoch.
    pub samples: usize,
    /// Different training samples, D.
    pub distinct: f64,
    /// Validation loss that the law expects.
    pub loss: f64,
    /// Training FLOPs.
    pub flops: f64,
    /// Wall seconds of the training.
    pub seconds: f64,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The best first; each differs from those in front of it.
    pub choices: Vec<Choice>,
    /// What keeps the best from being better.
    pub limits: Vec<Limit>,
    /// What would be the best if laws were trusted at any distance; none where that is no better.
    pub beyond: Option<Choice>,
}

/// Searches all fields; none where nothing fits the budget or reaches the target.
pub fn search(fields: &[Field], rules: &Rules, pace: &dyn Fn(&Candidate) -> Tempo) -> Option<Found> {
    let ranked = rank(fields, rules, pace, None);
    let model = |choice: &Choice| &fields[choice.field].candidates[choice.candidate];
    let mut choices: Vec<Choice> = Vec::new();
    for choice in &ranked {
        if choices.iter().all(|known| model(choice).differs_from(model(known))) {
            choices.push(*choice);
        }
        if choices.len() == SUGGESTIONS {
            break;
        }
    }
    let best = choices.first()?;
    let mut limits = Vec::new();
    let mut beyond = None;
    for limit in Limit::ALL {
        let relaxed = rank(fields, rules, pace, Some(limit));
        let better = relaxed.first().filter(|free| rules.score(free) < rules.score(best) * (1.0 - BETTER));
        let unknown = limit == Limit::Data && fields[best.field].evidence.fixed_samples.is_some();
        if better.is_some() || unknown {
            limits.push(limit);
        }
        if limit == Limit::Extrapolation {
            beyond = better.copied();
        }
    }
    Some(Found { choices, limits, beyond })
}

/// The training with the least compute that there is, whatever the budget.
pub fn cheapest(fields: &[Field], rules: &Rules, pace: &dyn Fn(&Candidate) -> Tempo) -> Option<Choice> {
    let least = |(number, field): (usize, &Field)| {
        let batch = rules.schedule.batch.min(rules.available.unwrap_or(usize::MAX));
        let samples = field.evidence.fixed_samples.unwrap_or(batch);
        (!field.candidates.is_empty()).then(|| rules.choice(number, field, 0, samples, pace))
    };
    let trainings = fields.iter().enumerate().filter_map(least);
    trainings.min_by(|a, b| a.flops.total_cmp(&b.flops))
}

/// Every model with the samples that are best for it within all limits but one, the best first.
fn rank(
    fields: &[Field],
    rules: &Rules,
    pace: &dyn Fn(&Candidate) -> Tempo,
    relaxed: Option<Limit>,
) -> Vec<Choice> {
    let mut choices = Vec::new();
    for (number, field) in fields.iter().enumerate() {
        let count = if relaxed == Some(Limit::Memory) { field.candidates.len() } else { field.fitting };
        for place in 0..count {
            let most = rules.most_samples(field, &field.candidates[place], pace, relaxed);
            let choice = most.and_then(|most| rules.best_with(number, field, place, most, pace));
            choices.extend(choice.filter(|choice| choice.loss.is_finite()));
        }
    }
    // A stable sort: of two equals the smaller, which came first, stays first.
    choices.sort_by(|a, b| rules.score(a).total_cmp(&rules.score(b)));
    choices
}

impl Rules<'_> {
    /// What is made as small as possible: the loss; or, with a target, what the budget is in.
    fn score(&self, choice: &Choice) -> f64 {
        match self.target_loss {
            None => choice.loss,
            Some(_) if self.budget.seconds.is_some() => choice.seconds,
            Some(_) => choice.flops,
        }
    }

    /// The samples an epoch that all limits but the relaxed one allow a model; none where that is not one batch, or
    /// less than the law is for.
    fn most_samples(
        &self,
        field: &Field,
        candidate: &Candidate,
        pace: &dyn Fn(&Candidate) -> Tempo,
        relaxed: Option<Limit>,
    ) -> Option<usize> {
        let flops_per_sample = FLOPS_PER_MAC * candidate.macs as f64 * self.schedule.epochs as f64;
        let allowed = |limit: Limit| match limit {
            Limit::Time => {
                let within =
                    |seconds| pace(candidate).samples(seconds, self.schedule.epochs, self.validation);
                self.budget.seconds.map(within)
            }
            Limit::Compute => self.budget.flops.map(|flops| flops / flops_per_sample),
            Limit::Data => self.available.map(|samples| samples as f64),
            Limit::Extrapolation if self.far => None,
            Limit::Extrapolation => Some(FURTHEST * field.evidence.flops / flops_per_sample),
            // It does not depend on the number of samples.
            Limit::Memory => None,
        };
        let limits = Limit::ALL.into_iter().filter(|limit| Some(*limit) != relaxed);
        let most = limits.filter_map(allowed).fold(ENDLESS, f64::min) as usize;
        if let Some(fixed) = field.evidence.fixed_samples {
            return (fixed <= most).then_some(fixed);
        }
        // The last batch is left out where it is not full.
        let batch = self.schedule.batch.min(self.available.unwrap_or(usize::MAX));
        Some(most / batch * batch).filter(|samples| *samples > 0)
    }

    /// The best number of samples up to `most`: all of them; with a target, the fewest that reach it.
    fn best_with(
        &self,
        number: usize,
        field: &Field,
        place: usize,
        most: usize,
        pace: &dyn Fn(&Candidate) -> Tempo,
    ) -> Option<Choice> {
        let with = |samples: usize| self.choice(number, field, place, samples, pace);
        let all = with(most);
        let Some(target) = self.target_loss else { return Some(all) };
        if all.loss > target {
            return None;
        }
        if field.evidence.fixed_samples.is_some() {
            return Some(all);
        }
        let batch = self.schedule.batch.min(most);
        let (mut short, mut enough) = (0, most / batch);
        while enough - short > 1 {
            let middle = short + (enough - short) / 2;
            if with(middle * batch).loss <= target { enough = middle } else { short = middle }
        }
        Some(with(enough * batch))
    }

    fn choice(
        &self,
        number: usize,
        field: &Field,
        place: usize,
        samples: usize,
        pace: &dyn Fn(&Candidate) -> Tempo,
    ) -> Choice {
        let candidate = &field.candidates[place];
        let seen = self.schedule.samples_seen(samples) as f64;
        let distinct = self.schedule.distinct_samples(samples, self.available.is_none()) as f64;
        let macs = candidate.macs as f64;
        Choice {
            field: number,
            candidate: place,
            samples,
            distinct,
            loss: field.evidence.loss(macs, distinct),
            flops: FLOPS_PER_MAC * macs * seen,
            seconds: pace(candidate).seconds(self.schedule.epochs, samples, self.validation),
        }
    }
}
