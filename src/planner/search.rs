//! The search for the best training: among all models, numbers of samples and numbers of epochs within a budget, those
//! with the least expected loss; or, with a target loss, those that reach it at the least cost.
//!
//! A model is trained for the whole budget: on all available samples, as many times as the budget allows. So each model
//! has one or two trainings, on all samples as many epochs as fit or with one epoch more on fewer, unless the runs show
//! that its loss would rise before.

use super::budget::Budget;
use super::candidate::{Candidate, Field};
use super::limit::Limit;
use super::speed::Timing;
use crate::models::axis::Scale;
use crate::models::cost::FLOPS_PER_MAC;
use crate::train::TrainConfig;

/// The largest compute of a training, relative to the largest run that its law was fitted to.
pub const FURTHEST: f64 = 30.0;

/// Number of suggestions: the best and the three next best.
const SUGGESTIONS: usize = 4;

/// The largest number of samples seen that the search considers.
const ENDLESS: f64 = 1e15;

/// A limit binds if the search without it finds a training better by this fraction; less is rounding to whole batches.
const BETTER: f64 = 1e-4;

/// Losses that differ by less than this fraction are equal; then the smaller model is better.
const EQUAL: f64 = 5e-3;

/// Another model has to be better than the base model by the scatter of runs around their law, clamped to this range of
/// fractions of the loss: another seed changes the loss by less.
const GAIN: (f64, f64) = (0.03, 0.1);

/// The goal of a search, and its limits.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    /// What a training may cost; [`Field::fitting`] covers its bytes.
    pub budget: Budget,
    /// The target loss.
    pub target_loss: Option<f64>,
    /// Whether to trust a law further than [`FURTHEST`].
    pub far: bool,
    /// How each model is trained. Its epochs apply to sets that draw new samples without end.
    pub config: &'a TrainConfig,
    /// Number of training samples; `None` for a set that draws new ones without end.
    pub available: Option<usize>,
    /// Number of samples of each validation.
    pub validation: usize,
}

/// A training that the search considers: a model with a number of samples and a number of epochs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainingOption {
    /// The index of the model's field.
    pub field: usize,
    /// The index of the model in the field.
    pub candidate: usize,
    /// Training samples in an epoch.
    pub samples: usize,
    /// Number of epochs.
    pub epochs: usize,
    /// Number of distinct training samples.
    pub distinct: f64,
    /// How many times each is seen.
    pub passes: f64,
    /// The expected validation loss.
    pub loss: f64,
    /// The loss that it ends below with a probability of [`CAUTION`](super::CAUTION), by which trainings are compared.
    pub upper: f64,
    /// Training FLOPs.
    pub flops: f64,
    /// Wall seconds of the training.
    pub seconds: f64,
}

/// The result of a search.
#[derive(Debug, Clone)]
pub struct Found {
    /// The best first; each differs from the previous ones.
    pub choices: Vec<TrainingOption>,
    /// The base model trained for the whole budget; `None` if the budget is too small for one batch.
    pub base: Option<TrainingOption>,
    /// The limits that keep the best from being better.
    pub limits: Vec<Limit>,
    /// The best if laws were trusted at any distance; `None` if it is no better.
    pub beyond: Option<TrainingOption>,
}

/// Searches all fields; `None` if no training fits the budget or reaches the target.
pub fn search(fields: &[Field], rules: &Rules, timing: &dyn Fn(&Candidate) -> Timing) -> Option<Found> {
    let ranked = rank(fields, rules, timing, &[]);
    let model = |choice: &TrainingOption| &fields[choice.field].candidates[choice.candidate];
    let mut choices: Vec<TrainingOption> = Vec::new();
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
        if limit == Limit::Overfitting {
            let field = &fields[best.field];
            let model = &field.candidates[best.candidate];
            let longer = rules.trainings(field, model, timing, &[limit]);
            let most = field.evidence.most_passes(model.macs as f64, best.distinct);
            if longer.into_iter().any(|(_, epochs)| most.is_some_and(|most| epochs as f64 > most)) {
                limits.push(limit);
            }
            continue;
        }
        // A law that includes repetition does not distinguish new samples from repeated ones.
        if limit == Limit::Data && fields[best.field].evidence.includes_repetition() {
            continue;
        }
        let relaxed = rank(fields, rules, timing, &[limit]);
        // Compares expected losses, because the cautious losses penalise a larger training.
        let expected = |choice: &TrainingOption| {
            if rules.target_loss.is_some() { rules.score(choice) } else { choice.loss }
        };
        let better = relaxed.first().filter(|free| expected(free) < expected(best) * (1.0 - BETTER));
        let unknown = limit == Limit::Data && fields[best.field].evidence.fixed_samples.is_some();
        if better.is_some() || unknown {
            limits.push(limit);
        }
        if limit == Limit::Extrapolation {
            beyond = better.copied();
        }
    }
    if limits.is_empty() && rules.target_loss.is_none() {
        limits = pair_of_limits(fields, rules, timing, best);
    }
    Some(Found { base: base(fields, rules, timing), choices, limits, beyond })
}

