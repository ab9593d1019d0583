//! The search for coefficients of compound scaling: its candidates, its rounds, its ranking.

use crate::blank;
use crate::synthetic::preset;
use allometry::models::{Architecture, Axis, Compound};
use allometry::sweep::comparison::{Comparison, Observation};
use allometry::sweep::compound::search::TOLERANCE;
use allometry::sweep::compound::{Answer, CompoundSearch, Ranking, SearchStore, candidate::lattice};
use allometry::sweep::{Outcome, Plan, Record, Variant};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use std::path::Path;

fn search(architecture: Architecture, factor: f64, divisions: usize) -> CompoundSearch {
    let plan = Plan::new("glyphs", architecture);
    let plan = Plan { axes: vec![Axis::Compound], factors: vec![factor], flops: vec![1e12], ..plan };
    CompoundSearch { divisions, further: Vec::new(), best: 3, more_seeds: 2, plan }
}

fn numbers(Compound { alpha, beta, gamma }: Compound) -> [f64; 3] {
    [alpha, beta, gamma]
}

#[test]
fn the_lattice_shares_a_doubling_among_the_axes() {
    for divisions in 1..=20 {
        for (has_resolution, count) in [(true, (divisions + 1) * (divisions + 2) / 2), (false, divisions + 1)]
        {
            let all = lattice(divisions, has_resolution);
            assert_eq!(all.len(), count);
            for compound in &all {
                compound.validate().unwrap();
                assert!((compound.flops_base() / 2.0 - 1.0).abs() < 1e-12, "{compound:?}");
                assert!(has_resolution || compound.gamma == 1.0);
            }
            let different: BTreeSet<String> = all.iter().map(|compound| format!("{compound:?}")).collect();
            assert_eq!(different.len(), count, "candidates are listed once");
        }
    }
    // α = 2, β = √2 or γ = √2 alone; the middle of each side.
    let all = lattice(2, true);
    let (root, quarter) = (2f64.sqrt(), 2f64.powf(0.25));
    let expected = [
        [2.0, 1.0, 1.0],
        [root, quarter, 1.0],
        [root, 1.0, quarter],
        [1.0, root, 1.0],
        [1.0, quarter, quarter],
        [1.0, 1.0, root],
    ];
    for (found, expected) in all.into_iter().map(numbers).zip(expected) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{found:?} {expected:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn candidates_are_different_models_larger_than_the_base(
        name in proptest::sample::select(vec!["convnet", "mobilenet", "mlp", "keras-dense"]),
        factor in 1.5f64..9.0, divisions in 2usize..6,
    ) {
        let search = search(preset(name), factor, divisions);
        let base = &search.plan.architecture;
        let candidates = search.candidates().unwrap();
        let features = base.resolution().is_none();
        let members: usize = candidates.iter().map(|candidate| 1 + candidate.also.len()).sum();
        prop_assert!(members <= lattice(divisions, !features).len());
        for (number, candidate) in candidates.iter().enumerate() {
            prop_assert!(candidates[..number].iter().all(|known| known.architecture != candidate.architecture));
            prop_assert!(candidates[..number].iter().all(|known| known.name != candidate.name));
            prop_assert!(candidate.architecture != *base);
            for compound in candidate.also.iter().chain([&candidate.compound]) {
                prop_assert!((compound.flops_base() / 2.0 - 1.0).abs() <= TOLERANCE);
                prop_assert!(numbers(*compound).iter().all(|coefficient| *coefficient >= 1.0));
                prop_assert!(!features || compound.gamma == 1.0);
                let scale = Axis::Compound.scale(factor, compound, base).unwrap();
                prop_assert_eq!(&scale.apply(base).unwrap().stages, &candidate.architecture.stages);
            }
        }
        // Every training has the same FLOPs, except for the last batch.
        for run in search.first_round().unwrap() {
            let macs = allometry::models::cost::Cost::of(&run.architecture).unwrap().macs as f64;
            let samples = (run.train_samples.unwrap() * run.epochs) as f64;
            let batch = (search.plan.config.batch * run.epochs) as f64;
            let wanted = 1e12 / (6.0 * macs);
            prop_assert!(samples <= wanted.max(batch) && samples > wanted - batch, "{samples} {wanted}");
        }
    }
}

#[test]
fn further_candidates_are_near_two_and_no_seconds() {
    let paper = Compound::default();
    let mut search = search(preset("convnet"), 8.0, 3);
    let before = search.candidates().unwrap().len();
    search.further = vec![paper];
    search.validate().unwrap();
    assert_eq!(search.candidates().unwrap().len(), before + 1);
    let said = |compound: Compound, search: &CompoundSearch| {
        CompoundSearch { further: vec![compound], ..search.clone() }.validate().unwrap_err().to_string()
    };
    for far in [[1.0, 1.0, 1.37], [1.3, 1.2, 1.15]] {
        let [alpha, beta, gamma] = far;
        assert!(said(Compound { alpha, beta, gamma }, &search).contains("within 5 % of 2"), "{far:?}");
    }
    assert!(said(Compound { alpha: 0.9, beta: 1.5, gamma: 1.0 }, &search).contains("alpha"));
    let mut dense = self::search(preset("keras-dense"), 4.0, 3);
    assert!(said(paper, &dense).contains("γ must be 1"));
    // No room for two models: everything rounds to the base.
    dense.plan.architecture.stages.truncate(0);
    assert!(dense.validate().unwrap_err().to_string().contains("--flops-factor"));
}

#[test]
fn the_cheapest_candidate_is_trained_on_all_samples() {
    let mut search = search(preset("convnet"), 2.0, 4);
    search.plan.flops = vec![search.budget_for(6400).unwrap()];
    let samples: Vec<usize> =
        search.first_round().unwrap().iter().map(|run| run.train_samples.unwrap()).collect();
    assert_eq!(*samples.iter().max().unwrap(), 6400);
    assert!(*samples.iter().min().unwrap() < 6400, "others are rounded up and see fewer: {samples:?}");
}

/// A record with this validation loss.
fn record(variant: &Variant, loss: f64) -> Record {
    let mut record = blank::record(variant);
    record.quality_mut().unwrap().validation_loss = Some(loss);
    record
}

fn failed(variant: &Variant) -> Record {
    Record { outcome: Outcome::Diverged { reason: "why".into() }, ..blank::record(variant) }
}

#[test]
fn the_second_round_has_the_best_and_the_single_axes() {
    let search = search(preset("convnet"), 8.0, 4);
    let first = search.first_round().unwrap();
    assert!(search.second_round(&[]).unwrap().is_empty());
    // The loss rises with the number of the run; the last one, a single axis, diverged.
    let records: Vec<Record> = (1..first.len())
        .map(|number| record(&first[number - 1], number as f64))
        .chain([failed(&first[first.len() - 1])])
        .collect();
    let second = search.second_round(&records).unwrap();
    let stem = |variant: &Variant| variant.key.rsplit_once('-').unwrap().0.to_string();
    let of_seed = |seed: u64| second.iter().filter(|run| run.seed == seed).map(stem).collect::<Vec<String>>();
    let candidates = search.candidates().unwrap();
    let single: Vec<String> = (candidates.iter().filter(|candidate| candidate.is_single_axis()))
        .map(|candidate| candidate.name.clone())
        .collect();
    assert_eq!(single.len(), 3);
    let best: Vec<String> = first[..3].iter().map(stem).collect();
    assert_eq!(single[0], best[0], "the first of the lattice is depth alone");
    assert_eq!(of_seed(1), [&best[..], &single[1..2]].concat());
    assert_eq!(of_seed(2), of_seed(1));
    assert_eq!(second.len(), 2 * 4);
    let samples = |key: &str| first.iter().find(|run| run.key.starts_with(key)).unwrap().train_samples;
    assert!(second.iter().all(|run| run.train_samples == samples(&stem(run))));

    let ranking = Ranking::of(&search, &records).unwrap().unwrap();
    assert_eq!(ranking.failed, [first[first.len() - 1].key.clone()]);
    assert_eq!((ranking.scatter, ranking.freedom, ranking.contests), (None, 0, 0));
    assert_eq!(ranking.candidates[0].name, best[0]);
    assert!((ranking.candidates[4].excess - 4.0).abs() < 1e-9);
    let all_failed: Vec<Record> = first.iter().map(failed).collect();
    assert_eq!(Ranking::of(&search, &all_failed).unwrap(), None);
}

/// A normal number.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let [a, b]: [f64; 2] = [random.random_range(1e-12..1.0), random.random_range(0.0..1.0)];
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

#[test]
fn effects_of_models_and_seeds_are_told_apart() {
    // ln loss = model + seed, without scatter; model 2 has the first seed only.
    let (models, seeds) = ([0.0, 0.1, -0.2], [1.0, 1.5, 0.7]);
    let mut observations = Vec::new();
    for (model, effect) in models.iter().enumerate() {
        for (seed, more) in seeds.iter().enumerate().take(if model == 2 { 1 } else { 3 }) {
            observations.push(Observation { model, seed: 7 + seed as u64, loss: f64::exp(effect + more) });
        }
    }
    let comparison = Comparison::of(3, &observations).unwrap();
    assert_eq!(comparison.freedom, 7 - 5);
    assert!(comparison.scatter.unwrap() < 1e-12);
    let average = seeds.iter().sum::<f64>() / 3.0;
    for (model, effect) in models.iter().enumerate() {
        assert!((comparison.loss(model) / (effect + average).exp() - 1.0).abs() < 1e-12);
        assert!((comparison.excess(model, 2) - ((effect + 0.2).exp() - 1.0)).abs() < 1e-12);
    }
    // A model without a shared seed, and one without any.
    let apart = [Observation { model: 0, seed: 0, loss: 1.0 }, Observation { model: 1, seed: 1, loss: 1.0 }];
    assert_eq!(Comparison::of(2, &apart), None);
    assert_eq!(Comparison::of(2, &apart[..1]), None);
    assert_eq!(Comparison::of(1, &apart), None);
    let zero = Observation { model: 0, seed: 0, loss: 0.0 };
    assert_eq!(Comparison::of(1, &[zero]), None);
}

#[test]
fn a_bound_is_the_t_interval_of_a_difference() {
    // Two models with three seeds each: the paired t-interval. Differences of logarithms 0.1, 0.3, 0.2: mean 0.2,
    // standard deviation 0.1; the quantile 0.95 of Student's t with 2 degrees of freedom is 2.919986.
    let losses = [(0, 0, 0.0), (0, 1, 0.4), (0, 2, -0.1), (1, 0, 0.1), (1, 1, 0.7), (1, 2, 0.1)];
    let observations =
        losses.map(|(model, seed, log): (usize, u64, f64)| Observation { model, seed, loss: log.exp() });
    let comparison = Comparison::of(2, &observations).unwrap();
    assert_eq!(comparison.freedom, 2);
    let bound = f64::exp(0.2 - 2.919986 * 0.1 / 3f64.sqrt()) - 1.0;
    assert!((comparison.excess_at_least(1, 0).unwrap() - bound).abs() < 1e-6);
    assert!((comparison.scatter.unwrap() - 0.1 / 2f64.sqrt()).abs() < 1e-9);
}

/// Searches with known losses: how often the best candidate is among those that can't be told from the chosen one, and
/// how many candidates these are.
#[test]
fn the_best_candidate_is_seldom_called_worse() {
    let mut search = search(preset("convnet"), 8.0, 4);
    let first = search.first_round().unwrap();
    let mut shares = Vec::new();
    for (scatter, more_seeds) in [(0.03, 1), (0.03, 3), (0.003, 2)] {
        search.more_seeds = more_seeds;
        let (mut kept, mut close) = (0, 0);
        let repetitions = 100;
        for repetition in 0..repetitions {
            let mut random = ChaCha8Rng::seed_from_u64(repetition);
            let truth: Vec<f64> = first.iter().map(|_| 0.05 * normal(&mut random)).collect();
            let seeds: Vec<f64> = search.all_seeds().iter().map(|_| 0.1 * normal(&mut random)).collect();
            let mut trained = |run: &Variant| {
                let stem = |key: &str| key.rsplit_once('-').unwrap().0.to_string();
                let model = first.iter().position(|known| stem(&known.key) == stem(&run.key)).unwrap();
                let log = truth[model] + seeds[run.seed as usize] + scatter * normal(&mut random);
                record(run, log.exp())
            };
            let mut records: Vec<Record> = first.iter().map(&mut trained).collect();
            let second = search.second_round(&records).unwrap();
            records.extend(second.iter().map(&mut trained));
            let ranking = Ranking::of(&search, &records).unwrap().unwrap();
            assert_eq!(ranking.candidates.len(), first.len());
            let best = (0..truth.len()).min_by(|&a, &b| truth[a].total_cmp(&truth[b])).unwrap();
            let best = first[best].key.rsplit_once('-').unwrap().0;
            let like_best = || ranking.candidates.iter().filter(|candidate| !candidate.is_worse());
            kept += usize::from(like_best().any(|candidate| candidate.name == best));
            close += like_best().count();
        }
        assert!(kept >= 93, "scatter {scatter}, {more_seeds} more seeds: {kept} of {repetitions}");
        shares.push(close as f64 / (repetitions as usize * first.len()) as f64);
    }
    // More seeds, and less scatter, tell more candidates from the best.
    assert!(shares[0] > shares[1] && shares[1] > shares[2] && shares[2] < 0.2, "{shares:?}");
}

#[test]
fn an_answer_is_for_one_kind_of_model() {
    let search = search(preset("convnet"), 8.0, 2);
    let records: Vec<Record> = (1..)
        .zip(search.first_round().unwrap())
        .map(|(number, run)| record(&run, f64::from(number)))
        .collect();
    let answer = Answer::new(&search, Ranking::of(&search, &records).unwrap().unwrap());
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("compound.toml");
    answer.write(&file).unwrap();
    let read = Answer::load(&file).unwrap();
    assert_eq!(read, answer);
    assert_eq!(numbers(read.compound), [2.0, 1.0, 1.0]);
    assert!(read.sentences().iter().any(|sentence| sentence.contains("one seed")));

    let path = Path::new("found/compound.toml");
    for alike in [preset("convnet"), preset("convnet").with_input(32, 3).with_outputs(100)] {
        assert_eq!(read.coefficients_for(&alike, path).unwrap(), read.compound);
    }
    let mut deeper = preset("convnet");
    deeper.stages[0].depth += 1;
    for (other, what) in [(preset("mobilenet"), "mobilenet"), (deeper, "other layers")] {
        let said = read.coefficients_for(&other, path).unwrap_err().to_string();
        for words in ["found/compound.toml", what, "search-compound", "--compound 2,1,1"] {
            assert!(said.contains(words), "{words} in {said}");
        }
    }
}

#[test]
fn a_directory_belongs_to_one_search_that_may_grow() {
    let place = tempfile::tempdir().unwrap();
    let search = search(preset("convnet"), 4.0, 2);
    drop(SearchStore::open(place.path(), &search).unwrap());
    let text = std::fs::read_to_string(place.path().join("search.toml")).unwrap();
    assert_eq!(CompoundSearch::from_toml(&text).unwrap(), search);
    let more = CompoundSearch { best: 4, more_seeds: 3, ..search.clone() };
    drop(SearchStore::open(place.path(), &more).unwrap());
    let said = SearchStore::open(place.path(), &search).unwrap_err().to_string();
    assert!(said.contains("different: best, more_seeds"), "{said}");
    let mut other = more.clone();
    other.plan.config.learning_rate = 0.5;
    let said = SearchStore::open(place.path(), &other).unwrap_err().to_string();
    assert!(said.contains("learning_rate") && said.contains("another directory"), "{said}");
}
