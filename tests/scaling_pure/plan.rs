//! Plans: which models they train, on how much data, and what they refuse.

use crate::synthetic::{plan, preset, records};
use allometry::data::{self, DataOptions, Missing, Normalize, TableOptions, Targets, Task};
use allometry::models::Axis;
use allometry::models::architecture::Output;
use allometry::models::cost::Cost;
use allometry::optim::DecayExempt;
use allometry::planner::grid::for_plan;
use allometry::sweep::Plan;
use allometry::tables::{Decimal, Header};
use allometry::train::TrainConfig;
use std::collections::HashSet;
use std::fs;

#[test]
fn guessing_has_a_loss_where_there_are_classes() {
    let of = |name: &str| plan(preset(name), &[Axis::Width]);
    let convnet = of("convnet");
    let Targets::Classes(classes) = convnet.architecture.targets() else { panic!("convnet has classes") };
    assert_eq!(convnet.loss_of_guessing(), Some((classes as f64).ln()));
    let mut numbers = of("keras-dense");
    numbers.architecture.output = Output::Values(1);
    assert_eq!(numbers.loss_of_guessing(), None);
}

#[test]
fn a_plan_trains_each_model_once_and_shows_it_on_every_axis() {
    let plan = plan(preset("convnet"), &Axis::ALL);
    let variants = plan.variants().unwrap();
    assert_eq!(variants.len(), 2 * 9);
    let keys: HashSet<&str> = variants.iter().map(|v| v.key.as_str()).collect();
    assert_eq!(keys.len(), variants.len());
    for key in ["base-s0", "base-s7", "depth-0.5-s0", "compound-2-s7"] {
        assert!(keys.contains(key), "{key}");
    }
    let base = variants.iter().find(|v| v.key == "base-s0").unwrap();
    assert_eq!(base.also.iter().map(|place| place.axis).collect::<Vec<_>>(), Axis::ALL[1..]);
    assert!(variants[..9].iter().all(|v| v.seed == 0), "the first seed comes first");
    let on_width = records(&plan).into_iter().filter(|r| r.factor_on(Axis::Width).is_some()).count();
    assert_eq!(on_width, 2 * 3);
}

#[test]
fn models_that_rounding_makes_equal_are_trained_once() {
    // One dense layer a stage cannot be halved: depth 0.5 is the base model.
    let variants = plan(preset("keras-dense"), &[Axis::Depth]).variants().unwrap();
    assert_eq!(
        variants.iter().map(|v| v.key.as_str()).collect::<Vec<_>>(),
        ["base-s0", "depth-2-s0", "base-s7", "depth-2-s7"]
    );
    assert_eq!(variants[0].also[0].factor, 0.5);
}

#[test]
fn plans_survive_toml_and_are_checked() {
    let good = plan(preset("convnet"), &Axis::ALL);
    assert_eq!(Plan::from_toml(&good.to_toml().unwrap()).unwrap(), good);
    assert!(!good.to_toml().unwrap().contains("[table]"), "as before there were options of tables");
    let table = TableOptions {
        task: Task::Classification,
        missing: Missing::Mean,
        categorical: vec!["a, b".into()],
        delimiter: Some('\t'),
        decimal: Some(Decimal::Comma),
        header: Header::Absent,
        validation: Some("other.csv".into()),
        ..TableOptions::default()
    };
    let tables = Plan { table, ..good.clone() };
    assert_eq!(Plan::from_toml(&tables.to_toml().unwrap()).unwrap(), tables);
    let fields = ["task", "missing", "categorical", "delimiter", "decimal", "header", "validation"];
    assert_eq!(tables.differences(&good), fields);
    let refused = |plan: Plan, reason: &str| {
        let message = plan.validate().unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    };
    refused(Plan { factors: vec![1.0, 1.0], ..good.clone() }, "factor 1 is listed twice");
    for too_large in [
        Plan { seeds: vec![0, u64::MAX], ..good.clone() },
        Plan { samples: vec![1 << 63], ..good.clone() },
        Plan { epochs: vec![1 << 63], ..good.clone() },
        Plan { most_seen: Some(1 << 63), ..good.clone() },
    ] {
        refused(too_large, "is more than 9223372036854775807, the largest that a plan can hold");
    }
    refused(Plan { seeds: vec![], ..good.clone() }, "list of seeds is empty");
    refused(Plan { factors: vec![-2.0], ..good.clone() }, "factor is -2");
    refused(
        Plan { config: TrainConfig { batch: 0, ..TrainConfig::default() }, ..good.clone() },
        "at least 1",
    );
    refused(plan(preset("keras-dense"), &[Axis::Resolution]), "no resolution");
}

