//! How it ends when something is wrong: files that are missing, a training that diverges.

use crate::inputs::{small_convnet, small_mlp};
use crate::process::{fail, run, text};
use crate::reading::records;
use tempfile::TempDir;

#[test]
fn missing_files_are_named() {
    let place = TempDir::new().unwrap();
    let missing = place.path().join("nowhere");
    let mnist = ["train", "mlp", "--dataset", "mnist", "--data", text(place.path())];
    for (data, meant) in [("rent.csv", "--dataset csv"), ("photos", "--dataset folder")] {
        for command in [&["train", "mlp"][..], &["sweep", "--model", "mlp", "--out", "none"]] {
            let given = [command, &["--data", data, "--device", "cpu"]].concat();
            fail(&given, 1, &["glyphs", "reads no files", data, meant]);
        }
    }
    fail(&mnist, 1, &["train-images-idx3-ubyte", text(place.path()), "--data DIR"]);
    let csv = ["train", "keras-dense", "--dataset", "csv", "--data", text(&missing)];
    fail(&csv, 1, &[text(&missing)]);
    fail(&["train", text(&missing)], 1, &[text(&missing), "mlp, resmlp, keras-dense, convnet"]);
    fail(&["summary", text(&missing)], 1, &[text(&missing)]);
    fail(&["report", text(&missing)], 1, &[text(&missing), "plan.toml"]);
    let weights = ["train", "mlp", "--device", "cpu", "--resolution", "8", "--samples", "8"];
    fail(&[&weights[..], &["--weights", text(&missing)]].concat(), 1, &[text(&missing)]);
    fail(&["train", "mlp", "--dataset", "nonsense"], 1, &["nonsense", "glyphs"]);
    fail(&["train", "mlp", "--dataset", "nonsense", "--target", "price"], 1, &["nonsense", "glyphs"]);
    fail(&["summary", "convnet", "--resolution", "3"], 1, &["resolution 3 is too small", "at least 8"]);
}

#[test]
fn a_file_that_is_something_else_is_not_printed() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("sizes.txt");
    std::fs::write(&path, "12,".repeat(50_000)).unwrap();
    let table = ["fit", text(&path), "--x", "size", "--y", "loss"];
    for arguments in [&["train", text(&path)][..], &["summary", text(&path)], &table] {
        let ended = run(arguments);
        assert_eq!(ended.code, 1, "{}", ended.err);
        assert!(ended.err.contains("sizes.txt") && ended.err.len() < 2000, "{arguments:?}: {}", ended.err);
    }
}

#[test]
fn divergence_has_a_code_of_its_own() {
    let common = ["train", "mlp", "--device", "cpu", "--resolution", "8", "--learning-rate", "1e30"];
    let common = [&common[..], &["--samples", "32", "--json"]].concat();
    let ended = fail(&[&common[..], &["--batch", "8"]].concat(), 6, &["diverged", "learning rate"]);
    assert_eq!(ended.out, "");
    // The only step's loss is that of the initial weights; what it made of them shows in the validation.
    fail(&[&common[..], &["--batch", "32", "--epochs", "1"]].concat(), 6, &["diverged"]);
}

#[test]
fn a_sweep_of_which_nothing_is_completed_ends_with_a_code_that_says_why() {
    let place = TempDir::new().unwrap();
    let (dense, image) = (small_mlp(place.path()), small_convnet(place.path()));
    let common =
        ["--axis", "width", "--factors", "0.5,1", "--samples", "32", "--epochs", "1", "--device", "cpu"];
    let sweep = |name: &str, model: &str, more: &[&str]| -> (Vec<String>, std::path::PathBuf) {
        let out = place.path().join(name);
        let all = [&["sweep", "--model", model, "--batch", "8"][..], &common, more, &["--out", text(&out)]];
        (all.concat().into_iter().map(str::to_string).collect(), out)
    };
    for (name, model, more, code, words) in [
        ("diverged", &dense, &["--learning-rate", "1e30"][..], 6, "2 diverged"),
        ("too-large", &image, &["--memory-limit", "10"], 4, "2 did not fit"),
        // Of two runs one does not fit, and the other diverges.
        ("both", &dense, &["--learning-rate", "1e30", "--memory-limit", "30000"], 6, "1 diverged, 1 did not"),
    ] {
        let (arguments, out) = sweep(name, model, more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        for _ in 0..2 {
            let ended = fail(&arguments, code, &["none of 2 runs", words, "runs.jsonl"]);
            assert!(ended.out.contains("base") && out.join("report.html").exists(), "{name}: {}", ended.out);
        }
        assert_eq!(records(&out).len(), 2, "{name}");
        assert_eq!(run(&["report", text(&out)]).code, 0, "{name}: its report can be written");
    }
}
