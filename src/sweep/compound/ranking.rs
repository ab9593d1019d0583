//! Ranks the candidates of a search by their validation losses.

use super::candidate::Candidate;
use super::rounds::{loss, record};
use super::search::CompoundSearch;
use crate::error::Result;
use crate::models::axis::Compound;
use crate::models::cost::Cost;
use crate::sweep::comparison::{Comparison, Observation};
use crate::sweep::record::Record;
use serde::{Deserialize, Serialize};

/// A candidate and its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranked {
    /// Name of the candidate in keys of runs.
    pub name: String,
    /// Depth coefficient α.
    pub alpha: f64,
    /// Width coefficient β.
    pub beta: f64,
    /// Resolution coefficient γ.
    pub gamma: f64,
    /// Other coefficients that rounding makes the same model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Compound>,
    /// Number of trained parameters.
    pub parameters: u64,
    /// MACs of one sample's forward pass.
    pub macs: u64,
    /// MACs as a multiple of the base model's.
    pub macs_factor: f64,
    /// Samples that each training has seen.
    pub samples_seen: u64,
    /// The number of seeds with which training completed.
    pub seeds: usize,
    /// The validation loss, averaged over the seeds of the search: those it has, and those it would have had (see
    /// [`comparison`](crate::sweep::comparison)).
    pub loss: f64,
    /// By which share the loss is above the best candidate's.
    pub excess: f64,
    /// The lower bound of [`excess`](Ranked::excess), for all candidates at once with a probability of 95 %. If it is
    /// not above 0, the candidate can't be told from the best. `None` without a second seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excess_at_least: Option<f64>,
}

impl Ranked {
    /// Whether the loss is above the best candidate's by more than chance.
    pub fn is_worse(&self) -> bool {
        self.excess_at_least.is_some_and(|least| least > 0.0)
    }

    /// The coefficients.
    pub fn compound(&self) -> Compound {
        Compound { alpha: self.alpha, beta: self.beta, gamma: self.gamma }
    }
}

/// The candidates of a search by rank.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// The best candidate, then the others by loss. The best is the one with the lowest loss among those that were
    /// trained with the most seeds.
    pub candidates: Vec<Ranked>,
    /// Keys of the runs that did not complete.
    pub failed: Vec<String>,
    /// The scatter of seeds: the standard deviation of a candidate's loss, as a share of the loss. `None` without a
    /// second seed.
    pub scatter: Option<f64>,
    /// Degrees of freedom of the scatter.
    pub freedom: usize,
    /// The number of seeds of the second round with which the best candidate has the lowest loss of its round.
    pub wins: usize,
    /// The number of seeds of the second round that can be compared.
    pub contests: usize,
}

impl Ranking {
    /// Ranks the candidates. `None` if no candidate completed all seeds of the first round.
    ///
    /// # Errors
    /// Those of [`CompoundSearch::candidates`].
    pub fn of(search: &CompoundSearch, records: &[Record]) -> Result<Option<Ranking>> {
        let seeds = search.all_seeds();
        let losses = |candidate: &Candidate| -> Vec<(u64, f64)> {
            seeds.iter().filter_map(|&seed| Some((seed, loss(records, candidate, seed)?))).collect()
        };
        let first = |losses: &[(u64, f64)]| {
            search.plan.seeds.iter().all(|seed| losses.iter().any(|(known, _)| known == seed))
        };
        let all = search.candidates()?.into_iter().map(|candidate| (losses(&candidate), candidate));
        let compared: Vec<(Vec<(u64, f64)>, Candidate)> = all.filter(|(losses, _)| first(losses)).collect();
        let observations: Vec<Observation> = (compared.iter().enumerate())
            .flat_map(|(model, (losses, _))| {
                losses.iter().map(move |&(seed, loss)| Observation { model, seed, loss })
            })
            .collect();
        let Some(comparison) = Comparison::of(compared.len(), &observations) else { return Ok(None) };
        let most = compared.iter().map(|(losses, _)| losses.len()).max().unwrap_or_default();
        let by_loss = |a: &usize, b: &usize| comparison.loss(*a).total_cmp(&comparison.loss(*b));
        let repeated = || (0..compared.len()).filter(|&model| compared[model].0.len() == most);
        let Some(best) = repeated().min_by(by_loss) else { return Ok(None) };
        let mut order: Vec<usize> = (0..compared.len()).filter(|&model| model != best).collect();
        order.sort_by(by_loss);
        let base = Cost::of(&search.plan.architecture)?.macs as f64;
        let ranked = |model: usize| {
            let (losses, candidate) = &compared[model];
            let Compound { alpha, beta, gamma } = candidate.compound;
            let trained = record(records, candidate, search.plan.seeds[0]);
            Ranked {
                name: candidate.name.clone(),
                alpha,
                beta,
                gamma,
                also: candidate.also.clone(),
                parameters: candidate.parameters,
                macs: candidate.macs,
                macs_factor: candidate.macs as f64 / base,
                samples_seen: trained.map_or(0, |record| record.cost.samples_seen),
                seeds: losses.len(),
                loss: comparison.loss(model),
                excess: comparison.excess(model, best),
                excess_at_least: if model == best { None } else { comparison.excess_at_least(model, best) },
            }
        };
        let (mut wins, mut contests) = (0, 0);
        for seed in &seeds[search.plan.seeds.len()..] {
            let with = |model: usize| compared[model].0.iter().find(|(known, _)| known == seed);
            let Some((_, own)) = with(best) else { continue };
            contests += 1;
            wins += usize::from(repeated().filter_map(with).all(|(_, loss)| own <= loss));
        }
        Ok(Some(Ranking {
            candidates: std::iter::once(best).chain(order).map(ranked).collect(),
            failed: failed(records),
            scatter: comparison.scatter,
            freedom: comparison.freedom,
            wins,
            contests,
        }))
    }
}

fn failed(records: &[Record]) -> Vec<String> {
    let failed = records.iter().filter(|record| !record.completed());
    failed.map(|record| record.variant.key.clone()).collect()
}