/// The plan's runs as `key: samples`.
fn amounts(plan: &Plan) -> Vec<String> {
    let variants = plan.variants().unwrap();
    variants.iter().map(|v| format!("{}: {}", v.key, v.train_samples.unwrap_or_default())).collect()
}

#[test]
fn each_model_is_trained_on_each_number_of_samples() {
    let plan = Plan { samples: vec![4000, 1000], ..plan(preset("mlp"), &[Axis::Width]) };
    let coarse = [
        "base-n4000-s0: 4000",
        "width-0.5-n4000-s0: 4000",
        "width-2-n4000-s0: 4000",
        "base-n1000-s0: 1000",
        "width-0.5-n1000-s0: 1000",
        "width-2-n1000-s0: 1000",
    ];
    assert_eq!(amounts(&plan)[..6], coarse, "all models with one amount before any with the next");
    assert_eq!(amounts(&plan)[6..], coarse.map(|run| run.replace("s0", "s7")));
    assert_eq!(plan.most_samples().unwrap(), Some(4000));
    assert!(plan.variants().unwrap().iter().all(|variant| variant.flops.is_none()));
    let scheduled = Plan { samples: Vec::new(), ..plan.clone() };
    assert_eq!((amounts(&scheduled)[0].as_str(), scheduled.most_samples().unwrap()), ("base-s0: 0", None));
    assert_eq!(Plan::from_toml(&plan.to_toml().unwrap()).unwrap(), plan);
    assert_eq!(plan.differences(&scheduled), ["samples"]);
    let single = TrainConfig { samples: Some(10), batch: 8, ..scheduled.config };
    assert_eq!(plan.differences(&Plan { config: single, ..scheduled.clone() }), ["samples", "batch"]);
    assert!(!scheduled.to_toml().unwrap().contains("samples"), "older plan files say nothing of it");
}

#[test]
fn each_model_is_trained_for_each_number_of_epochs() {
    let once = TrainConfig { epochs: 1, ..TrainConfig::default() };
    let base = Plan { config: once, seeds: vec![0], ..plan(preset("mlp"), &[Axis::Width]) };
    let runs = |plan: &Plan| -> Vec<(String, usize)> {
        plan.variants().unwrap().into_iter().map(|run| (run.key, run.epochs)).collect()
    };
    assert_eq!(runs(&base)[0], ("base-s0".to_string(), 1), "one number of epochs is in no key");
    let plan = Plan { epochs: vec![1, 4], ..base.clone() };
    let named = ["base-e1-s0", "width-0.5-e1-s0", "width-2-e1-s0", "base-e4-s0"];
    assert_eq!(runs(&plan).len(), 6);
    for (run, (key, epochs)) in named.into_iter().zip([1, 1, 1, 4]).zip(runs(&plan)) {
        assert_eq!(run, (key.as_str(), epochs));
    }
    assert_eq!(plan.variants().unwrap()[3].config(&plan).epochs, 4);
    assert_eq!(Plan::from_toml(&plan.to_toml().unwrap()).unwrap(), plan);
    assert_eq!(plan.differences(&base), ["epochs"]);
    assert!(!base.to_toml().unwrap().contains("epochs = ["), "older plan files say nothing of it");

    // No more samples than so many, repeats counted.
    let capped =
        Plan { samples: vec![100, 400], epochs: vec![1, 2, 4], most_seen: Some(400), ..base.clone() };
    let of_base: Vec<(String, usize)> =
        runs(&capped).into_iter().filter(|(key, _)| key.starts_with("base")).collect();
    let keys = ["base-n100-e1-s0", "base-n400-e1-s0", "base-n100-e2-s0", "base-n100-e4-s0"];
    assert_eq!(of_base.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), keys);
    assert_eq!(Plan::from_toml(&capped.to_toml().unwrap()).unwrap(), capped);

    // A budget of compute buys fewer samples, the more often they are seen.
    let paid = Plan { flops: vec![1e11], epochs: vec![1, 2], ..base.clone() }.variants().unwrap();
    let samples = |key: &str| paid.iter().find(|run| run.key == key).unwrap().train_samples.unwrap();
    let [one, two] = ["base-c1e11-e1-s0", "base-c1e11-e2-s0"].map(samples);
    assert!(one.abs_diff(2 * two) <= 64, "{one} samples once, {two} twice");

    let refused = |epochs: Vec<usize>| Plan { epochs, ..base.clone() }.validate().unwrap_err().to_string();
    assert!(refused(vec![1, 0]).contains("at least 1"));
    assert!(refused(vec![2, 1, 2]).contains("2 epochs are listed twice"));
}

