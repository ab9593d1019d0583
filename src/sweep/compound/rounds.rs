//! The trainings of a search.

use super::candidate::Candidate;
use super::search::CompoundSearch;
use crate::data::Dataset;
use crate::error::Result;
use crate::models::axis::Axis;
use crate::models::cost::FLOPS_PER_MAC;
use crate::sweep::record::Record;
use crate::sweep::variant::Variant;
use crate::sweep::variants::check_samples;

impl CompoundSearch {
    /// The first round: every candidate with each seed of the plan. All trainings have the same FLOPs except for whole
    /// batches, so a candidate that rounding makes larger is trained on fewer samples.
    ///
    /// # Errors
    /// Those of [`CompoundSearch::candidates`].
    pub fn first_round(&self) -> Result<Vec<Variant>> {
        Ok(self.runs(&self.candidates()?, &self.plan.seeds))
    }

    /// The second round: with more seeds, the best candidates of the first round and those that scale one axis alone.
    /// It is empty while the first round has no completed run.
    ///
    /// # Errors
    /// Those of [`CompoundSearch::candidates`].
    pub fn second_round(&self, records: &[Record]) -> Result<Vec<Variant>> {
        Ok(self.runs(&self.finalists(records)?, &self.second_seeds()))
    }

    /// Checks that a training set has enough samples for every run. Both rounds have the same samples.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) with the key of a run that needs more samples than the set has; those of
    /// [`CompoundSearch::candidates`].
    pub fn check_samples(&self, set: &dyn Dataset) -> Result<()> {
        check_samples(&self.first_round()?, set)
    }

    /// The seeds of both rounds, in order.
    pub fn all_seeds(&self) -> Vec<u64> {
        [&self.plan.seeds[..], &self.second_seeds()].concat()
    }

    /// The smallest seeds that the first round does not have.
    fn second_seeds(&self) -> Vec<u64> {
        (0..).filter(|seed| !self.plan.seeds.contains(seed)).take(self.more_seeds).collect()
    }

    /// The candidates of the second round, the best first. A candidate whose training did not complete is none.
    fn finalists(&self, records: &[Record]) -> Result<Vec<Candidate>> {
        let mean = |candidate: &Candidate| -> Option<f64> {
            let losses = self.plan.seeds.iter().map(|&seed| loss(records, candidate, seed));
            Some(losses.sum::<Option<f64>>()? / self.plan.seeds.len() as f64)
        };
        let mut ranked: Vec<(f64, Candidate)> = self
            .candidates()?
            .into_iter()
            .filter_map(|candidate| mean(&candidate).map(|mean| (mean, candidate)))
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let ranked = ranked.into_iter().map(|(_, candidate)| candidate).enumerate();
        let chosen = ranked.filter(|(rank, candidate)| *rank < self.best || candidate.is_single_axis());
        Ok(chosen.map(|(_, candidate)| candidate).collect())
    }

    fn runs(&self, candidates: &[Candidate], seeds: &[u64]) -> Vec<Variant> {
        let of_seed = |&seed: &u64| candidates.iter().map(move |candidate| self.run_of(candidate, seed));
        seeds.iter().flat_map(of_seed).collect()
    }

    fn run_of(&self, candidate: &Candidate, seed: u64) -> Variant {
        let seen = self.budget() / (FLOPS_PER_MAC * candidate.macs as f64);
        let samples = self.plan.whole_batches(seen / self.plan.config.epochs as f64);
        Variant {
            key: key(candidate, seed),
            axis: Axis::Compound,
            factor: self.factor(),
            also: Vec::new(),
            held_back: Vec::new(),
            scale: candidate.scale,
            architecture: candidate.architecture.clone(),
            train_samples: Some(samples),
            flops: Some(self.budget()),
            epochs: self.plan.config.epochs,
            seed,
            generation: self.plan.generations(),
        }
    }
}

fn key(candidate: &Candidate, seed: u64) -> String {
    format!("{}-s{seed}", candidate.name)
}

/// The record of a candidate's training.
pub(super) fn record<'a>(records: &'a [Record], candidate: &Candidate, seed: u64) -> Option<&'a Record> {
    let key = key(candidate, seed);
    records.iter().find(|record| record.variant.key == key)
}

/// The validation loss of a candidate's training; `None` unless it is finite and above zero.
pub(super) fn loss(records: &[Record], candidate: &Candidate, seed: u64) -> Option<f64> {
    let loss = record(records, candidate, seed)?.validation_loss()?;
    (loss > 0.0 && loss.is_finite()).then_some(loss)
}
