//! Where results will go: checked before work begins, and used by one process at a time.

use crate::inputs::{small_csv, small_mlp};
use crate::process::{Ended, driver, fail, run, succeed, text};
use crate::reading::records;
use crate::starting::{borrowed, start_until};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A path that can't be made into a folder, whoever tries.
fn impossible(place: &Path) -> PathBuf {
    fs::write(place.join("file"), "in the way").unwrap();
    place.join("file").join("folder")
}

/// A sweep of ten runs of about a third of a second.
fn sweep(model: &str, out: &Path) -> Vec<String> {
    let arguments = ["sweep", "--device", "cpu", "--model", model, "--axis", "width,depth", "--epochs", "2"];
    let more =
        ["--factors", "0.5,1,2", "--seeds", "0,1", "--samples", "200", "--batch", "16", "--out", text(out)];
    arguments.into_iter().chain(more).map(str::to_string).collect()
}

#[test]
fn places_that_can_not_be_written_are_refused_before_work_begins() {
    let place = TempDir::new().unwrap();
    let (model, nowhere) = (small_mlp(place.path()), impossible(place.path()));
    let train =
        ["train", &model, "--samples", "64", "--epochs", "1", "--device", "cpu", "--out", text(&nowhere)];
    let ended = fail(&train, 1, &[text(&nowhere), "cannot create"]);
    assert!(!ended.err.contains("epoch 1/1"), "{}", ended.err);
    let arguments = sweep(&model, &nowhere);
    let ended = fail(&borrowed(&arguments), 1, &[text(&nowhere)]);
    assert!(!ended.err.contains("epoch 1/2"), "{}", ended.err);

    let swept = place.path().join("swept");
    let quick = ["sweep", "--model", &model, "--axis", "width", "--samples", "32,64,96", "--epochs", "1"];
    succeed(&[&quick[..], &["--batch", "8", "--device", "cpu", "--out", text(&swept)]].concat());
    // The reports of both kinds would have one name.
    let train_there = [&train[..8], &["--out", text(&swept)]].concat();
    fail(&train_there, 1, &[text(&swept), "holds a sweep", "another folder"]);
    let trained = place.path().join("trained");
    succeed(&[&train[..8], &["--out", text(&trained)]].concat());
    fail(&borrowed(&sweep(&model, &trained)), 1, &[text(&trained), "holds a training"]);
    let trace = nowhere.join("trace.json");
    for arguments in [
        &["plan", text(&swept), "--budget", "1s", "--out", text(&nowhere.join("plan.toml"))][..],
        &["plan", text(&swept), "--budget", "1s", "--out", text(place.path())],
        &["profile", &model, "--trace", text(&trace)],
    ] {
        let ended = fail(&[arguments, &["--device", "cpu"]].concat(), 1, &[]);
        assert!(!ended.err.contains("planning on") && ended.out.is_empty(), "{arguments:?}: {}", ended.err);
    }
    // A report's table needs no place; it is printed before the failure.
    fs::remove_file(swept.join("report.html")).unwrap();
    fs::create_dir(swept.join("report.html")).unwrap();
    let ended = fail(&["report", text(&swept)], 1, &["report.html"]);
    assert!(ended.out.contains("base"), "{}", ended.out);
}

#[test]
fn results_do_not_go_into_the_folder_of_the_data() {
    let place = TempDir::new().unwrap();
    let data = place.path().join("photos");
    for name in ["cats/1.png", "cats/2.png", "dogs/1.png", "dogs/2.png"] {
        fs::create_dir_all(data.join(name).parent().unwrap()).unwrap();
        image::RgbImage::new(8, 8).save(data.join(name)).unwrap();
    }
    let of = ["--dataset", "folder", "--data", text(&data), "--device", "cpu"];
    let around = place.path().join("photos/../.");
    for (out, relation) in [
        (data.clone(), "is in"),
        (data.join("new/run"), "is in"),
        (place.path().join("none/../photos/run"), "is in"),
        (around, "holds"),
    ] {
        for command in [&["train", "mlp"][..], &["sweep"], &["search-compound", "convnet"]] {
            let arguments = [command, &of, &["--out", text(&out)]].concat();
            fail(&arguments, 1, &[text(&out), relation, "the data set's folder", text(&data)]);
        }
    }
    let log = data.join("log.csv");
    fail(&[&["train", "mlp"], &of[..], &["--log", text(&log)]].concat(), 1, &["log.csv", "is in"]);
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!([entries(place.path()), entries(&data)], [1, 2], "nothing was written");
    // A table is one file: results may be around it, but make its folder one of several tables.
    let table = small_csv(place.path());
    let quick = ["train", "keras-dense", "--epochs", "1", "--device", "cpu", "--dataset", "csv"];
    let same = [&quick[..], &["--data", text(place.path()), "--out", text(place.path())]].concat();
    fail(&same, 1, &["is the data set's folder"]);
    succeed(&[&quick[..], &["--data", &table, "--out", text(place.path())]].concat());
}

#[test]
fn tuning_does_not_begin_where_it_can_not_be_remembered() {
    let place = TempDir::new().unwrap();
    let mut tune = driver(&["tune", "--device", "gpu", "--family", "matmul", "--seconds", "1e-6"]);
    let ended = Ended::of(tune.env("ALLOMETRY_CACHE", impossible(place.path())).output().unwrap());
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(ended.complaint().contains("cannot create") && !ended.err.contains("matmul,"), "{}", ended.err);
}

#[test]
fn a_folder_belongs_to_one_process_at_a_time() {
    let place = TempDir::new().unwrap();
    let (model, out) = (small_mlp(place.path()), place.path().join("sweep"));
    let arguments = sweep(&model, &out);
    let mut first = start_until(&arguments, &out, 2);
    fail(&borrowed(&arguments), 1, &[text(&out), "another process"]);
    fail(
        &["train", &model, "--samples", "8", "--device", "cpu", "--out", text(&out)],
        1,
        &["another process"],
    );
    assert_eq!(run(&["report", text(&out)]).code, 0, "reading takes no lock");
    // A killed process leaves the folder free.
    first.kill().unwrap();
    first.wait().unwrap();
    succeed(&borrowed(&arguments));
    assert_eq!(records(&out).len(), 10);
}
