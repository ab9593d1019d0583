//! What `check` says.

use crate::design::{Design, Fault, make};
use allometry::models::Architecture;
use allometry::planner::soundness::{Asked, RunSource, Verdict, check};
use allometry::sweep::Plan;
use allometry::train::{OptimizerName, TrainConfig};

fn verdict(design: Design, fault: Fault) -> Verdict {
    check(&make(design, 3, fault).sweep, &Asked::default())
}

/// The finding of a check, which has to be there.
fn says(verdict: &Verdict, check: &str, words: &[&str]) {
    let found = verdict.findings.iter().find(|finding| finding.check == check);
    let fault = &found.unwrap_or_else(|| panic!("no {check} in {verdict:?}")).fault;
    let all =
        format!("{}. {}. {}: {}", fault.problem, fault.consequence, fault.hint.what, fault.hint.command);
    for word in words {
        assert!(all.contains(word), "{word:?} in {all}");
    }
    assert!(fault.matters && !verdict.sound && verdict.verdict.contains(&fault.fault), "{verdict:?}");
}

#[test]
fn each_fault_has_its_values_what_it_changes_and_a_hint() {
    let single = |fault| verdict(Design::Single, fault);
    says(
        &single(Fault::Narrow(3.0)),
        "range of sizes",
        &["span a factor of 3", "needs a factor of 8", "add runs of N down to"],
    );
    says(
        &single(Fault::Outlier(60.0)),
        "outliers",
        &["row ", "what the other runs predict", "without it", "leave it out"],
    );
    let few = ["scatter by", "known to ±"];
    says(&single(Fault::FewSeeds(0.1)), "number of seeds", &[&few[..], &["other seeds"]].concat());
    // What would take very many seeds, smaller sizes do.
    says(&single(Fault::FewSeeds(0.4)), "number of seeds", &[&few[..], &["add runs of N down to"]].concat());
    let curves = |fault| verdict(Design::Curves, fault);
    says(&curves(Fault::Unconverged(0.3)), "convergence", &["still falling", "less loss", "twice as long"]);
    says(
        &curves(Fault::Overfitted(0.3)),
        "over-fitting",
        &["rose before the end", "less loss", "where the loss is least"],
    );
    let rates = |fault| verdict(Design::Rates, fault);
    says(
        &rates(Fault::RateAtEdge(3.0)),
        "learning rates",
        &["of those tried", "a better rate", "add runs at learning rates"],
    );
    says(
        &rates(Fault::RateDrifts(5.0)),
        "learning rates",
        &["to the power of", "one rate for all", "best rate"],
    );
    let collinear = verdict(Design::Grid, Fault::Collinear(100.0));
    says(&collinear, "two sizes apart", &["grow with N", "0.99", "times as wide", "with few D"]);
    let edge = verdict(Design::Profiles, Fault::Edge(1.5));
    says(
        &edge,
        "isoFLOP minima",
        &["budgets is not well inside", "no budget remains to show", "loss rises on both sides"],
    );
    assert!(
        edge.findings[0].fault.hint.command.starts_with("allometry check runs.csv --x N --x2 D --y loss")
    );
}

/// A sweep of this plan and directory whose runs over-fit: the command of the remark.
fn command_for_overfitted(plan: &Plan, directory: &str) -> String {
    let mut sweep = make(Design::Curves, 3, Fault::Overfitted(0.3)).sweep;
    sweep.source = RunSource::Directory { path: directory.into(), plan: Box::new(plan.clone()) };
    let verdict = check(&sweep, &Asked::default());
    let finding = verdict.findings.into_iter().find(|finding| finding.check == "over-fitting");
    finding.expect("the runs over-fit").fault.hint.command
}

#[test]
fn the_command_against_overfitting_changes_the_runs() {
    let mut plan = Plan {
        config: TrainConfig { epochs: 8, ..TrainConfig::default() },
        ..Plan::new("glyphs", Architecture::preset("convnet").unwrap())
    };
    let command = command_for_overfitted(&plan, "out/sweep-8-epochs/");
    let epochs = |command: &str| -> usize {
        let (_, rest) = command.split_once("--epochs ").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    let fewer = epochs(&command);
    assert!(
        (1..8).contains(&fewer) && command.ends_with(&format!("--out out/sweep-{fewer}-epochs")),
        "{command}"
    );
    // One of several numbers of epochs that the sweep has, a single epoch, and budgets that determine the number.
    let several = Plan { epochs: vec![8, fewer], ..plan.clone() };
    let single = Plan { config: TrainConfig { epochs: 1, ..plan.config }, ..plan.clone() };
    let budgets = Plan { flops: vec![1e9, 1e10], whole_set: Some(1000), ..plan.clone() };
    for plan in [several, single, budgets.clone()] {
        let command = command_for_overfitted(&plan, "sweep");
        let changed = "--optimizer adamw --weight-decay 0.05";
        assert!(command.contains(changed) && command.ends_with("--out sweep-weight-decay-0.05"), "{command}");
    }
    plan = budgets;
    plan.config.optimizer = OptimizerName::AdamW;
    plan.config.weight_decay = Some(0.05);
    let command = command_for_overfitted(&plan, "sweep-weight-decay-0.05");
    assert!(command.ends_with("--weight-decay 0.15 --whole-set --out sweep-weight-decay-0.15"), "{command}");
}

#[test]
fn a_sound_sweep_says_what_was_not_judged() {
    let sound = verdict(Design::Curves, Fault::None);
    assert!(sound.sound && sound.verdict.starts_with("Sound: "), "{sound:?}");
    let unknown: Vec<&str> = sound.unknown.iter().map(|unknown| unknown.check).collect();
    assert_eq!(unknown, ["learning rates"]);
    assert!(sound.verdict.ends_with("not checked: learning rates."));
}

#[test]
fn what_is_asked_decides_what_is_wide_enough() {
    let made = make(Design::Single, 3, Fault::Narrow(9.0));
    let at = |reach: f64| check(&made.sweep, &Asked { reach });
    assert!(at(4.0).sound, "{:?}", at(4.0));
    assert!(at(100.0).findings.iter().any(|finding| finding.check == "range of sizes"));
}

#[test]
fn few_runs_are_no_error() {
    let mut made = make(Design::Grid, 3, Fault::None);
    for left in [5, 1, 0] {
        made.sweep.series[0].runs.truncate(left);
        assert!(!check(&made.sweep, &Asked::default()).sound, "{left} runs");
    }
}
