//! Help, completions, and commands that make no sense.

use crate::process::{run, succeed};
use allometry::laws::Form;
use allometry::models::{Architecture, Axis};
use allometry::nn::Precision;

/// Runs the driver with arguments that it can't understand.
pub fn fail_usage(arguments: &[&str]) {
    assert_eq!(run(arguments).code, 2, "{arguments:?}");
}

#[test]
fn completions_are_a_script() {
    let script = succeed(&["completions", "bash"]).out;
    assert!(script.contains("_allometry()") && script.contains("complete -F _allometry"), "{script}");
}

/// The names of all commands, as the driver's help lists them.
fn commands() -> Vec<String> {
    let help = succeed(&["--help"]).out;
    let list =
        help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    // A description that is wrapped goes on further to the right.
    let lines = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = lines.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let names: Vec<String> = names.map(str::to_string).collect();
    assert!(names.len() >= 11 && names.contains(&"fit".to_string()), "{names:?}");
    names
}

/// The help of a command on one line, so that no line's end parts two words.
fn help(command: &str) -> String {
    let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
    succeed(&arguments).out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_device_is_asked_for_where_one_is_used() {
    let with_device = [
        "devices",
        "train",
        "predict",
        "sweep",
        "search-compound",
        "bench",
        "bench kernels",
        "profile",
        "tune",
        "plan",
    ];
    for command in commands().iter().map(String::as_str).chain(["bench kernels"]) {
        assert_eq!(help(command).contains("--device"), with_device.contains(&command), "{command}");
    }
    for arguments in [
        &["summary", "mlp", "--device", "cpu"][..],
        &["fit", "table.csv", "--x", "a", "--y", "b", "--device", "cpu"],
        &["report", "sweep", "--device", "cpu"],
    ] {
        fail_usage(arguments);
    }
}

#[test]
fn helps_list_what_there_is() {
    for command in ["summary", "train", "sweep", "search-compound", "bench", "profile"] {
        let help = help(command);
        assert!(help.contains(&Architecture::presets().join(", ")), "{help}");
        for name in Precision::ALL.map(Precision::name) {
            assert!(help.contains(&format!("- {name}:")), "{help}");
        }
    }
    for command in ["sweep", "bench"] {
        assert!(help(command).contains(&Axis::ALL.map(Axis::name).join(", ")), "{command}");
    }
    for command in ["train", "sweep", "search-compound"] {
        assert!(help(command).contains(&allometry::data::NAMES.join(", ")), "{command}");
    }
    let words = help("train").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("lion needs about a tenth of adam's"), "{words}");
    let help = help("fit");
    for form in Form::ALL {
        assert!(help.contains(&format!("{} {}", form.name(), form.formula())), "{form} in {help}");
        assert!(
            help.split("possible values:").nth(1).is_some_and(|values| values.contains(form.name())),
            "{form}"
        );
    }
}

#[test]
fn every_help_shows_an_example() {
    let mut commands = commands();
    commands.push("bench kernels".to_string());
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
fn negative_numbers_are_refused_with_the_range() {
    for (arguments, range) in [
        (&["train", "mlp", "--learning-rate", "-1"][..], "expected a number above zero"),
        (&["train", "mlp", "--batch", "-1"], "expected a whole number, at least 1"),
        (&["train", "mlp", "--momentum", "-0.5"], "at least 0 and below 1"),
        (&["sweep", "--factors", "-1,2", "--out", "sweep"], "expected a number above zero"),
        (&["sweep", "--seeds", "-1", "--out", "sweep"], "expected a whole number from 0"),
        (&["check", "sweep", "--reach", "-2"], "expected a number above one"),
        (&["bench", "kernels", "--seconds", "-1"], "expected a number above zero"),
    ] {
        let ended = run(arguments);
        assert!(ended.code == 2 && ended.err.contains(range), "{arguments:?}: {}", ended.err);
    }
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
        &["sweep", "--compound", "1.2,1.1,1.1", "--compound-from", "compound.toml"],
        &["search-compound"],
        &["search-compound", "mlp", "--best", "0"],
        &["search-compound", "mlp", "--samples", "10", "--flops", "1e9"],
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

/// Plans, configurations and reports are TOML, whose integers end at 2⁶³ − 1.
#[test]
fn seeds_that_no_plan_can_hold_are_refused() {
    let seed = "9223372036854775808";
    for arguments in [
        &["train", "mlp", "--seed", seed][..],
        &["plan", "sweep", "--budget", "1TFLOP", "--seed", seed],
        &["sweep", "--seeds", seed],
        &["sweep", "--samples", seed],
    ] {
        let outcome = run(arguments);
        assert!(
            outcome.code == 2 && outcome.err.contains("9223372036854775807"),
            "{arguments:?}: {}",
            outcome.err
        );
    }
}
