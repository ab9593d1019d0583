//! Sweeps and trainings that are stopped: what is left, and how they go on.

use crate::inputs::small_mlp;
use crate::process::{Ended, driver, fail, succeed, text};
use crate::reading::{lines, records, timeless};
use crate::starting::{borrowed, start_until};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Ten runs of about a third of a second: three widths and two more depths, with two seeds.
fn resumable(model: &str, out: &Path) -> Vec<String> {
    let arguments = ["sweep", "--device", "cpu", "--model", model, "--axis", "width,depth"];
    let more =
        ["--factors", "0.5,1,2", "--seeds", "0,1", "--samples", "200", "--epochs", "2", "--batch", "16"];
    let all = [&arguments[..], &more, &["--out", text(out)]].concat();
    all.into_iter().map(str::to_string).collect()
}

/// Finishes a sweep that was stopped: what was done stays as it is, byte for byte, and only the rest is trained;
/// in the end every number is that of `whole`, a sweep that nobody stopped.
fn finish_and_compare(arguments: &[String], out: &Path, whole: &Path) {
    let before = lines(out);
    let expected = records(whole);
    assert!((2..expected.len()).contains(&before.len()), "{} of {} runs done", before.len(), expected.len());
    let ended = succeed(&borrowed(arguments));
    let after = lines(out);
    assert_eq!(after[..before.len()], before, "what was done is untouched");
    assert!(ended.err.contains(&format!("{} done", before.len())), "{}", ended.err);
    let missing = expected.len() - before.len();
    let trained = ended.err.lines().filter(|line| line.contains("epoch 2/2")).count();
    assert_eq!(trained, missing, "only what was missing is trained: {}", ended.err);
    let found = records(out);
    let numbers = |records: &[Value]| records.iter().map(timeless).collect::<Vec<_>>();
    assert_eq!(numbers(&found), numbers(&expected), "stopping changed a number");
}

#[test]
fn a_sweep_that_is_stopped_goes_on_and_ends_with_the_same_numbers() {
    use std::os::unix::process::ExitStatusExt;
    let place = TempDir::new().unwrap();
    let model = small_mlp(place.path());
    let whole = place.path().join("whole");
    succeed(&borrowed(&resumable(&model, &whole)));
    assert_eq!(records(&whole).len(), 10);

    // Ctrl-C, in the middle of a run: it ends in order, with a report of what is done.
    let out = place.path().join("interrupted");
    let arguments = resumable(&model, &out);
    let child = start_until(&arguments, &out, 2);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{}", ended.err);
    assert!(ended.complaint().contains("interrupted"), "{}", ended.err);
    let page = fs::read_to_string(out.join("report.html")).expect("a report of what is done");
    assert!(page.contains("base"));
    assert!(fs::read_to_string(out.join("runs.csv")).unwrap().lines().count() > lines(&out).len());

    // Another plan has no business in this directory.
    let other = [&borrowed(&arguments)[..], &["--learning-rate", "0.5"]].concat();
    let before = fs::read(out.join("runs.jsonl")).unwrap();
    fail(&other, 1, &[text(&out), "another plan", "learning_rate"]);
    assert_eq!(fs::read(out.join("runs.jsonl")).unwrap(), before);
    finish_and_compare(&arguments, &out, &whole);

    // Killed where it stands: nothing is written any more, and nothing is lost.
    let out = place.path().join("killed");
    let arguments = resumable(&model, &out);
    let mut child = start_until(&arguments, &out, 3);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    // What a kill amid a write leaves: a line without its end.
    let mut torn = fs::read(out.join("runs.jsonl")).unwrap();
    torn.extend(b"{\"key\":\"dep");
    fs::write(out.join("runs.jsonl"), torn).unwrap();
    finish_and_compare(&arguments, &out, &whole);
}

#[test]
fn training_that_is_interrupted_saves_its_weights_and_keeps_no_other_history() {
    let place = TempDir::new().unwrap();
    let (model, out) = (small_mlp(place.path()), place.path().join("out"));
    succeed(&["train", &model, "--device", "cpu", "--samples", "64", "--epochs", "1", "--out", text(&out)]);
    let earlier = fs::read(out.join("weights.safetensors")).unwrap();
    assert!(out.join("history.json").exists());
    let arguments = [
        "train",
        &model,
        "--device",
        "cpu",
        "--samples",
        "2000",
        "--epochs",
        "100000",
        "--json",
        "--restart",
    ];
    let mut child = driver(&[&arguments[..], &["--out", text(&out)]].concat()).spawn().unwrap();
    // The handler is in place once the first epoch is over.
    let mut told = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("epoch 1/") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut told, &mut line).unwrap() > 0, "it ended by itself");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut told, &mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    let bytes = fs::read(out.join("weights.safetensors")).expect("weights are saved");
    safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_ne!(bytes, earlier);
    assert!(!out.join("history.json").exists(), "that was another training's");
    assert!(out.join("checkpoint.safetensors").exists(), "the same command resumes");
}

/// Starts a sweep in a shell that ignores a signal, and sends it that signal amid its runs.
fn send_ignored(place: &TempDir, signal: &str) -> (Ended, std::path::PathBuf) {
    let (model, out) = (small_mlp(place.path()), place.path().join(signal));
    let script = format!("trap '' {signal}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_allometry")]).args(resumable(&model, &out));
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    while lines(&out).len() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(
        Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    (Ended::of(child.wait_with_output().unwrap()), out)
}

#[test]
fn signals_that_were_ignored_stay_ignored() {
    let place = TempDir::new().unwrap();
    for signal in ["HUP", "TERM"] {
        let (ended, out) = send_ignored(&place, signal);
        assert_eq!((ended.code, lines(&out).len()), (0, 10), "{signal}: {}", ended.err);
    }
    // Shells let background jobs ignore Ctrl-C by this signal; from a process it is meant.
    let (ended, out) = send_ignored(&place, "INT");
    assert_eq!(ended.code, 130, "{}", ended.err);
    assert!((2..10).contains(&lines(&out).len()));
}
