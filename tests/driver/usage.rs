//! Help, completions, and commands that make no sense.

use crate::process::{run, succeed};

/// Runs the driver with arguments that it can't understand.
pub fn fail_usage(arguments: &[&str]) {
    assert_eq!(run(arguments).code, 2, "{arguments:?}");
}

#[test]
fn completions_are_a_script() {
    let script = succeed(&["completions", "bash"]).out;
    assert!(script.contains("_allometry()") && script.contains("complete -F _allometry"), "{script}");
}

#[test]
fn every_help_shows_an_example() {
    let commands = [
        "devices",
        "summary",
        "train",
        "sweep",
        "bench",
        "bench kernels",
        "profile",
        "tune",
        "plan",
        "report",
        "completions",
    ];
    for command in commands {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = succeed(&arguments).out;
        let example = help.split("Example:").nth(1).unwrap_or_else(|| panic!("no example in\n{help}"));
        assert!(example.contains(&format!("allometry {command}")), "{help}");
    }
    let help = succeed(&["--help"]).out;
    assert!(help.contains("Exit codes:") && help.contains("Example:"), "{help}");
}

#[test]
fn a_command_that_makes_no_sense_is_a_matter_of_usage() {
    for arguments in [
        &[][..],
        &["grow"],
        &["summary"],
        &["train", "mlp", "--epoch", "3"],
        &["train", "mlp", "--device", "quantum"],
        &["train", "mlp", "--epochs", "0"],
        &["train", "mlp", "--batch", "0"],
        &["summary", "mlp", "--batch", "0"],
        &["sweep", "--axis", "height"],
        &["sweep", "--factors", "large"],
        &["sweep", "--compound", "1.2,1.1"],
        &["bench", "--batch", "0"],
        &["bench", "kernels", "--family", "sorting"],
        &["bench", "--batch", "4", "kernels"],
        &["profile"],
        &["profile", "mlp", "--steps", "0"],
        &["completions", "abacus"],
        &["fit", "runs.csv", "--x", "n", "--y", "loss", "--where", "c4"],
        &["fit", "runs.csv", "--x", "n", "--y", "loss", "--delimiter", "ab"],
        &["fit", "runs.csv", "--x", "n", "--y", "loss", "--decimal", "dot"],
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains("--help") || ended.err.contains("Usage"), "{arguments:?}: {}", ended.err);
    }
}
