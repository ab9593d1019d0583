//! `sweep --predict`: a sweep predicts its largest models before it trains them.

use crate::inputs::small_mlp;
use crate::process::{fail, number, succeed, text};
use crate::reading::{lines, records, timeless};
use crate::starting::{borrowed, start_until};
use crate::usage::fail_usage;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Four widths with two seeds, of which the largest is predicted.
fn predicting(model: &str, out: &Path) -> Vec<String> {
    let arguments =
        ["sweep", "--device", "cpu", "--model", model, "--axis", "width", "--factors", "0.5,1,2,4"];
    let more = ["--seeds", "0,1", "--samples", "200", "--epochs", "2", "--batch", "16", "--predict", "1"];
    let all = [&arguments[..], &more, &["--out", text(out)]].concat();
    all.into_iter().map(str::to_string).collect()
}

#[test]
fn a_sweep_predicts_its_largest_model_before_it_trains_it() {
    let place = TempDir::new().unwrap();
    let model = small_mlp(place.path());
    let whole = place.path().join("whole");
    let ended = succeed(&[&borrowed(&predicting(&model, &whole))[..], &["--json"]].concat());
    let printed: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Six runs, what they predict, the two that were held back, and the score.
    let prediction = &printed[6]["prediction"];
    let stored = fs::read(whole.join("prediction.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&stored).unwrap(), *prediction);
    assert_eq!(printed[..6].iter().chain(&printed[7..9]).cloned().collect::<Vec<_>>(), records(&whole));
    assert!(fs::read_to_string(whole.join("plan.toml")).unwrap().contains("predict = 1"));
    let axis = &prediction["axes"][0];
    assert_eq!(
        (&axis["runs"], &axis["size"], &prediction["level"]),
        (&6.into(), &"parameters".into(), &0.8.into())
    );
    for (row, run) in axis["rows"].as_array().unwrap().iter().zip(&printed[7..9]) {
        assert_eq!((&row["key"], number(&row["size"])), (&run["key"], number(&run["parameters"])));
        assert!(number(&row["low"]) <= number(&row["high"]), "{row}");
    }
    let score = &printed[9]["score"];
    for (row, run) in score["rows"].as_array().unwrap().iter().zip(&printed[7..9]) {
        let (measured, predicted) = (number(&run["validation_loss"]), number(&row["predicted"]["value"]));
        assert_eq!(number(&row["measured"]), measured);
        assert!((number(&row["relative_error"]) - (predicted / measured - 1.0)).abs() < 1e-12);
    }
    let reported = succeed(&["report", text(&whole), "--json"]).out;
    let first = reported.lines().next().unwrap();
    assert_eq!(serde_json::from_str::<Value>(first).unwrap(), printed[9]);

    // Killed while the largest model is trained: the prediction is there, and it stays.
    let out = place.path().join("killed");
    let arguments = predicting(&model, &out);
    let mut child = start_until(&arguments, &out, 3);
    assert!(!out.join("prediction.json").exists(), "there is nothing yet to predict from");
    let start = Instant::now();
    while !out.join("prediction.json").exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "no prediction within a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read(out.join("prediction.json")).unwrap(), stored, "made from the same numbers");
    assert!((6..8).contains(&lines(&out).len()), "{} runs", lines(&out).len());
    let other = [&borrowed(&arguments)[..arguments.len() - 3], &["2", "--out", text(&out)]].concat();
    fail(&other, 1, &["another plan", "predict"]);
    let ended = succeed(&borrowed(&arguments));
    assert_eq!(fs::read(out.join("prediction.json")).unwrap(), stored);
    let numbers = |sweep: &Path| records(sweep).iter().map(timeless).collect::<Vec<_>>();
    assert_eq!(numbers(&out), numbers(&whole));
    let order = ["Axis width: ", "Predictions:", "Predicted before training", "width-4-s1", "% interval."];
    let places: Vec<_> = order.iter().map(|words| ended.out.find(words)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in\n{}", ended.out);
    let report = succeed(&["report", text(&out)]).out;
    assert!(
        report.contains("Predicted before training") && report.contains("of 2 inside the 80 %"),
        "{report}"
    );

    // A prediction that is gone is not made again once its subject is known.
    fs::remove_file(out.join("prediction.json")).unwrap();
    let runs = lines(&out);
    fs::write(out.join("runs.jsonl"), runs[..7].join("\n") + "\n").unwrap();
    fail(&borrowed(&arguments), 1, &["prediction is gone", "width-4-s0"]);
    assert!(!out.join("prediction.json").exists());

    // Too few are left: said before anything is on disk.
    let out = place.path().join("few");
    let few = predicting(&model, &out);
    let few = [&borrowed(&few)[..few.len() - 3], &["3", "--out", text(&out)]].concat();
    fail(&few, 1, &["3 models of axis width held back", "predict fewer"]);
    assert!(!out.exists());
    fail_usage(&["sweep", "--predict", "0"]);
}
