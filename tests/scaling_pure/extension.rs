//! Plans that go on: what was trained keeps its keys, only what is new comes after it, and the largest of the new are
//! predicted on their own.

use crate::synthetic::{plan, preset, record};
use allometry::data::DataFile;
use allometry::models::Axis;
use allometry::sweep::{Plan, Prediction, Store};
use allometry::train::TrainConfig;
use std::fs;

fn keys(plan: &Plan) -> Vec<String> {
    plan.variants().unwrap().into_iter().map(|variant| variant.key).collect()
}

fn refusal(plan: &Plan, wanted: &Plan) -> String {
    plan.extended(wanted).unwrap_err().to_string()
}

#[test]
fn what_was_there_comes_first_and_as_it_was() {
    let first = plan(preset("convnet"), &[Axis::Width, Axis::Depth]);
    let more = Plan { factors: vec![0.5, 1.0, 2.0, 3.0], seeds: vec![0, 7, 8], ..first.clone() };
    let extended = first.extended(&more).unwrap();
    let (before, after) = (keys(&first), keys(&extended));
    assert_eq!(after[..before.len()], before);
    let mut new = after[before.len()..].to_vec();
    let mut expected: Vec<String> = keys(&more).into_iter().filter(|key| !before.contains(key)).collect();
    assert_eq!(after.len(), keys(&more).len());
    new.sort();
    expected.sort();
    assert_eq!(new, expected);
    assert_eq!(extended.generation(1), first);
    assert_eq!(Plan::from_toml(&extended.to_toml().unwrap()).unwrap(), extended);
    assert!(extended.differences(&more).is_empty(), "the same command goes on");
    assert_eq!(extended.extended(&more).unwrap(), extended, "asked again, it is as it was");
    // And once more, from there.
    let most = Plan { seeds: vec![9, 8, 7, 0], ..more.clone() };
    let twice = extended.extended(&most).unwrap();
    assert_eq!((twice.generations(), keys(&twice)[..after.len()].to_vec()), (3, after));
    assert_eq!(twice.generation(2), extended);
}

#[test]
fn a_model_that_rounding_makes_again_is_not_trained_again() {
    let first = Plan { factors: vec![0.5, 1.0], ..plan(preset("convnet"), &[Axis::Width]) };
    // Widths of 8, 16 and 32 by half are the same as by 0.51, which is nearer to 1 and would name them.
    let more = Plan { factors: vec![0.51, 0.5, 1.0, 2.0], ..first.clone() };
    assert!(keys(&more).contains(&"width-0.51-s0".to_string()));
    let extended = first.extended(&more).unwrap();
    assert_eq!(keys(&extended)[keys(&first).len()..], ["width-2-s0", "width-2-s7"]);
    let nothing = Plan { factors: vec![0.51, 0.5, 1.0], ..first.clone() };
    assert!(refusal(&first, &nothing).contains("no run"));
}

#[test]
fn samples_go_on_from_one_number_and_are_judged_alike() {
    let base = plan(preset("mlp"), &[Axis::Width]);
    let config = TrainConfig { samples: Some(1000), ..TrainConfig::default() };
    let one = Plan { config, seeds: vec![0], ..base.clone() };
    let several = Plan { samples: vec![1000, 4000], seeds: vec![0], ..base.clone() };
    let extended = one.extended(&several).unwrap();
    let expected =
        ["base-s0", "width-0.5-s0", "width-2-s0", "base-n4000-s0", "width-0.5-n4000-s0", "width-2-n4000-s0"];
    assert_eq!(keys(&extended), expected);
    assert_eq!(
        extended.validation_basis().unwrap(),
        Some(1000),
        "by the validation samples of the runs before"
    );
    assert_eq!(several.validation_basis().unwrap(), Some(4000));
    assert_eq!(extended.most_samples().unwrap(), Some(4000));
    let budgets = Plan { flops: vec![1e9], seeds: vec![0], ..base.clone() };
    let more = Plan { flops: vec![1e9, 1e10], ..budgets.clone() };
    let extended = budgets.extended(&more).unwrap();
    assert_eq!(extended.validation_basis().unwrap(), budgets.most_samples().unwrap());
    assert_eq!(keys(&extended).len(), 6);
}