#[test]
fn a_sweep_to_plan_from_spends_each_budget_on_every_model() {
    let config = TrainConfig { epochs: 4, ..TrainConfig::default() };
    let base = Plan { seeds: vec![0], config, ..plan(preset("mlp"), &[Axis::Width]) };
    let base = Plan { factors: vec![0.25, 0.5, 1.0, 2.0], ..base };
    let plan = for_plan(base.clone(), 6400, false).unwrap();
    plan.validate().unwrap();
    assert_eq!(Plan::from_toml(&plan.to_toml().unwrap()).unwrap(), plan);
    assert_eq!(plan.differences(&Plan { whole_set: None, ..plan.clone() }), ["whole_set"]);
    let runs = plan.variants().unwrap();
    let of = |factor: f64| -> Vec<(usize, usize)> {
        let runs = runs.iter().filter(|run| run.factor == factor);
        runs.map(|run| (run.train_samples.unwrap(), run.epochs)).collect()
    };
    // A quarter of an epoch, one, and four.
    assert_eq!(of(1.0), [(1600, 1), (6400, 1), (6400, 4)]);
    // 668,672 MACs at factor 1, 268,800 at a half, 118,016 at a quarter: 2.5 and 5.7 times as often. 1,861,632 at 2,
    // where the smallest budget pays for eight steps, too few.
    assert_eq!(of(0.5), [(3968, 1), (6400, 2), (6400, 11)]);
    assert_eq!(of(0.25), [(6400, 1), (6400, 6), (6400, 25)]);
    assert_eq!(of(2.0), [(2240, 1), (6400, 1)]);
    for run in &runs {
        let spent = 6.0
            * Cost::of(&run.architecture).unwrap().macs as f64
            * (run.train_samples.unwrap() * run.epochs) as f64;
        let part = spent / run.flops.unwrap();
        // A budget for less than two epochs may leave half an epoch.
        assert!(part < 1.0 / 0.9 && part > 0.5, "{}: {part} of its budget", run.key);
    }

    // Epochs counted by other samples than there are: the budgets are theirs, the set is whole.
    let config = TrainConfig { samples: Some(1600), ..base.config };
    let smaller = for_plan(Plan { config, ..base.clone() }, 6400, false).unwrap();
    assert_eq!(smaller.flops, plan.flops.iter().map(|budget| budget / 4.0).collect::<Vec<f64>>());
    assert_eq!((smaller.whole_set, smaller.config.samples), (Some(6400), None));
    // New samples without end are not repeated.
    let drawn = for_plan(base.clone(), 6400, true).unwrap();
    assert!(drawn.variants().unwrap().iter().all(|run| run.epochs == 1));
    assert_eq!(drawn.whole_set, None);

    let refused = |plan: Plan| for_plan(plan, 6400, false).unwrap_err().to_string();
    assert!(
        refused(Plan { samples: vec![100, 200], ..base.clone() }).contains("2 numbers of samples are given")
    );
    assert!(refused(Plan { epochs: vec![1, 2, 3], ..base }).contains("3 numbers of epochs are given"));
}

#[test]
fn a_compute_budget_buys_whole_batches() {
    let config = TrainConfig { epochs: 3, batch: 64, ..TrainConfig::default() };
    let axes = plan(preset("mlp"), &[Axis::Width]);
    let plan = Plan { flops: vec![1.5e11, 1e3], config, ..axes };
    let variants = plan.variants().unwrap();
    assert_eq!(
        variants[..6].iter().map(|v| v.key.as_str()).collect::<Vec<_>>(),
        [
            "base-c1.5e11-s0",
            "width-0.5-c1.5e11-s0",
            "width-2-c1.5e11-s0",
            "base-c1e3-s0",
            "width-0.5-c1e3-s0",
            "width-2-c1e3-s0"
        ]
    );
    for variant in &variants {
        let (budget, samples) = (variant.flops.unwrap(), variant.train_samples.unwrap());
        let macs = Cost::of(&variant.architecture).unwrap().macs;
        let spent = |samples: usize| 6.0 * macs as f64 * (3 * samples) as f64;
        assert_eq!(samples % 64, 0);
        assert!(samples == 64 || spent(samples) <= budget, "{samples} of {}", variant.key);
        assert!(spent(samples + 64) > budget, "{samples} of {}: another batch could be paid", variant.key);
    }
    assert_eq!(variants[3].train_samples, Some(64), "one batch at least");
    assert_eq!(Plan::from_toml(&plan.to_toml().unwrap()).unwrap(), plan);
    assert_eq!(plan.differences(&Plan { flops: vec![1.5e11], ..plan.clone() }), ["flops"]);
}

