//! `sweep --extend`, and sweeps whose data have changed.

use crate::inputs::{small_csv, small_mlp, small_mnist};
use crate::process::{fail, succeed, text};
use crate::reading::{lines, records};
use allometry::planner::{Expected, Training};
use allometry::sweep::Plan;
use allometry::train::TrainConfig;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

#[test]
fn a_sweep_is_extended_by_what_is_new() {
    let place = TempDir::new().unwrap();
    let (model, out) = (small_mlp(place.path()), place.path().join("sweep"));
    let base = ["sweep", "--device", "cpu", "--model", &model, "--axis", "width", "--samples", "100"];
    let base =
        [&base[..], &["--epochs", "1", "--batch", "16", "--predict", "1", "--out", text(&out)]].concat();
    let first = [&base[..], &["--factors", "0.5,1,1.5,2,3", "--extend"]].concat();
    succeed(&first);
    let (before, prediction) = (lines(&out), fs::read(out.join("prediction.json")).unwrap());
    let more = [&base[..], &["--factors", "0.5,1,1.5,2,3,4,5", "--seeds", "0,1"]].concat();
    fail(&more, 1, &["another plan (different: factors, seeds)", "--extend"]);
    let ended = succeed(&[&more[..], &["--extend", "--json"]].concat());
    let after = lines(&out);
    assert_eq!(after[..before.len()], before);
    assert_eq!(after.len(), 14);
    assert_eq!(fs::read(out.join("prediction.json")).unwrap(), prediction, "it is never written again");
    let second: Value = serde_json::from_slice(&fs::read(out.join("prediction-2.json")).unwrap()).unwrap();
    let rows: Vec<&Value> =
        second["axes"][0]["rows"].as_array().unwrap().iter().map(|row| &row["key"]).collect();
    assert_eq!(rows, ["width-5-s0", "width-5-s1"]);
    let printed: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let predicted = printed.iter().position(|line| line["prediction"] == second).expect("it is printed");
    assert_eq!(printed[predicted]["generation"], 2);
    assert!(printed[predicted + 1]["key"] == "width-5-s0", "before its models are trained");
    assert_eq!(printed.iter().filter(|line| line["score"].is_object()).count(), 2);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("after an extension") && out.join("prediction-2-width.svg").exists());
    // The same command again has nothing to do, with the word or without.
    succeed(&more);
    succeed(&[&more[..], &["--extend"]].concat());
    assert_eq!(lines(&out), after);
    fail(&first, 1, &["lacks", "factors 4, 5; seeds 1"]);
}

/// A training as a plan from this sweep would write it.
fn training_of(sweep: &Path) -> Training {
    let plan = Plan::from_toml(&fs::read_to_string(sweep.join("plan.toml")).unwrap()).unwrap();
    let few = Some(8);
    let config = TrainConfig { samples: few, seed: 0, validation_samples: few, ..plan.config };
    let expected = Expected::default();
    let Plan { dataset, target_columns, table, data, architecture, .. } = plan;
    Training { dataset, target_columns, table, config, expected, data, architecture }
}

#[test]
fn other_data_are_refused() {
    let place = TempDir::new().unwrap();
    let table = small_csv(place.path());
    let out = place.path().join("sweep");
    let how =
        ["--dataset", "csv", "--data", &table, "--axis", "width", "--samples", "8,16,32", "--epochs", "1"];
    let sweep =
        [&["sweep", "--model", "keras-dense", "--batch", "8"][..], &how, &["--device", "cpu"]].concat();
    let sweep = [&sweep[..], &["--out", text(&out)]].concat();
    succeed(&sweep);
    let plan = ["plan", text(&out), "--budget", "1e8flops", "--data", &table, "--device", "cpu"];
    let planned = place.path().join("planned.toml");
    fs::write(&planned, training_of(&out).to_toml().unwrap()).unwrap();
    let train = ["train", text(&planned), "--data", &table, "--device", "cpu"];
    succeed(&train);
    let runs = fs::read(out.join("runs.jsonl")).unwrap();
    // One digit.
    let text_of = fs::read_to_string(&table).unwrap();
    fs::write(&table, text_of.replacen("0.5", "0.6", 1)).unwrap();
    fail(&sweep, 1, &["other data", "table.csv", "CRC-32"]);
    fail(&plan, 1, &["not the data of the sweep", "table.csv"]);
    fail(&train, 1, &["not the data of the sweep", "table.csv"]);
    assert_eq!(fs::read(out.join("runs.jsonl")).unwrap(), runs);
    fs::write(&table, text_of).unwrap();
    succeed(&sweep);
    // A plan of before data were known.
    let plan = fs::read_to_string(out.join("plan.toml")).unwrap();
    let (head, rest) = plan.split_once("[[data]]").expect("the data of a plan");
    let rest = rest.split_once("\n[").expect("the architecture").1;
    fs::write(out.join("plan.toml"), format!("{head}[{rest}")).unwrap();
    succeed(&sweep);

    let (images, out) = (place.path().join("images"), place.path().join("of-images"));
    fs::create_dir(&images).unwrap();
    small_mnist(&images);
    let sweep = ["sweep", "--model", "mlp", "--dataset", "mnist", "--data", text(&images), "--axis", "width"];
    let sweep =
        [&sweep[..], &["--factors", "1", "--epochs", "1", "--device", "cpu", "--out", text(&out)]].concat();
    succeed(&sweep);
    let labels = images.join("t10k-labels-idx1-ubyte");
    let mut bytes = fs::read(&labels).unwrap();
    *bytes.last_mut().unwrap() = 3;
    fs::write(&labels, bytes).unwrap();
    let complaint = fail(&sweep, 1, &["other data", "t10k-labels"]).complaint().to_string();
    assert!(!complaint.contains("train-images"), "only what differs is named: {complaint}");
    assert_eq!(records(&out).len(), 1);
}