#[test]
fn an_extension_changes_nothing_and_leaves_nothing_out() {
    let first = plan(preset("convnet"), &[Axis::Width]);
    let lacks = Plan { factors: vec![1.0, 4.0], seeds: vec![7, 8], ..first.clone() };
    let text = refusal(&first, &lacks);
    assert!(text.contains("factors 0.5, 2; seeds 0"), "{text}");
    for (other, part) in [
        (Plan { axes: vec![Axis::Depth], ..first.clone() }, "axes"),
        (Plan { config: TrainConfig { batch: 9, ..TrainConfig::default() }, ..first.clone() }, "batch"),
        (Plan { dataset: "mnist".into(), ..first.clone() }, "dataset"),
    ] {
        let text = refusal(&first, &Plan { seeds: vec![0, 7, 8], ..other });
        assert!(text.contains("only factors") && text.contains(part), "{text}");
    }
    // Equal lists are no reason to take another sweep for this one.
    let other = Plan { axes: vec![Axis::Depth], ..first.clone() };
    assert!(refusal(&first, &other).contains("axes"));
    let on_all = Plan { samples: vec![100, 200], ..first.clone() };
    assert!(refusal(&first, &on_all).contains("all samples"));
}

#[test]
fn epochs_go_on_from_one_number_or_several() {
    let one = Plan { seeds: vec![0], ..plan(preset("mlp"), &[Axis::Width]) };
    assert_eq!(one.numbers_of_epochs(), [3]);
    let config = TrainConfig { epochs: 1, ..TrainConfig::default() };
    let several = Plan { epochs: vec![1, 3, 6], config, ..one.clone() };
    let extended = one.extended(&several).unwrap();
    let expected =
        ["base-s0", "width-0.5-s0", "width-2-s0", "base-e1-s0", "width-0.5-e1-s0", "width-2-e1-s0"];
    assert_eq!(keys(&extended)[..6], expected, "runs of three epochs keep their keys");
    assert_eq!(keys(&extended).len(), 9);
    assert_eq!(extended.generation(1), one);
    assert_eq!(extended.extended(&several).unwrap(), extended, "asked again, it is as it was");
    assert_eq!(Plan::from_toml(&extended.to_toml().unwrap()).unwrap(), extended);
    let more = Plan { epochs: vec![1, 3, 6, 12], ..several };
    let twice = extended.extended(&more).unwrap();
    assert_eq!(keys(&twice)[9..], ["base-e12-s0", "width-0.5-e12-s0", "width-2-e12-s0"]);
    assert_eq!(twice.generation(1), one);
    assert_eq!(twice.generation(2), extended);
    let other = Plan { epochs: vec![1, 6], ..one.clone() };
    assert!(refusal(&one, &other).contains("epochs 3"));
    let fewer = Plan { config: TrainConfig { epochs: 9, ..TrainConfig::default() }, ..one.clone() };
    assert!(refusal(&one, &fewer).contains("epochs 3"));
}

