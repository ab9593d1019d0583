//! `check`: whether a sweep's directory or a table is sound, and how the process ends.

use crate::inputs::small_csv;
use crate::process::{fail, number, run, succeed, text};
use crate::reading::keys;
use crate::usage::fail_usage;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A code of its own.
const NOT_SOUND: i32 = 7;

/// A table of a law with a little scatter over a factor of 64, three runs of each size; in the column `off` one is off.
fn runs_table(place: &Path) -> String {
    let path = place.join("runs.csv");
    let mut table = String::from("N,loss,off,dataset\n");
    for row in 0..21 {
        let n = 1e4 * 2f64.powi(row % 7);
        let scatter = 1.0 + 0.002 * f64::from((row * 7) % 11 - 5);
        let loss = (0.4 + 60.0 * n.powf(-0.5)) * scatter;
        let off = if row == 12 { 1.3 * loss } else { loss };
        table += &format!("{n},{loss},{off},a\n");
    }
    fs::write(&path, table + "5,9,9,b\n").unwrap();
    text(&path).to_string()
}

#[test]
fn a_table_is_judged_by_its_columns() {
    let place = TempDir::new().unwrap();
    let table = runs_table(place.path());
    let of =
        |y: &'static str| ["check", &table, "--x", "N", "--y", y, "--where", "dataset=a"].map(str::to_string);
    let arguments = |y, more: &[&'static str]| -> Vec<String> {
        of(y).into_iter().chain(more.iter().map(|word| word.to_string())).collect()
    };
    let as_str = |words: &[String]| words.iter().map(|word| word.as_str()).collect::<Vec<&str>>().join("\n");
    let run = |words: Vec<String>| run(&as_str(&words).split('\n').collect::<Vec<_>>());
    let sound = run(arguments("loss", &[]));
    assert_eq!(sound.code, 0, "{}{}", sound.out, sound.err);
    assert!(sound.out.starts_with("Sound: "), "{}", sound.out);
    let off = run(arguments("off", &[]));
    assert_eq!((off.code, off.err.as_str()), (NOT_SOUND, ""), "{}", off.out);
    for words in [
        "Not sound: an outlier; first ",
        "Row 13",
        "% above",
        "without it",
        "--where dataset=a",
        "Not judged: ",
    ] {
        assert!(off.out.to_lowercase().contains(&words.to_lowercase()), "{words:?} in {}", off.out);
    }
    let json = run(arguments("off", &["--json"]));
    assert_eq!(json.code, NOT_SOUND);
    let verdict = json.json();
    assert_eq!(keys(&verdict), ["findings", "reach", "runs", "sound", "unknown", "verdict"].into());
    assert_eq!(
        (&verdict["sound"], number(&verdict["runs"]), number(&verdict["reach"])),
        (&false.into(), 21.0, 4.0)
    );
    let finding = &verdict["findings"][0];
    assert_eq!(
        keys(finding),
        ["check", "consequence", "effect", "fault", "matters", "mend", "problem"].into()
    );
    assert_eq!(keys(&finding["mend"]), ["command", "what"].into());
    let far = run(arguments("loss", &["--reach", "50"]));
    assert_eq!(far.code, NOT_SOUND);
    assert!(far.out.contains("50 times the largest N"), "{}", far.out);
}

#[test]
fn fit_ends_with_the_verdict() {
    let place = TempDir::new().unwrap();
    let table = runs_table(place.path());
    let of = |y| {
        ["fit", &table, "--x", "N", "--y", y, "--law", "floor", "--bootstrap", "40", "--where", "dataset=a"]
    };
    let said = succeed(&of("off")).out;
    assert!(said.lines().last().unwrap().starts_with("Not sound: an outlier"), "{said}");
    let json = succeed(&[&of("loss")[..], &["--json"]].concat()).json();
    assert_eq!(json["soundness"]["sound"], Value::from(true), "{}", json["soundness"]);
}

#[test]
fn columns_belong_to_tables() {
    let place = TempDir::new().unwrap();
    let table = runs_table(place.path());
    fail_usage(&["check", &table, "--x", "N"]);
    fail_usage(&["check", &table, "--x", "N", "--y", "loss", "--reach", "1"]);
    fail_usage(&["check", text(place.path()), "--x", "N", "--y", "loss"]);
    fail(&["check", &table, "--x", "N", "--y", "loss", "--lr", "rate"], 1, &["a column \"rate\" expected"]);
    fail(&["check", text(place.path())], 1, &["not the directory of a sweep"]);
    fail(&["check", text(&place.path().join("nothing"))], 1, &["nothing", "cannot open"]);
}

#[test]
fn the_command_that_mends_a_sweep_runs() {
    let place = TempDir::new().unwrap();
    let data = small_csv(place.path());
    let out = place.path().join("sweep");
    let (model, how) = (["--model", "keras-dense"], ["--epochs", "1", "--batch", "20", "--device", "cpu"]);
    let of = [
        "sweep",
        "--axis",
        "width",
        "--factors",
        "0.5,1",
        "--dataset",
        "csv",
        "--data",
        &data,
        "--out",
        text(&out),
    ];
    succeed(&[&of[..], &model, &how].concat());
    let judged = run(&["check", text(&out), "--json"]);
    assert_eq!(judged.code, NOT_SOUND, "{}", judged.err);
    let verdict = judged.json();
    let finding =
        &verdict["findings"].as_array().unwrap().iter().find(|f| f["check"] == "range of sizes").unwrap();
    assert_eq!(finding["axis"], "width");
    let command = finding["mend"]["command"].as_str().unwrap();
    let words: Vec<&str> = command.split(' ').map(|word| if word == "DATA" { &data } else { word }).collect();
    assert_eq!((words[0], words[1]), ("allometry", "sweep"), "{command}");
    succeed(&[&words[1..], &["--device", "cpu"]].concat());
    let mended = run(&["check", text(&out), "--json"]).json();
    let checks =
        mended["findings"].as_array().unwrap().iter().map(|finding| finding["check"].as_str().unwrap());
    assert!(!checks.collect::<Vec<_>>().contains(&"range of sizes"), "{mended}");
    assert!(number(&mended["runs"]) > number(&verdict["runs"]));
    let verdict = mended["verdict"].as_str().unwrap();
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains(verdict), "{verdict}");
    let said = succeed(&["report", text(&out)]).out;
    assert!(said.lines().any(|line| line == verdict), "{verdict:?} in {said}");
}
