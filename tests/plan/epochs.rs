//! Trainings of several epochs: how often samples are worth seeing, and what is trusted beyond the runs.

use crate::synthetic::{SAMPLES, Synthetic, law, plan, records, timing};
use allometry::laws::repetition::worth;
use allometry::models::Scale;
use allometry::planner::Limit;
use allometry::planner::grid::for_plan;
use allometry::planner::search::{Rules, search};
use allometry::sweep::{CurvePoint, Plan, Record};
use allometry::train::TrainConfig;

/// R* of the records.
const REPEATS: f64 = 5.0;

/// A sweep of a finite set that saw its samples once, four and sixteen times.
fn plan_of_epochs() -> Plan {
    Plan {
        samples: vec![1000, 4000, 16_000],
        epochs: vec![1, 4, 16],
        most_seen: Some(16_000),
        ..plan(&SAMPLES)
    }
}

/// Its records, where repeated samples lose their worth.
fn repeated(plan: &Plan) -> Vec<Record> {
    let of = |record: Record| {
        let epochs = record.config.epochs as f64;
        let amount = record.cost.train_samples as f64 * worth(epochs, REPEATS);
        let mut edited = record.clone();
        edited.cost.samples_seen = record.cost.train_samples * record.config.epochs as u64;
        edited.cost.training_flops = record.cost.training_flops * epochs;
        edited.quality_mut().unwrap().validation_loss = Some(law(record.cost.macs as f64, amount));
        edited
    };
    records(plan).into_iter().map(of).collect()
}

#[test]
fn the_worth_of_repetition_is_measured_and_used() {
    let plan = plan_of_epochs();
    let sweep = Synthetic::of(plan.clone(), &repeated(&plan));
    let evidence = &sweep.fields[0].evidence;
    assert!(evidence.repetition.is_measured());
    for (distinct, passes) in [(16_000.0, 1.0), (16_000.0, 8.0), (4000.0, 16.0)] {
        let expected = law(1e6, distinct * worth(passes, REPEATS));
        let found = evidence.loss(1e6, distinct, passes).median();
        assert!((found / expected - 1.0).abs() < 0.03, "{found} for {expected}");
    }
    let rules = Rules { available: Some(16_000), ..sweep.rules("1e12flops") };
    let found = sweep.search(&rules);
    let best = &found.choices[0];
    assert!(best.epochs > 1 && best.samples <= 16_000, "{best:?}");
    assert!(best.flops <= 1e12 && best.flops > 0.95e12, "{best:?}");
    // The base model, as often as it fits.
    let base = found.base.unwrap();
    let model = sweep.model(&base);
    assert_eq!(model.scale, Scale::BASE);
    let epoch = 6.0 * model.macs as f64 * 16_000.0;
    assert!(base.flops <= 1e12 && base.flops + epoch > 1e12, "{base:?}");
    assert!(best.upper <= base.upper, "{best:?}, {base:?}");
    // A shorter training reaches a higher target.
    let target = 1.1 * best.loss;
    let cheap = sweep.search(&Rules { target_loss: Some(target), ..rules.clone() }).choices[0];
    assert!(cheap.loss <= target && cheap.loss > 0.97 * target && cheap.flops < best.flops, "{cheap:?}");
}

#[test]
fn a_measured_turn_bounds_the_epochs() {
    let plan = plan_of_epochs();
    let mut runs = repeated(&plan);
    let free = Synthetic::of(plan.clone(), &runs);
    let longest = free.search(&Rules { available: Some(1000), ..free.rules("1e12flops") });
    assert!(!longest.limits.contains(&Limit::Overfitting), "{:?}", longest.limits);
    assert!(longest.choices[0].epochs > 3, "{:?}", longest.choices[0]);
    // The smallest model turns after three epochs of a thousand samples.
    let turned = runs.iter_mut().filter(|run| run.config.epochs == 16 && run.cost.train_samples == 1000);
    let smallest = turned.min_by_key(|run| run.cost.macs).unwrap();
    let point = |(epoch, loss): (u64, f64)| CurvePoint {
        samples_seen: 1000 * epoch,
        validation_loss: loss,
        validation_accuracy: None,
        seconds: epoch as f64,
    };
    smallest.quality_mut().unwrap().curve =
        [(1, 0.9), (2, 0.7), (3, 0.6), (4, 0.63), (16, 0.75)].map(point).to_vec();
    let smallest_macs = smallest.cost.macs as f64;
    let sweep = Synthetic::of(plan, &runs);
    let of = |distinct| sweep.fields[0].evidence.most_passes(1e6, distinct);
    assert_eq!([of(500.0), of(1000.0), of(4000.0)], [Some(3.0), Some(3.0), Some(12.0)]);
    // Half of the smallest model: twice as often.
    let half = 0.5 * smallest_macs;
    assert_eq!(sweep.fields[0].evidence.most_passes(half, 1000.0), Some(6.0));
    let found = sweep.search(&Rules { available: Some(1000), ..sweep.rules("1e12flops") });
    let best = &found.choices[0];
    assert!(found.limits.contains(&Limit::Overfitting) && best.epochs <= 3, "{best:?}");
    let base = found.base.unwrap();
    assert!(base.epochs > 3, "the base model is trained for the whole budget all the same");
    let at_turn = sweep.fields[0].evidence.loss(sweep.model(&base).macs as f64, base.distinct, 3.0).median();
    assert!((base.loss / at_turn - 1.0).abs() < 2e-3, "no less is expected of it than at the turn: {base:?}");
}

