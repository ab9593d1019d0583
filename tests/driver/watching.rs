//! What a training tells about itself: observed steps, logs, a diagnosis, and a page.

use crate::inputs::small_mlp;
use crate::process::{driver, fail, succeed, text};
use crate::usage::fail_usage;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

#[test]
fn a_watched_training_has_a_page_and_logs() {
    let place = TempDir::new().unwrap();
    let (model, out) = (small_mlp(place.path()), place.path().join("run"));
    let [csv, lines] = ["log.csv", "log.jsonl"].map(|name| place.path().join(name));
    let plain = ["train", &model, "--device", "cpu", "--samples", "200", "--batch", "8", "--epochs", "6"];
    let more = ["--watch", "--out", text(&out), "--log", text(&csv), "--log", text(&lines)];
    let arguments = [&plain[..], &more].concat();
    let ended = succeed(&[&arguments[..], &["--json"]].concat());
    let outcome = ended.json();
    // 150 steps.
    let watched = fs::read_to_string(out.join("watch.jsonl")).unwrap();
    let watched: Vec<Value> = watched.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!((35..=45).contains(&watched.len()), "{}", watched.len());
    assert_eq!((&watched[0]["step"], &watched[watched.len() - 1]["step"]), (&1.into(), &150.into()));
    for module in watched[0]["modules"].as_array().unwrap() {
        for key in ["activation", "gradient", "weight", "update"] {
            assert!(module[key].as_f64().unwrap() > 0.0, "{module}");
        }
    }

    let history: Value = serde_json::from_slice(&fs::read(out.join("history.json")).unwrap()).unwrap();
    let epochs = history["epochs"].as_array().unwrap();
    let table = fs::read_to_string(&csv).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 7);
    assert_eq!(rows[0][..4], ["epoch", "step", "learning_rate", "loss"]);
    let of_json = fs::read_to_string(&lines).unwrap();
    for ((row, line), epoch) in rows[1..].iter().zip(of_json.lines()).zip(epochs) {
        let line: Value = serde_json::from_str(line).unwrap();
        for (name, cell) in rows[0].iter().zip(row) {
            assert_eq!(line[name], serde_json::from_str::<Value>(cell).unwrap(), "{name}");
        }
        assert_eq!(line["validation_loss"], epoch["validation"]["loss"]);
        assert_eq!(line["step"], epoch["step"]);
    }

    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for part in ["Diagnosis", "Over depth", "Over time", "stages.0.0", "gradient"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(out.join("gradients-over-depth.svg").exists());
    let finding = &outcome["findings"][0];
    assert!(finding["verdict"].is_string(), "{outcome}");

    // The page is drawn again from the folder, and the diagnosis printed.
    fs::remove_file(out.join("report.html")).unwrap();
    let again = succeed(&["report", text(&out)]);
    assert!(again.out.contains(finding["text"].as_str().unwrap()), "{}", again.out);
    assert_eq!(fs::read_to_string(out.join("report.html")).unwrap(), page);

    // Watching changes no bit.
    let unwatched = place.path().join("unwatched");
    succeed(&[&plain[..], &["--out", text(&unwatched)]].concat());
    let weights = |out: &std::path::Path| fs::read(out.join("weights.safetensors")).unwrap();
    assert!(weights(&out) == weights(&unwatched));
    assert!(fs::read_to_string(unwatched.join("report.html")).unwrap().contains("Losses"));
}

#[test]
fn a_killed_training_goes_on_with_its_logs() {
    let place = TempDir::new().unwrap();
    let (model, out, log) = (small_mlp(place.path()), place.path().join("run"), place.path().join("log.csv"));
    let arguments = ["train", &model, "--device", "cpu", "--samples", "400", "--batch", "8", "--epochs", "5"];
    let arguments = [&arguments[..], &["--watch", "--checkpoint-every", "7", "--out", text(&out)]].concat();
    let arguments = [&arguments[..], &["--log", text(&log)]].concat();
    let rows = || fs::read_to_string(&log).map(|text| text.lines().count()).unwrap_or(0);
    let mut child = driver(&arguments).spawn().expect("the driver starts");
    while rows() < 3 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    succeed(&arguments);
    let numbers = |name: &str, column: usize| -> Vec<String> {
        let text = fs::read_to_string(name).unwrap();
        text.lines().skip(1).map(|line| line.split(',').nth(column).unwrap().to_string()).collect()
    };
    assert_eq!(numbers(text(&log), 0), ["1", "2", "3", "4", "5"]);
    let watched = fs::read_to_string(out.join("watch.jsonl")).unwrap();
    let step = |line: &str| serde_json::from_str::<Value>(line).unwrap()["step"].as_u64().unwrap();
    let steps: Vec<u64> = watched.lines().map(step).collect();
    assert!(steps.is_sorted_by(|a, b| a < b) && steps[0] == 1 && steps.last() == Some(&250), "{steps:?}");
}

#[test]
fn logs_and_watched_trainings_need_a_place() {
    let place = TempDir::new().unwrap();
    let model = small_mlp(place.path());
    fail_usage(&["train", &model, "--watch"]);
    fail(&["train", &model, "--device", "cpu", "--log", "log.txt"], 1, &["log.txt", ".csv or .jsonl"]);
    let nowhere = place.path().join("model.toml").join("log.csv");
    fs::write(place.path().join("model.toml"), "").unwrap();
    fail(&["train", &model, "--device", "cpu", "--log", text(&nowhere)], 1, &["model.toml"]);
}
