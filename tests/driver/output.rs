//! Standard output and standard error that nobody reads, or that can't be written: no command panics, and none loses
//! what it computed.

use crate::inputs::{small_csv, small_mlp};
use crate::process::{Ended, driver, succeed, text};
use crate::reading::records;
use std::fs::File;
use std::process::Stdio;
use tempfile::TempDir;

/// One end of a pipe whose other end is closed.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// A file that has no room, if there is one on this system.
fn full() -> Option<Stdio> {
    File::options().write(true).open("/dev/full").ok().map(Stdio::from)
}

fn run(arguments: &[&str], out: Option<Stdio>, err: Option<Stdio>) -> Ended {
    let mut command = driver(arguments);
    out.map(|out| command.stdout(out));
    err.map(|err| command.stderr(err));
    Ended::of(command.output().expect("the driver starts"))
}

/// A sweep of two widths, in `place`.
fn sweep(place: &TempDir, name: &str) -> (Vec<String>, std::path::PathBuf) {
    let out = place.path().join(name);
    let model = small_mlp(place.path());
    let arguments = ["sweep", "--model", &model, "--axis", "width", "--factors", "0.5,1", "--samples", "64"];
    let more = ["--epochs", "1", "--batch", "16", "--device", "cpu", "--json", "--out", text(&out)];
    (arguments.into_iter().chain(more).map(str::to_string).collect(), out)
}

#[test]
fn every_command_ends_quietly_where_nobody_reads() {
    let place = TempDir::new().unwrap();
    let table = small_csv(place.path());
    let model = small_mlp(place.path());
    let (arguments, swept) = sweep(&place, "swept");
    succeed(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let swept = text(&swept);
    let fit = ["fit", &table, "--x", "a", "--y", "sum", "--law", "power"];
    let rows: String = (0..12).map(|i| format!("{},{}\n", 10 << i, 0.9f64.powi(i))).collect();
    std::fs::write(&table, format!("a,sum\n{rows}")).unwrap();
    let train = ["train", &model, "--samples", "32", "--epochs", "1", "--device", "cpu"];
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["completions", "zsh"],
        &["devices", "--device", "cpu"],
        &["summary", &model],
        &[
            "bench",
            "--model",
            &model,
            "--axis",
            "width",
            "--factors",
            "1",
            "--seconds",
            "0.01",
            "--device",
            "cpu",
        ],
        &["profile", &model, "--steps", "1", "--device", "cpu"],
        &["tune", "--device", "cpu"],
        &["report", swept],
        &[&fit[..], &["--bootstrap", "40"]].concat(),
        &train,
        &[&train[..], &["--json"]].concat(),
    ] {
        let ended = run(arguments, Some(closed()), None);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
        assert!(!ended.err.contains("panicked"), "{arguments:?}: {}", ended.err);
        let ended = run(arguments, None, Some(closed()));
        assert_eq!(ended.code, 0, "{arguments:?} without standard error");
        assert!(!ended.out.is_empty(), "{arguments:?}");
    }
    // An error has its code, whether its sentence can be read or not.
    assert_eq!(run(&["report", "nowhere"], Some(closed()), Some(closed())).code, 1);
    assert_eq!(run(&["grow"], Some(closed()), Some(closed())).code, 2);
}

#[test]
fn results_that_do_not_fit_are_an_error_and_progress_is_none() {
    let Some(_) = full() else { return };
    let place = TempDir::new().unwrap();
    let model = small_mlp(place.path());
    let out = place.path().join("run");
    let train = ["train", &model, "--samples", "32", "--epochs", "2", "--device", "cpu", "--out", text(&out)];
    for arguments in [&["--help"][..], &["completions", "fish"], &["summary", &model, "--json"], &train] {
        let ended = run(arguments, full(), None);
        assert_eq!(ended.code, 1, "{arguments:?}");
        assert!(ended.complaint().contains("standard output: cannot write"), "{}", ended.err);
    }
    assert!(out.join("weights.safetensors").exists() && out.join("history.json").exists());
    assert_eq!(run(&train, None, full()).code, 0, "progress is no result");
}

#[test]
fn a_sweep_goes_on_when_its_records_can_not_be_printed() {
    let place = TempDir::new().unwrap();
    for (name, out, code) in [("closed", Some(closed()), 0), ("full", full(), 1)] {
        let Some(out) = out else { continue };
        let (arguments, directory) = sweep(&place, name);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = run(&arguments, Some(out), None);
        assert_eq!(ended.code, code, "{name}: {}", ended.err);
        assert_eq!(records(&directory).len(), 2, "{name}");
        assert!(directory.join("report.html").exists(), "{name}");
    }
    let (arguments, directory) = sweep(&place, "silent");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(run(&arguments, Some(closed()), Some(closed())).code, 0);
    assert_eq!(records(&directory).len(), 2);
}

/// A macro that panics is found by chance only, so the sources are searched for it.
#[test]
fn nothing_prints_by_a_macro_that_panics() {
    fn search(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                search(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let code = std::fs::read_to_string(&path).unwrap();
                let panicking = ["println!(", "print!(", "dbg!("]
                    .map(|end| [" ", "(", "e", "{"].map(|start| format!("{start}{end}")));
                let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
                let lines = lines.filter(|line| {
                    panicking.as_flattened().iter().any(|name| format!(" {line}").contains(name))
                });
                found.extend(lines.map(|line| format!("{}: {line}", path.display())));
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["src", "examples"] {
        search(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
}