#[test]
fn a_larger_model_that_settled_takes_a_turn_back() {
    let plan = plan_of_epochs();
    let mut runs = repeated(&plan);
    let mut by_size: Vec<&mut Record> =
        runs.iter_mut().filter(|run| run.config.epochs == 16 && run.cost.train_samples == 1000).collect();
    by_size.sort_by_key(|run| run.cost.macs);
    let curve = |losses: [f64; 5]| -> Vec<CurvePoint> {
        let point = |(epoch, loss): (u64, f64)| CurvePoint {
            samples_seen: 1000 * epoch,
            validation_loss: loss,
            validation_accuracy: None,
            seconds: epoch as f64,
        };
        [1, 2, 3, 4, 16].into_iter().zip(losses).map(point).collect()
    };
    by_size[0].quality_mut().unwrap().curve = curve([0.9, 0.7, 0.6, 0.63, 0.75]);
    by_size[2].quality_mut().unwrap().curve = curve([0.9, 0.7, 0.6, 0.59, 0.55]);
    let (second, third) = (by_size[1].cost.macs as f64, by_size[2].cost.macs as f64);
    let sweep = Synthetic::of(plan, &runs);
    let of = |macs: f64| sweep.fields[0].evidence.most_passes(macs, 1000.0);
    assert_eq!([of(second), of(third)], [Some(3.0), None]);
}

/// A sweep to plan from, of 16,000 samples.
fn plan_of_budgets() -> Plan {
    let once = plan(&[]);
    let config = TrainConfig { epochs: 4, ..once.config };
    for_plan(Plan { config, ..once }, 16_000, false).unwrap()
}

#[test]
fn budgets_on_the_whole_set_give_a_law_in_samples_seen() {
    let plan = plan_of_budgets();
    // Repeated samples are worth as much as new ones here: what a language model's prior would not say.
    let of = |record: Record| {
        let seen = record.cost.train_samples * record.config.epochs as u64;
        let mut edited = record.clone();
        edited.cost.samples_seen = seen;
        edited.cost.training_flops = 6.0 * record.cost.macs as f64 * seen as f64;
        edited.quality_mut().unwrap().validation_loss = Some(law(record.cost.macs as f64, seen as f64));
        edited
    };
    let runs: Vec<Record> = records(&plan).into_iter().map(of).collect();
    let sweep = Synthetic::of(plan, &runs);
    let evidence = &sweep.fields[0].evidence;
    let most = runs.iter().map(|run| run.config.epochs).max().unwrap();
    assert!(evidence.includes_repetition());
    assert_eq!(evidence.passes_seen(0.0), most as f64);
    // Only runs of models as large count, because larger models over-fit sooner.
    let largest = runs.iter().max_by_key(|run| run.cost.macs).unwrap();
    assert_eq!(evidence.passes_seen(largest.cost.macs as f64), largest.config.epochs as f64);
    assert!(largest.config.epochs < most && evidence.passes_seen(2.0 * largest.cost.macs as f64) == 1.0);
    for (macs, passes) in [(2e5, 40.0), (6e5, 4.0), (6e5, 20.0)] {
        let (found, expected) =
            (evidence.loss(macs, 16_000.0, passes).median(), law(macs, 16_000.0 * passes));
        assert!((found / expected - 1.0).abs() < 0.03, "{macs}, {passes}: {found} for {expected}");
    }
    // The compute-optimal model of the law: minimum of A·M^-α + B·(C / 6·M)^-β by M.
    let budget: f64 = 1e12;
    let loss = |macs: f64| law(macs, budget / (6.0 * macs));
    let optimum = (0..400).map(|step| 1e4 * 1.02f64.powi(step)).min_by(|a, b| loss(*a).total_cmp(&loss(*b)));
    let found = sweep.search(&Rules { available: Some(16_000), ..sweep.rules("1e12flops") });
    let best = &found.choices[0];
    let regret = loss(sweep.model(best).macs as f64) / loss(optimum.unwrap()) - 1.0;
    assert!(regret < 0.02, "{best:?} is {regret} above the best");
    assert!(!found.limits.contains(&Limit::Data), "it does not tell what more samples would bring");
}

