//! Tables with names of classes and categories: training and sweeps on them.

use crate::process::{fail, number, succeed, text};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A table of flowers whose kind follows from the other columns, with text, a missing value and no order.
pub fn flowers(place: &Path) -> String {
    let path = place.join("flowers.csv");
    let mut table = "\u{feff}length;soil;label\r\n".to_string();
    for row in 0..90 {
        let (length, soil) = ((row * 37 % 90) as f64 / 10.0, ["sand", "loam, wet"][row % 2]);
        let label = match (soil, length < 4.5) {
            ("sand", _) => "dune",
            (_, true) => "dwarf \"reed\"",
            _ => "tall reed",
        };
        let length = if row == 7 { "NA".to_string() } else { format!("{length:.1}").replace('.', ",") };
        table += &format!("{length};{soil};\"{}\"\r\n", label.replace('"', "\"\""));
    }
    fs::write(&path, table).unwrap();
    text(&path).to_string()
}

#[test]
fn a_column_of_text_is_classified() {
    let place = TempDir::new().unwrap();
    let table = flowers(place.path());
    let out = place.path().join("run");
    let common =
        ["train", "keras-dense", "--dataset", "csv", "--data", &table, "--device", "cpu", "--batch", "8"];
    fail(&common, 1, &["\"NA\" in row 8", "(line 9)", "column \"length\"", "--missing drop"]);
    let filled = [&common[..], &["--missing", "mean", "--epochs", "15", "--out", text(&out)]].concat();
    let ended = succeed(&[&filled[..], &["--json"]].concat());
    assert!(ended.err.contains("classification into 3 classes"), "{}", ended.err);
    assert!(number(&ended.json()["validation_accuracy"]) > 0.8, "{}", ended.out);
    // Complete; and other options are another training.
    succeed(&filled);
    let dropped: Vec<&str> = filled.iter().map(|&part| if part == "mean" { "drop" } else { part }).collect();
    fail(&dropped, 1, &["another training", "missing"]);
    let numbers = [&common[..], &["--missing", "drop", "--task", "regression"]].concat();
    fail(&numbers, 1, &["\"dune\" in row 1", "--task classification"]);
}

#[test]
fn a_sweep_on_a_table_keeps_its_options() {
    let place = TempDir::new().unwrap();
    let (table, out) = (flowers(place.path()), place.path().join("sweep"));
    let common = ["sweep", "--model", "keras-dense", "--dataset", "csv", "--data", &table, "--device", "cpu"];
    let common =
        [&common[..], &["--axis", "width", "--epochs", "1", "--batch", "16", "--missing", "drop"]].concat();
    let sweep = [&common[..], &["--factors", "0.25,0.5", "--seeds", "0,1", "--out", text(&out)]].concat();
    succeed(&sweep);
    let plan = fs::read_to_string(out.join("plan.toml")).unwrap();
    assert!(plan.contains("task = \"classification\"") && plan.contains("missing = \"drop\""), "{plan}");
    let again = succeed(&sweep);
    assert!(again.err.contains("4 runs") && again.err.contains("4 done"), "{}", again.err);
    fail(&[&sweep[..], &["--ignore", "soil"]].concat(), 1, &["another plan", "ignored"]);
    let glyphs = ["train", "mlp", "--missing", "mean", "--device", "cpu"];
    fail(&glyphs, 1, &["options of tables is missing", "csv"]);
}
