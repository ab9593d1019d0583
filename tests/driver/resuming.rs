//! Trainings and sweeps that are killed: the same command resumes from the last checkpoint, and ends with the same bits.

use crate::inputs::small_mlp;
use crate::process::{driver, fail, succeed, text};
use crate::reading::{records, timeless};
use crate::starting::borrowed;
use crate::usage::fail_usage;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// Three epochs of 25 steps.
fn training(model: &str, out: &Path) -> Vec<String> {
    let arguments = ["train", model, "--device", "cpu", "--samples", "400"];
    let more = ["--epochs", "3", "--batch", "16", "--checkpoint-every", "4", "--json", "--out", text(out)];
    [&arguments[..], &more].concat().into_iter().map(str::to_string).collect()
}

/// Kills the process once it has saved a checkpoint. Returns false if it ended before.
fn killed_after_a_checkpoint(arguments: &[String], out: &Path) -> bool {
    let file = out.join("checkpoint.safetensors");
    let modified = || file.metadata().and_then(|about| about.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let (before, start) = (modified(), Instant::now());
    let mut child = driver(&borrowed(arguments)).spawn().expect("the driver starts");
    while modified() <= before {
        assert!(start.elapsed() < Duration::from_secs(60), "no checkpoint within a minute");
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

/// A history without what a clock measured.
fn losses(out: &Path) -> Value {
    let text = fs::read_to_string(out.join("history.json")).expect("a history");
    let mut history: Value = serde_json::from_str(&text).unwrap();
    for clock in ["seconds", "throughput"] {
        history.as_object_mut().unwrap().remove(clock).expect(clock);
    }
    for epoch in history["epochs"].as_array_mut().unwrap() {
        for clock in ["seconds", "samples_per_second"] {
            epoch.as_object_mut().unwrap().remove(clock).expect(clock);
        }
    }
    history
}

#[test]
fn a_training_that_is_killed_resumes_and_ends_with_the_same_bits() {
    let place = TempDir::new().unwrap();
    let (model, whole, out) = (small_mlp(place.path()), place.path().join("whole"), place.path().join("out"));
    let undisturbed = succeed(&borrowed(&training(&model, &whole))).json();
    let arguments = training(&model, &out);
    let kills = (0..3).filter(|_| killed_after_a_checkpoint(&arguments, &out)).count();
    assert!(kills > 0 && !out.join("history.json").exists());
    // Other arguments do not continue it.
    let other = [&borrowed(&arguments)[..], &["--learning-rate", "0.5"]].concat();
    fail(&other, 1, &[text(&out), "another training", "learning_rate", "--restart"]);
    let resumed = succeed(&borrowed(&arguments)).json();
    let weights = |out: &Path| fs::read(out.join("weights.safetensors")).unwrap();
    assert_eq!(weights(&out), weights(&whole), "killing changed a bit");
    assert_eq!(losses(&out), losses(&whole));
    for number in ["validation_loss", "validation_accuracy", "peak_bytes", "epochs"] {
        assert_eq!(resumed[number], undisturbed[number], "{number}");
    }
    assert!(!out.join("checkpoint.safetensors").exists(), "it is complete");

    // A complete one is left alone.
    let files = || fs::metadata(out.join("weights.safetensors")).unwrap().modified().unwrap();
    let before = files();
    let again = succeed(&borrowed(&arguments));
    assert_eq!(again.json(), resumed);
    assert!(again.err.contains("complete") && !again.err.contains("epoch 1/"), "{}", again.err);
    assert_eq!(files(), before);
    let anew = succeed(&[&borrowed(&arguments)[..], &["--restart"]].concat());
    assert!(anew.err.contains("epoch 1/3"), "{}", anew.err);
    assert_eq!(weights(&out), weights(&whole));
    let file = out.join("weights.safetensors");
    fs::remove_file(&file).unwrap();
    fail(&borrowed(&arguments), 1, &[text(&file), "missing", "complete", "--restart"]);
    // A model that no training wrote is not replaced.
    let foreign = place.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    let file = foreign.join("weights.safetensors");
    fs::copy(whole.join("weights.safetensors"), &file).unwrap();
    let onto = training(&model, &foreign);
    let begin_with = |file: &Path| [onto.clone(), vec!["--weights".into(), text(file).into()]].concat();
    // Nor is the one that the training begins with.
    let itself = begin_with(&file);
    fail(&[&borrowed(&itself)[..], &["--restart"]].concat(), 1, &[text(&file), "begins with it", "--out"]);
    let onto = begin_with(&whole.join("weights.safetensors"));
    let onto = borrowed(&onto);
    fail(&onto, 1, &[text(&file), "another folder", "--restart"]);
    assert_eq!(weights(&foreign), weights(&whole));
    succeed(&[&onto[..], &["--restart"]].concat());
    assert_ne!(weights(&foreign), weights(&whole));
    fail_usage(&["train", &model, "--checkpoint-every", "5"]);
    fail_usage(&["train", &model, "--checkpoint-every", "5GiB", "--out", text(&out)]);
}

#[test]
fn a_sweep_that_is_killed_resumes_inside_a_run() {
    let place = TempDir::new().unwrap();
    let (model, whole, out) = (small_mlp(place.path()), place.path().join("whole"), place.path().join("out"));
    let sweep = |out: &Path| -> Vec<String> {
        let arguments =
            ["sweep", "--device", "cpu", "--model", &model, "--axis", "width", "--factors", "0.5,1"];
        let more = ["--samples", "400", "--epochs", "3", "--batch", "16", "--checkpoint-every", "10"];
        [&arguments[..], &more, &["--out", text(out)]].concat().into_iter().map(str::to_string).collect()
    };
    succeed(&borrowed(&sweep(&whole)));
    let arguments = sweep(&out);
    // Each process that is killed has saved one checkpoint more: without resuming, no run would end.
    let kills = (0..9).take_while(|_| killed_after_a_checkpoint(&arguments, &out)).count();
    assert!(kills > 1, "{kills} kills");
    assert!(!records(&out).is_empty(), "{kills} times ten steps of 75");
    succeed(&borrowed(&arguments));
    let numbers = |out: &Path| records(out).iter().map(timeless).collect::<Vec<_>>();
    assert_eq!(numbers(&out), numbers(&whole), "killing changed a number");
    assert!(!out.join("checkpoint.safetensors").exists(), "all runs have records");
}