#[test]
fn all_samples_are_better_than_most_of_them_once_more() {
    let plan = plan_of_budgets();
    let of = |record: Record| {
        let (samples, epochs) = (record.cost.train_samples, record.config.epochs);
        let mut edited = record.clone();
        edited.cost.samples_seen = samples * epochs as u64;
        edited.cost.training_flops = 6.0 * record.cost.macs as f64 * edited.cost.samples_seen as f64;
        let amount = samples as f64 * worth(epochs as f64, REPEATS);
        edited.quality_mut().unwrap().validation_loss = Some(law(record.cost.macs as f64, amount));
        edited
    };
    let runs: Vec<Record> = records(&plan).into_iter().map(of).collect();
    let sweep = Synthetic::of(plan, &runs);
    let macs = sweep.fields[0].candidates.iter().find(|one| one.scale == Scale::BASE).unwrap().macs as f64;
    let base = |epochs: f64| {
        let budget = format!("{}flops", 6.0 * macs * 16_000.0 * epochs);
        let found = sweep.search(&Rules { available: Some(16_000), far: true, ..sweep.rules(&budget) });
        let base = found.base.unwrap();
        (base.samples, base.epochs)
    };
    // 15,200 samples twelve times are more samples seen, but worth less.
    assert_eq!(base(11.4), (16_000, 11));
    // Half of an epoch more is worth more than the samples that it leaves out.
    let (samples, epochs) = base(1.5);
    assert!(samples < 16_000 && epochs == 2, "{samples}, {epochs}");
}

#[test]
fn what_lies_beyond_the_runs_is_doubted() {
    let sweep = Synthetic::joint();
    let evidence = &sweep.fields[0].evidence;
    let width = |macs: f64, samples: f64| {
        let loss = evidence.loss(macs, samples, 1.0).quantity();
        (loss.high / loss.low).ln()
    };
    let inside = width(1e6, 16_000.0);
    let [near, far, both] = [width(1e6, 96_000.0), width(1e6, 4.8e5), width(3e7, 4.8e5)];
    assert!(inside < near && near < far && far < both, "{inside}, {near}, {far}, {both}");
    // What trainings are compared by is the same, up to a little.
    for (macs, samples, passes) in [(3e5, 7000.0, 1.0), (1e6, 48_000.0, 5.0), (2e7, 1e6, 1.0)] {
        let [exact, near] = [evidence.loss(macs, samples, passes), evidence.compared(macs, samples, passes)];
        assert!((near.median() / exact.median() - 1.0).abs() < 2e-3, "{exact:?}, {near:?}");
        assert!((near.cautious() / exact.cautious() - 1.0).abs() < 5e-3, "{exact:?}, {near:?}");
        assert!(exact.median() < exact.cautious() && exact.cautious() < exact.quantity().high);
    }
}

#[test]
fn the_base_model_is_left_only_for_what_is_clearly_better() {
    let sweep = Synthetic::joint();
    for budget in ["1e10flops", "1e11flops", "1e12flops", "5e12flops"] {
        let found = sweep.search(&sweep.rules(budget));
        let (best, base) = (found.choices[0], found.base.unwrap());
        let is_base = sweep.model(&best).scale == Scale::BASE;
        assert!(is_base || best.upper * 1.02 < base.upper, "{budget}: {best:?}, {base:?}");
    }
    // Where it is the best within three per cent it is what is recommended.
    let best_for_base = (1..60).map(|step| format!("{}flops", 1e11 * 1.1f64.powi(step))).find(|budget| {
        let found = sweep.search(&sweep.rules(budget));
        sweep.model(&found.choices[0]).scale == Scale::BASE
    });
    assert!(best_for_base.is_some());
}

#[test]
fn a_model_that_was_vetoed_is_not_suggested() {
    let sweep = Synthetic::new(&SAMPLES[1..]);
    let rules = sweep.rules("1e12flops");
    let best = sweep.search(&rules).choices[0];
    let mut fields = sweep.fields.clone();
    fields[0].vetoed.push(best.candidate);
    let next = search(&fields, &rules, &timing).unwrap().choices[0];
    assert_ne!(next.candidate, best.candidate);
}
