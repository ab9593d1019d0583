//! Models and batches that are far too large: predicted or refused, and never by taking the memory that they would.

use crate::inputs::{small_csv, small_mlp};
use crate::process::{Ended, fail, number, succeed, text};
use crate::reading::records;
use std::fs;
use tempfile::TempDir;

/// Runs the driver in an address space of 4 GB.
#[cfg(target_os = "linux")]
fn confined(arguments: &[&str]) -> Ended {
    use std::process::Command;
    let script = "ulimit -v 4000000; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_allometry")]).args(arguments);
    Ended::of(command.env("RAYON_NUM_THREADS", "2").output().expect("the driver starts"))
}

#[cfg(target_os = "linux")]
#[test]
fn predicting_memory_does_not_take_it() {
    // 16 floats a pixel, forward and backward: some 70 GB.
    let predicted = confined(&["summary", "convnet", "--batch", "300000", "--json"]);
    assert_eq!(predicted.code, 0, "{}", predicted.err);
    assert!(number(&predicted.json()["predicted_peak_bytes"]) > 3e10);
    for batch in ["1000000", "100000000", "9223372036854775807"] {
        let refused = confined(&["summary", "convnet", "--batch", batch]);
        assert_eq!(refused.code, 4, "{}", refused.err);
        assert!(refused.complaint().contains(&format!("a batch of {batch}")), "{}", refused.err);
    }
    for command in
        [&["profile", "mlp"][..], &["bench", "--model", "mlp", "--axis", "width", "--factors", "1"]]
    {
        let refused = confined(&[command, &["--batch", "5000000", "--device", "cpu"]].concat());
        assert_eq!(refused.code, 4, "{command:?}: {}", refused.err);
        assert!(refused.complaint().contains("memory"), "{}", refused.err);
    }
}

#[test]
fn a_sweep_goes_on_after_a_variant_that_is_far_too_large() {
    let place = TempDir::new().unwrap();
    let (model, out) = (small_mlp(place.path()), place.path().join("sweep"));
    let small = fs::read_to_string(&model).unwrap();
    fs::write(&model, small.replace("width = 16", "width = 104")).unwrap();
    let arguments = ["sweep", "--model", &model, "--axis", "width", "--factors", "0.5,1,600,1000"];
    let more = ["--samples", "32", "--epochs", "1", "--device", "cpu", "--memory-limit", "1000000000"];
    let arguments = [&arguments[..], &more, &["--out", text(&out)]].concat();
    for _ in 0..2 {
        succeed(&arguments);
        let statuses: Vec<_> = records(&out).iter().map(|record| record["status"].clone()).collect();
        assert_eq!(statuses, ["completed", "completed", "out_of_memory", "out_of_memory"]);
        fs::remove_file(out.join("report.html")).expect("a report");
    }
    let records = records(&out);
    assert!(number(&records[2]["predicted_peak_bytes"]["parameters"]) > 1e10, "predicted, and not there");
    assert!(records[3]["predicted_peak_bytes"].is_null(), "beyond what kernels count");
    assert!(records[3]["reason"].as_str().unwrap().contains("elements in one tensor"), "{}", records[3]);
    assert!(fs::read_to_string(out.join("runs.csv")).unwrap().contains("1000"));
    // A model that can't be counted is refused before anything is trained.
    let deep = place.path().join("deep.toml");
    let stages = "{ block = \"conv\", width = 1000000, kernel = 1000, depth = 30 }";
    let huge = small.replace("stages = [", &format!("stages = [{stages}, "));
    fs::write(&deep, huge.replace("resolution = 8", "resolution = 1000")).unwrap();
    let out = place.path().join("deep");
    let refused = ["sweep", "--model", text(&deep), "--axis", "width", "--out", text(&out)];
    fail(&refused, 4, &["too many to count"]);
    assert!(!out.exists());
}

#[test]
fn more_samples_than_any_memory_orders_are_refused() {
    for samples in ["1000000000000000", "9223372036854775807"] {
        let train = ["train", "mlp", "--resolution", "8", "--samples", samples, "--device", "cpu"];
        let refused = fail(&train, 4, &["the order of", samples]);
        assert!(!refused.err.contains("panicked"), "{}", refused.err);
    }
}

#[test]
fn a_batch_has_no_more_samples_than_there_are_in_predictions_too() {
    let place = TempDir::new().unwrap();
    let table = small_csv(place.path());
    // 64 rows to train on and 16 to judge by; 2 and 16; batches of 20 and 16.
    for (samples, batch) in [("64", "1000000000"), ("2", "1000000"), ("64", "20")] {
        let train = ["train", "keras-dense", "--dataset", "csv", "--data", &table, "--epochs", "1"];
        let more = ["--samples", samples, "--batch", batch, "--device", "cpu", "--json"];
        let outcome = succeed(&[&train[..], &more].concat()).json();
        assert_eq!(outcome["peak_bytes"], outcome["predicted_peak_bytes"], "{samples} in batches of {batch}");
    }
    let out = place.path().join("sweep");
    let sweep = ["sweep", "--model", "keras-dense", "--dataset", "csv", "--data", &table, "--axis", "width"];
    let more =
        ["--samples", "2,40", "--batch", "1000000", "--epochs", "1", "--device", "cpu", "--out", text(&out)];
    succeed(&[&sweep[..], &more].concat());
    for record in records(&out) {
        assert_eq!(record["peak_bytes"], record["predicted_peak_bytes"], "{record}");
    }
}