#[test]
fn amounts_of_data_are_checked() {
    let good = plan(preset("mlp"), &[Axis::Width]);
    let refused = |plan: Plan, reason: &str| {
        let message = plan.validate().unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    };
    let both = Plan { samples: vec![10], flops: vec![1e9], ..good.clone() };
    refused(both, "more than one of");
    let config = TrainConfig { samples: Some(10), ..TrainConfig::default() };
    refused(Plan { config, samples: vec![10], ..good.clone() }, "more than one of");
    refused(Plan { samples: vec![10, 0], ..good.clone() }, "at least 1");
    refused(Plan { samples: vec![10, 20, 10], ..good.clone() }, "10 samples are listed twice");
    refused(Plan { flops: vec![1e9, 1e9], ..good.clone() }, "1e9 FLOPs is listed twice");
    refused(Plan { flops: vec![0.0], ..good.clone() }, "above zero");
    refused(Plan { flops: vec![f64::NAN], ..good.clone() }, "above zero");

    let place = tempfile::tempdir().unwrap();
    let table: String = (0..20).map(|row| format!("{row},{}\n", 2 * row)).collect();
    fs::write(place.path().join("table.csv"), format!("x,y\n{table}")).unwrap();
    let directory = Some(place.path().to_path_buf());
    let options = DataOptions { dataset: "csv".into(), directory, ..DataOptions::default() };
    // A fifth of the rows is held out.
    let rows = data::open(&options).unwrap().train;
    let check = |plan: &Plan| plan.check_samples(rows.as_ref()).map_err(|error| error.to_string());
    check(&Plan { samples: vec![16, 3], ..good.clone() }).unwrap();
    let message = check(&Plan { samples: vec![17, 3], ..good.clone() }).unwrap_err();
    assert!(message.contains("base-n17-s0 asks for 17") && message.contains("csv has 16"), "{message}");
    let message = check(&Plan { flops: vec![1e11], ..good.clone() }).unwrap_err();
    assert!(message.contains("width-0.5-c1e11-s0") && message.contains("more epochs"), "{message}");
    // New characters are drawn without end.
    let drawn = data::open(&DataOptions { samples: Some(3), ..DataOptions::default() }).unwrap();
    Plan { samples: vec![17], ..good }.check_samples(drawn.train.as_ref()).unwrap();
}

#[test]
fn trainings_without_end_are_counted_without_overflow() {
    let config = TrainConfig { epochs: usize::MAX, batch: 8, ..TrainConfig::default() };
    assert_eq!(config.samples_seen(100), u64::MAX);
    let few = TrainConfig { epochs: 3, batch: usize::MAX, ..TrainConfig::default() };
    assert_eq!(few.samples_seen(100), 300);
}

#[test]
fn a_plan_of_an_earlier_version_is_read() {
    let today = Plan {
        // Where a file does not say what weight decay exempts, everything decays, and channels are not normalised.
        config: TrainConfig {
            samples: Some(640),
            decay_exempt: DecayExempt::None,
            normalize: Normalize::None,
            ..TrainConfig::default()
        },
        ..plan(preset("mlp"), &[Axis::Width])
    };
    let mut table: toml::Table = today.to_toml().unwrap().parse().unwrap();
    table.remove("config");
    let schedule = "epochs = 3\nbatch = 64\nlearning_rate = 0.002\ntrain_samples = 640";
    table.insert("schedule".into(), toml::Value::Table(schedule.parse().unwrap()));
    let read = Plan::from_toml(&table.to_string()).unwrap();
    assert_eq!(read, today);
    assert!(read.differences(&today).is_empty());
}