#[test]
fn larger_models_get_a_prediction_of_their_own() {
    let factors = vec![0.25, 0.35, 0.5, 0.7, 1.0];
    let first = Plan { factors, predict: 1, ..plan(preset("convnet"), &[Axis::Width]) };
    let more = Plan {
        factors: vec![0.25, 0.35, 0.5, 0.6, 0.7, 1.0, 1.4, 2.0],
        seeds: vec![0, 7, 8],
        ..first.clone()
    };
    let extended = first.extended(&more).unwrap();
    let held = |plan: &Plan, generation| -> Vec<String> {
        let variants = plan.variants().unwrap().into_iter();
        variants.filter(|one| one.is_predicted_in(generation)).map(|one| one.key).collect()
    };
    assert_eq!(held(&extended, 1), ["base-s0", "base-s7"]);
    assert_eq!(held(&extended, 2), ["width-2-s0", "width-2-s7", "width-2-s8"]);
    // A third seed of what was the largest is a run like any other, and so are sizes in between.
    let only = keys(&extended);
    let last = &only[only.len() - 3..];
    assert!(last.iter().all(|key| key.starts_with("width-2-")), "{only:?}");
    assert!(only.contains(&"base-s8".to_string()));
    // Smaller sizes alone are predicted by nobody.
    let smaller = Plan { factors: [&first.factors[..], &[0.125]].concat(), ..first.clone() };
    assert!(held(&first.extended(&smaller).unwrap(), 2).is_empty());

    let records: Vec<_> = extended.variants().unwrap().iter().map(record).collect();
    let made = Prediction::new(&extended.generation(1), &records).unwrap();
    assert_eq!(made, Prediction::new(&first, &records).unwrap(), "the first is as it was");
    let second = Prediction::new(&extended, &records).unwrap();
    let rows: Vec<&str> = second.axes[0].rows.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(rows, held(&extended, 2));
    assert_eq!(second.axes[0].runs, records.len() - rows.len());

    let place = tempfile::tempdir().unwrap();
    drop(Store::open(place.path(), &first).unwrap());
    let text = Store::open(place.path(), &more).unwrap_err().to_string();
    assert!(text.contains("factors, seeds") && text.contains("--extend"), "{text}");
    let store = Store::extend(place.path(), &more).unwrap();
    assert_eq!(store.plan(), &extended);
    store.write_prediction(1, &made).unwrap();
    store.write_prediction(2, &second).unwrap();
    let found = Store::load_predictions(place.path(), &extended).unwrap();
    assert_eq!(found, [(1, made), (2, second)]);
    assert!(place.path().join("prediction-2.json").exists());
    drop(store);
    assert_eq!(Store::open(place.path(), &more).unwrap().plan(), &extended, "the same command goes on");
}

#[test]
fn a_plan_knows_its_data() {
    let file = |name: &str, bytes, crc32: &str| DataFile { name: name.into(), bytes, crc32: crc32.into() };
    let old = plan(preset("mlp"), &[Axis::Width]);
    let known =
        Plan { data: vec![file("a.csv", 10, "00000001"), file("b.csv", 20, "00000002")], ..old.clone() };
    assert_eq!(Plan::from_toml(&known.to_toml().unwrap()).unwrap(), known);
    let renamed = Plan { data: vec![file("c.csv", 10, "00000001"), known.data[1].clone()], ..old.clone() };
    let changed = Plan { data: vec![known.data[0].clone(), file("b.csv", 20, "00000003")], ..old.clone() };
    let fewer = Plan { data: vec![known.data[0].clone()], ..old.clone() };
    assert!(known.differences(&renamed).is_empty(), "contents count, not names");
    for (other, words) in [
        (&changed, "b.csv (20 bytes, CRC-32 00000002) then, b.csv (20 bytes, CRC-32 00000003) now"),
        (&fewer, "no file now"),
    ] {
        assert_eq!(known.differences(other), ["data"]);
        let place = tempfile::tempdir().unwrap();
        drop(Store::open(place.path(), &known).unwrap());
        for text in [Store::open(place.path(), other), Store::extend(place.path(), other)]
            .map(|found| found.unwrap_err().to_string())
        {
            assert!(text.contains("other data") && text.contains(words), "{text}");
        }
    }
    // A directory of before data were known is read, and goes on.
    let place = tempfile::tempdir().unwrap();
    drop(Store::open(place.path(), &old).unwrap());
    let before = fs::read(place.path().join("plan.toml")).unwrap();
    drop(Store::open(place.path(), &known).unwrap());
    assert_eq!(fs::read(place.path().join("plan.toml")).unwrap(), before);
}
