//! The kit that measures a GPU: its runner gets past parts that fail, crash or hang, and its report says so.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts");

/// A kit with these parts, without binaries.
fn kit(place: &Path, parts: &str) -> PathBuf {
    let kit = place.join("kit");
    fs::create_dir(&kit).unwrap();
    fs::copy(Path::new(SCRIPTS).join("gpu-kit.d/run.sh"), kit.join("run.sh")).unwrap();
    fs::write(kit.join("parts"), parts).unwrap();
    fs::write(kit.join("commit"), "abc1234").unwrap();
    kit
}

/// Runs the kit into `out`, and returns each line of its record: the part, its status, what is said of it.
fn run(kit: &Path, out: &Path, variables: &[(&str, &str)]) -> Vec<(String, i64, String)> {
    let mut command = Command::new("sh");
    command.arg(kit.join("run.sh")).arg(out);
    for variable in ["KIT_PARTS", "KIT_LIMIT", "KIT_RUNNER"] {
        command.env_remove(variable);
    }
    let ended = command.envs(variables.iter().copied()).output().expect("sh starts");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let record = fs::read_to_string(out.join("parts.jsonl")).unwrap();
    let line = |line: &str| {
        let part: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let text = |key: &str| part[key].as_str().unwrap().to_string();
        (text("part"), part["status"].as_i64().unwrap(), text("said"))
    };
    record.lines().map(line).collect()
}

fn entry(part: &str, status: i64, said: &str) -> (String, i64, String) {
    (part.to_string(), status, said.to_string())
}

/// The report of a folder, or `None` where there is no Python to run the script; a line of the test run then says so.
fn report(folder: &Path) -> Option<String> {
    let ended =
        Command::new("python3").arg(Path::new(SCRIPTS).join("gpu-kit")).arg("report").arg(folder).output();
    let Ok(ended) = ended else {
        // Past the capture of the test runner.
        let _ = writeln!(std::io::stderr(), "the kit's report is not tested: there is no python3");
        return None;
    };
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Some(String::from_utf8(ended.stdout).unwrap())
}

#[test]
fn a_part_that_crashes_or_hangs_is_reported_and_the_next_one_runs() {
    let place = TempDir::new().unwrap();
    let (marks, out) = (place.path().join("marks"), place.path().join("out"));
    fs::create_dir(&marks).unwrap();
    // What hangs has started something that heeds no signal that can be caught.
    let parts = format!(
        "# NAME LIMIT COMMAND\n\
         conformance 9 echo 'test matmul ... ok'; echo 'test conv2d ... FAILED'; kill -SEGV $$\n\
         kernels 9 echo half of; echo 'allometry: no such adapter' >&2; exit 3\n\
         steps 1 sh -c \"trap '' TERM INT; sleep 3; : >{0}/survived\" & sleep 30\n\
         torch 9 echo 'No module named torch' >&2; exit 77\n\
         \n\
         start 9 echo 12; echo 34; : >{0}/reached; cat\n",
        marks.display()
    );
    let kit = kit(place.path(), &parts);
    let begun = Instant::now();
    let record = run(&kit, &out, &[]);
    let took = begun.elapsed();
    let expected = [
        entry("conformance", 139, "crashed with signal 11"),
        entry("kernels", 3, "ended with 3"),
        entry("steps", 137, "stopped after 1 s"),
        entry("torch", 77, "skipped"),
        entry("start", 0, "ok"),
    ];
    assert_eq!(record, expected);
    assert!(took < Duration::from_secs(20), "the part that hangs was waited for: {took:?}");
    assert!(marks.join("reached").exists());
    let machine: Value =
        serde_json::from_str(&fs::read_to_string(out.join("machine.json")).unwrap()).unwrap();
    assert_eq!(machine["commit"], "abc1234");
    if let Some(report) = report(&out) {
        for words in [
            "commit abc1234",
            "- conformance: did not end; passed until then: 1; failed: conv2d",
            "- conformance: crashed with signal 11\n",
            "- kernels: ended with 3: allometry: no such adapter",
            "- steps: stopped after 1 s\n",
            "- torch: skipped: No module named torch",
            "whole process: 12, 34 ms",
        ] {
            assert!(report.contains(words), "{words:?} in\n{report}");
        }
    }
    // Nothing of what hung is left: it would have made this by now.
    std::thread::sleep(Duration::from_secs(4).saturating_sub(begun.elapsed()));
    assert!(!marks.join("survived").exists());
}

#[test]
fn chosen_parts_run_again_within_a_shorter_limit_and_leave_the_others() {
    let place = TempDir::new().unwrap();
    let out = place.path().join("out");
    let kit = kit(place.path(), "parity 9 echo $RUN parity\nsteps 9 exec sleep 30\nstart 1 echo 5\n");
    let variables = [("KIT_LIMIT", "1"), ("KIT_RUNNER", "through")];
    let stopped = entry("steps", 137, "stopped after 1 s");
    let all = [entry("parity", 0, "ok"), stopped.clone(), entry("start", 0, "ok")];
    assert_eq!(run(&kit, &out, &variables), all);
    assert_eq!(fs::read_to_string(out.join("parity.out")).unwrap(), "through parity\n");
    // The last time counts in the report.
    fs::write(kit.join("parts"), "parity 9 exit 1\nsteps 9 exec sleep 30\nstart 9 echo 6\nlater 9 exit 1\n")
        .unwrap();
    let again = run(&kit, &out, &[("KIT_PARTS", "start parity")]);
    assert_eq!(again, [&all[..], &[entry("parity", 1, "ended with 1"), entry("start", 0, "ok")]].concat());
    if let Some(report) = report(&out) {
        assert!(
            report.contains("- parity: ended with 1") && report.contains("whole process: 6 ms"),
            "{report}"
        );
        assert!(report.contains("- steps: stopped after 1 s") && !report.contains("later"), "{report}");
    }
}

#[test]
fn the_parts_of_the_kit_end_in_nine_minutes() {
    let parts = fs::read_to_string(Path::new(SCRIPTS).join("gpu-kit.d/parts")).unwrap();
    let lines = parts.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut names, mut seconds) = (BTreeSet::new(), 0);
    for line in lines {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap();
        assert!(names.insert(name), "{name} is listed twice");
        let limit: u64 =
            words.next().and_then(|limit| limit.parse().ok()).unwrap_or_else(|| panic!("{line}"));
        assert!(limit > 0 && words.next().is_some(), "{line}");
        // Starting and killing a part takes time too.
        seconds += limit + 1;
    }
    assert!(names.contains("conformance") && names.contains("matrices"), "{names:?}");
    assert!(seconds <= 540, "{seconds} s");
}
