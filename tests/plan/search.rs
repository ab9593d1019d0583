//! The search for the best training that fits, over synthetic sweeps.

use crate::synthetic::{self, SAMPLES, Synthetic, law, theta, timing};
use allometry::laws::allocation::optimum;
use allometry::models::cost::predicted_peak;
use allometry::planner::Limit;
use allometry::planner::candidate::Candidate;
use allometry::planner::search::{FURTHEST, Rules, search};
use allometry::sweep::Plan;

#[test]
fn within_a_compute_budget_the_best_is_the_law_s_optimum() {
    let sweep = Synthetic::joint();
    for budget in [1e11, 1e12, 4e12] {
        let rules = sweep.rules(&format!("{budget}flops"));
        let found = sweep.search(&rules);
        let best = &found.choices[0];
        let [macs, samples] = optimum(&theta(), budget);
        let model = sweep.model(best);
        // The loss is flat there, and the base model stays where it is about as good.
        let true_loss = law(model.macs as f64, best.distinct);
        assert!(true_loss / law(macs, samples) - 1.0 < 0.04, "{best:?}");
        assert!(best.flops <= budget && best.flops > 0.99 * budget, "{best:?} of {budget}");
        assert_eq!(best.samples % 16, 0);
        assert_eq!(found.limits, [Limit::Compute]);
        assert!(found.beyond.is_none());
    }
}

#[test]
fn suggestions_are_different_models_the_best_first() {
    let sweep = Synthetic::joint();
    let found = sweep.search(&sweep.rules("1e12flops"));
    assert_eq!(found.choices.len(), 4);
    assert!(found.choices[1..].is_sorted_by(|a, b| a.upper <= b.upper), "{:?}", found.choices);
    // The first is about as good as the best.
    let [first, second] = [&found.choices[0], &found.choices[1]];
    assert!(first.upper <= 1.03 * second.upper, "{first:?}, {second:?}");
    for (place, choice) in found.choices.iter().enumerate() {
        for other in &found.choices[..place] {
            let ratio = sweep.model(choice).scale.width / sweep.model(other).scale.width;
            assert!(ratio.ln().abs() > 1.19f64.ln(), "{ratio}");
        }
    }
}

#[test]
fn time_counts_the_start_and_every_validation() {
    let sweep = Synthetic::joint();
    let found = sweep.search(&sweep.rules("60s"));
    let best = &found.choices[0];
    let macs = sweep.model(best).macs as f64;
    let seconds = 1.0 + best.samples as f64 * macs / 1e9 + 1000.0 * macs / 3e9;
    assert!((best.seconds / seconds - 1.0).abs() < 1e-12, "{} for {seconds}", best.seconds);
    // One batch more would not fit.
    assert!(best.seconds <= 60.0 && best.seconds + 16.0 * macs / 1e9 > 60.0, "{best:?}");
    assert_eq!(found.limits, [Limit::Time]);
    // Of two limits the one that binds is named.
    assert_eq!(sweep.search(&sweep.rules("60s,1e10flops")).limits, [Limit::Compute]);
    assert!(search(&sweep.fields, &sweep.rules("1s"), &timing).is_none(), "the start alone takes as long");
}

#[test]
fn a_memory_budget_binds_where_the_best_is_larger() {
    let free = Synthetic::joint();
    let step = free.plan.config;
    let peak = |model: &Candidate| predicted_peak(&model.architecture, &step).unwrap().total();
    let unbounded = free.search(&free.rules("4e12flops"));
    let memory = peak(free.model(&unbounded.choices[0])) / 2;

    let sweep = free.with_memory(memory);
    let found = sweep.search(&sweep.rules("4e12flops"));
    let model = sweep.model(&found.choices[0]);
    assert!(peak(model) <= memory, "{} of {memory}", peak(model));
    // It is as good as the largest that fits, and not larger.
    let largest = &sweep.fields[0].candidates[sweep.fields[0].fitting];
    assert!(peak(largest) > memory && model.macs > largest.macs / 2, "{} of {memory}", peak(largest));
    assert_eq!(found.limits, [Limit::Compute, Limit::Memory]);
}