/// Two limits that together keep the best from being better, where none does alone: a budget that allows as much as the
/// law is trusted for. Empty if there are none. Data do not count if the law includes repetition, as in [`search`].
fn pair_of_limits(
    fields: &[Field],
    rules: &Rules,
    timing: &dyn Fn(&Candidate) -> Timing,
    best: &TrainingOption,
) -> Vec<Limit> {
    let repeats = fields[best.field].evidence.includes_repetition();
    let limits: Vec<Limit> =
        Limit::ALL.into_iter().filter(|limit| !(repeats && *limit == Limit::Data)).collect();
    let mut pairs = (limits.iter().enumerate())
        .flat_map(|(place, &one)| limits[place + 1..].iter().map(move |&other| [one, other]));
    let better = |pair: &[Limit; 2]| {
        let relaxed = rank(fields, rules, timing, pair);
        relaxed.first().is_some_and(|free| free.loss < best.loss * (1.0 - BETTER))
    };
    pairs.find(better).map_or_else(Vec::new, Vec::from)
}

/// The training with the least compute, regardless of the budget.
pub fn cheapest(
    fields: &[Field],
    rules: &Rules,
    timing: &dyn Fn(&Candidate) -> Timing,
) -> Option<TrainingOption> {
    let least = |(number, field): (usize, &Field)| {
        let batch = rules.config.batch.min(rules.available.unwrap_or(usize::MAX));
        let samples = field.evidence.fixed_samples.unwrap_or(batch);
        (!field.candidates.is_empty()).then(|| rules.choice(number, field, 0, (samples, 1), timing))
    };
    let trainings = fields.iter().enumerate().filter_map(least);
    trainings.min_by(|a, b| a.flops.total_cmp(&b.flops))
}

/// The base model, trained for the whole budget. If several axes have laws, the one with the least expected loss
/// counts.
fn base(fields: &[Field], rules: &Rules, timing: &dyn Fn(&Candidate) -> Timing) -> Option<TrainingOption> {
    let rules = Rules { target_loss: None, ..rules.clone() };
    let of_field = |(number, field): (usize, &Field)| {
        let place = field.candidates.iter().position(|candidate| candidate.scale == Scale::BASE)?;
        let best = || rules.best_with(number, field, place, timing, &[Limit::Overfitting]);
        (place < field.fitting).then(best).flatten()
    };
    fields.iter().enumerate().filter_map(of_field).min_by(|a, b| a.upper.total_cmp(&b.upper))
}

/// Every model with its best training within all limits except `relaxed`, the best first.
fn rank(
    fields: &[Field],
    rules: &Rules,
    timing: &dyn Fn(&Candidate) -> Timing,
    relaxed: &[Limit],
) -> Vec<TrainingOption> {
    let mut choices = Vec::new();
    for (number, field) in fields.iter().enumerate() {
        let count = if relaxed.contains(&Limit::Memory) { field.candidates.len() } else { field.fitting };
        for place in (0..count).filter(|place| !field.vetoed.contains(place)) {
            let best = rules.best_with(number, field, place, timing, relaxed);
            choices.extend(best.filter(|choice| choice.upper.is_finite()));
        }
    }
    choices.sort_by(|a, b| rules.score(a).total_cmp(&rules.score(b)));
    if rules.target_loss.is_none() && !choices.is_empty() {
        let first = preferred(fields, &choices);
        choices[..=first].rotate_right(1);
    }
    choices
}

