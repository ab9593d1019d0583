//! Tables are no wider than the terminal.

use crate::process::{Ended, driver, text};
use std::fs;
use tempfile::TempDir;

/// The lines of tables that the driver prints, where the terminal has so many columns.
fn frames(arguments: &[&str], columns: &str) -> Vec<String> {
    let ended = Ended::of(driver(arguments).env("COLUMNS", columns).output().unwrap());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    let lines = ended.out.lines().filter(|line| line.starts_with(['┌', '│', '╞', '└']));
    lines.map(str::to_string).collect()
}

fn widest(lines: &[String]) -> usize {
    lines.iter().map(|line| line.chars().count()).max().unwrap_or(0)
}

#[test]
fn tables_fit_the_terminal() {
    let place = TempDir::new().unwrap();
    let (table, sweep) = (place.path().join("runs.csv"), place.path().join("sweep"));
    let mut rows = String::from("parameters,tokens,loss\n");
    for row in 0..16 {
        let (n, d) = (1e6 * 4f64.powi(row % 4), 1e8 * 5f64.powi(row / 4));
        rows += &format!("{n},{d},{}\n", 1.7 + 400.0 * n.powf(-0.34) + 410.0 * d.powf(-0.28));
    }
    fs::write(&table, rows).unwrap();
    let columns = ["--x", "parameters", "--x2", "tokens", "--y", "loss", "--law", "joint"];
    let fit = [&["fit", text(&table)][..], &columns, &["--bootstrap", "40", "--holdout", "2"]].concat();
    let small = ["--samples", "16", "--epochs", "1", "--resolution", "8", "--device", "cpu"];
    let axis = ["sweep", "--model", "mlp", "--axis", "width", "--factors", "0.02,0.05"];
    let swept = [&axis[..], &small, &["--out", text(&sweep)]].concat();
    let quick = ["--seconds", "0.001", "--device", "cpu"];
    for arguments in [
        &["summary", "convnet"][..],
        &["devices", "--device", "cpu"],
        &fit,
        &swept,
        &["report", text(&sweep)],
        &[&["bench", "--model", "mlp", "--axis", "width", "--factors", "0.02", "--batch", "2"][..], &quick]
            .concat(),
        &[&["bench", "kernels", "--family", "softmax"][..], &quick].concat(),
        &["profile", "keras-dense", "--steps", "1", "--batch", "2", "--device", "cpu"],
    ] {
        let natural = frames(arguments, "");
        assert!(widest(&natural) > 50, "{arguments:?}: {natural:#?}");
        for columns in [40, 60, 80] {
            let narrow = frames(arguments, &columns.to_string());
            assert!(!narrow.is_empty() && widest(&narrow) <= columns, "{arguments:?}: {narrow:#?}");
        }
        // What is no number of columns is no limit.
        assert!(widest(&frames(arguments, "wide")) > 50, "{arguments:?}");
    }
}