#[test]
fn a_finite_set_of_samples_binds() {
    let sweep = Synthetic::joint();
    let free = sweep.search(&sweep.rules("1e12flops"));
    let available = free.choices[0].samples / 3;
    let rules = Rules { available: Some(available), ..sweep.rules("1e12flops") };
    let found = sweep.search(&rules);
    let best = &found.choices[0];
    // All of them or nearly, and as often as the budget allows.
    assert!(best.samples <= available && best.samples as f64 > 0.6 * available as f64, "{best:?}");
    assert!(best.epochs > 1 && (best.passes - best.epochs as f64).abs() < 0.1, "{best:?}");
    assert!(best.flops <= 1e12 && best.flops > 0.97 * 1e12, "the whole budget is used: {best:?}");
    assert_eq!(found.limits, [Limit::Compute, Limit::Data]);
    // Seen again, samples are worth a little less than new ones.
    let new = free.choices[0];
    assert!(best.loss > new.loss && best.loss < 1.05 * new.loss, "{} beside {}", best.loss, new.loss);
}

#[test]
fn samples_that_were_not_varied_stay() {
    let sweep = Synthetic::new(&[]);
    let evidence = &sweep.fields[0].evidence;
    assert_eq!(evidence.fixed_samples, Some(10_000));
    let found = sweep.search(&sweep.rules("1e11flops"));
    let best = &found.choices[0];
    assert_eq!(best.samples, 10_000);
    // As often as the budget allows: once more would not fit.
    let epoch = best.flops / best.epochs as f64;
    assert!(best.flops <= 1e11 && best.flops + epoch > 1e11, "{best:?}");
    assert!(best.epochs > 1, "the law says nothing of more data, and still they help: {best:?}");
    assert_eq!(found.limits, [Limit::Compute, Limit::Data]);
    assert!(search(&sweep.fields, &sweep.rules("1e6flops"), &timing).is_none());
}

#[test]
fn a_target_is_reached_at_the_least_cost() {
    let sweep = Synthetic::joint();
    // The least compute that comes to the loss of an optimum is that optimum's.
    let compute = 1e12;
    let [macs, samples] = optimum(&theta(), compute);
    let target = law(macs, samples);
    let rules = Rules { target_loss: Some(target), ..sweep.rules("5e12flops") };
    let best = sweep.search(&rules).choices[0];
    assert!(best.loss <= target, "{best:?}");
    assert!((best.flops / compute).ln().abs() < 0.3, "{}", best.flops);

    // With a budget of time, time is what is saved; here it goes with compute, up to validation.
    let timed = Rules { target_loss: Some(target), ..sweep.rules("1h") };
    let best = sweep.search(&timed).choices[0];
    assert!(best.loss <= target && best.flops < 1.2 * compute, "{best:?}");
    let impossible = Rules { target_loss: Some(0.2), ..sweep.rules("1h") };
    assert!(search(&sweep.fields, &impossible, &timing).is_none(), "0.2 is irreducible");
}

#[test]
fn the_law_is_trusted_up_to_thirty_times_the_compute() {
    let sweep = Synthetic::joint();
    let largest = sweep.fields[0].evidence.flops;
    let within = sweep.search(&sweep.rules(&format!("{}flops", 0.99 * FURTHEST * largest)));
    assert!(within.beyond.is_none());

    // Neither limit alone keeps it from being better.
    let both = sweep.search(&sweep.rules(&format!("{}flops", FURTHEST * largest)));
    assert_eq!(both.limits, [Limit::Compute, Limit::Extrapolation]);
    let budget = format!("{}flops", 100.0 * largest);
    let found = sweep.search(&sweep.rules(&budget));
    assert!(found.choices[0].flops <= FURTHEST * largest);
    assert_eq!(found.limits, [Limit::Extrapolation]);
    let beyond = found.beyond.expect("more compute is better");
    assert!((beyond.flops / largest - 100.0).abs() < 1.0, "{}", beyond.flops / largest);

    let far = Rules { far: true, ..sweep.rules(&budget) };
    let found = sweep.search(&far);
    assert!((found.choices[0].flops / largest - 100.0).abs() < 1.0);
    assert_eq!((found.limits, found.beyond.is_none()), (vec![Limit::Compute], true));
}

#[test]
fn an_axis_whose_runs_do_not_identify_its_law_is_left_out() {
    for (factors, samples, words) in [
        // Two models, models over a factor of less than four, and two numbers of samples.
        (vec![0.5, 2.0], &SAMPLES[..], "MACs has only 2 different values"),
        (vec![1.0, 1.2, 1.4, 1.6], &SAMPLES, "MACs spans only a factor of"),
        (vec![0.25, 0.5, 1.0, 2.0], &SAMPLES[1..3], "samples spans only a factor of 3.33"),
    ] {
        let plan = Plan { factors, ..synthetic::plan(samples) };
        let (evidence, left_out) = synthetic::laws(&plan);
        assert!(evidence.is_empty(), "{words}");
        assert!(left_out[0].reason.contains(words), "{}", left_out[0].reason);
    }
}