/// The index of the training to recommend among those sorted by loss: the base model if it is about as good as the
/// best, else the smallest of the models that are as good.
fn preferred(fields: &[Field], choices: &[TrainingOption]) -> usize {
    let model = |place: usize| &fields[choices[place].field].candidates[choices[place].candidate];
    let within = |part: f64| {
        let most = choices[0].upper * (1.0 + part);
        0..choices.partition_point(|choice| choice.upper <= most)
    };
    let scatter = fields[choices[0].field].evidence.repetition.scatter();
    let base = within(scatter.clamp(GAIN.0, GAIN.1)).find(|&place| model(place).scale == Scale::BASE);
    base.or_else(|| within(EQUAL).min_by_key(|&place| model(place).macs)).unwrap_or(0)
}

impl Rules<'_> {
    /// What the search minimises: the loss; or, with a target, the quantity that the budget limits.
    fn score(&self, choice: &TrainingOption) -> f64 {
        match self.target_loss {
            None => choice.upper,
            Some(_) if self.budget.seconds.is_some() => choice.seconds,
            Some(_) => choice.flops,
        }
    }

    /// The largest number of samples per epoch that all limits except `relaxed` allow a model in `epochs` epochs,
    /// regardless of the set's size.
    fn most_samples(
        &self,
        field: &Field,
        candidate: &Candidate,
        epochs: usize,
        timing: &dyn Fn(&Candidate) -> Timing,
        relaxed: &[Limit],
    ) -> f64 {
        let flops_per_sample = FLOPS_PER_MAC * candidate.macs as f64 * epochs as f64;
        let allowed = |limit: Limit| match limit {
            Limit::Time => {
                let within = |seconds| timing(candidate).samples(seconds, epochs, self.validation);
                self.budget.seconds.map(within)
            }
            Limit::Compute => self.budget.flops.map(|flops| flops / flops_per_sample),
            Limit::Extrapolation if self.far => None,
            Limit::Extrapolation => Some(FURTHEST * field.evidence.flops / flops_per_sample),
            // The caller checks these.
            Limit::Data | Limit::Overfitting | Limit::Memory => None,
        };
        let limits = Limit::ALL.into_iter().filter(|limit| !relaxed.contains(limit));
        limits.filter_map(allowed).fold(ENDLESS / epochs as f64, f64::min)
    }

    /// A model's trainings for the whole budget, the longest first: (samples per epoch, epochs). Empty if the budget is
    /// too small for one batch, or for the samples that the law applies to.
    fn trainings(
        &self,
        field: &Field,
        candidate: &Candidate,
        timing: &dyn Fn(&Candidate) -> Timing,
        relaxed: &[Limit],
    ) -> Vec<(usize, usize)> {
        let most = |epochs: usize| self.most_samples(field, candidate, epochs, timing, relaxed);
        let whole = |samples: f64| {
            // An incomplete last batch is dropped.
            let batch = self.config.batch.min(self.available.unwrap_or(usize::MAX));
            samples as usize / batch * batch
        };
        let available = self.available.filter(|_| !relaxed.contains(&Limit::Data));
        let trainings = match (field.evidence.fixed_samples, available) {
            // The law applies to a fixed number of samples, which are repeated as often as the budget allows.
            (Some(fixed), _) => vec![(fixed, first(|epochs| most(epochs) < fixed as f64) - 1)],
            (None, None) if self.available.is_none() => {
                vec![(whole(most(self.config.epochs)), self.config.epochs)]
            }
            (None, None) => vec![(whole(most(1)), 1)],
            (None, Some(all)) => {
                // An epoch drops its incomplete last batch.
                let epochs = first(|epochs| most(epochs) <= whole(all as f64) as f64);
                vec![(whole(most(epochs)), epochs), (all, epochs - 1)]
            }
        };
        let bounded = trainings.into_iter().map(|(samples, epochs)| {
            let passes = field.evidence.most_passes(candidate.macs as f64, samples as f64);
            let fresh = self.available.is_none();
            match passes.filter(|_| !fresh && !relaxed.contains(&Limit::Overfitting)) {
                Some(passes) => (samples, epochs.min(passes as usize)),
                None => (samples, epochs),
            }
        });
        bounded.filter(|(samples, epochs)| *samples > 0 && *epochs > 0).collect()
    }

    /// The best training of a model: among those for the whole budget, or with a target the shortest that reaches it.
    fn best_with(
        &self,
        number: usize,
        field: &Field,
        place: usize,
        timing: &dyn Fn(&Candidate) -> Timing,
        relaxed: &[Limit],
    ) -> Option<TrainingOption> {
        let with = |training: (usize, usize)| self.choice(number, field, place, training, timing);
        let trainings = self.trainings(field, &field.candidates[place], timing, relaxed);
        let Some(target) = self.target_loss else {
            let trainings = trainings.into_iter().map(with);
            // A law of samples seen takes repeated samples for new ones. Of 12 epochs on most samples and 11 on all,
            // the latter is better.
            if field.evidence.includes_repetition() {
                let worth = |choice: &TrainingOption| field.evidence.worth(choice.distinct, choice.passes);
                return trainings.max_by(|a, b| worth(a).total_cmp(&worth(b)));
            }
            // Among one model's trainings the expected loss decides, not the cautious one: caution must not leave a
            // budget unused.
            return trainings.min_by(|a, b| a.loss.total_cmp(&b.loss));
        };
        let reaching = trainings.into_iter().map(with).filter(|choice| choice.loss <= target);
        let longest = reaching.min_by(|a, b| self.score(a).total_cmp(&self.score(b)))?;
        let shorter = |steps: usize| self.shortened(field, &longest, steps);
        // Steps are batches if the number of samples may change, else epochs.
        let steps = match field.evidence.fixed_samples {
            Some(_) => longest.epochs,
            None => (longest.samples / self.config.batch.min(longest.samples)).saturating_mul(longest.epochs),
        };
        let (mut short, mut enough) = (0, steps);
        while enough - short > 1 {
            let middle = short + (enough - short) / 2;
            if with(shorter(middle)).loss <= target { enough = middle } else { short = middle }
        }
        Some(if enough == steps { longest } else { with(shorter(enough)) })
    }

    /// A training like another, but with `steps` steps, in as few epochs as have enough samples. If the law applies to
    /// a fixed number of samples, steps are epochs.
    fn shortened(&self, field: &Field, training: &TrainingOption, steps: usize) -> (usize, usize) {
        if field.evidence.fixed_samples.is_some() {
            return (training.samples, steps);
        }
        let batch = self.config.batch.min(training.samples);
        let all = match self.available {
            Some(available) => available / batch,
            // Each epoch has new samples; the sweep sets the number of epochs.
            None => return (steps.div_ceil(training.epochs) * batch, training.epochs),
        };
        let epochs = steps.div_ceil(all.max(1)).max(1);
        (steps.div_ceil(epochs) * batch, epochs)
    }

    fn choice(
        &self,
        number: usize,
        field: &Field,
        place: usize,
        (samples, epochs): (usize, usize),
        timing: &dyn Fn(&Candidate) -> Timing,
    ) -> TrainingOption {
        let candidate = &field.candidates[place];
        let config = TrainConfig { epochs, ..*self.config };
        let seen = config.samples_seen(samples) as f64;
        let distinct = config.distinct_samples(samples, self.available.is_none()) as f64;
        let passes = (seen / distinct).max(1.0);
        let macs = candidate.macs as f64;
        let expected = field.evidence.compared(macs, distinct, passes);
        TrainingOption {
            field: number,
            candidate: place,
            samples,
            epochs,
            distinct,
            passes,
            loss: expected.median(),
            upper: expected.cautious(),
            flops: FLOPS_PER_MAC * macs * seen,
            seconds: timing(candidate).seconds(epochs, samples, self.validation),
        }
    }
}

/// The first number from 1 on for which a monotonic condition holds; a number beyond [`ENDLESS`] if it never does.
fn first(holds: impl Fn(usize) -> bool) -> usize {
    let (mut below, mut at) = (0, 1);
    while at < ENDLESS as usize && !holds(at) {
        (below, at) = (at, 2 * at);
    }
    while at - below > 1 {
        let middle = below + (at - below) / 2;
        if holds(middle) { at = middle } else { below = middle }
    }
    at
}
