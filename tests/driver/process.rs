//! The driver as a process: how it is started, and what it says and how it ends.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The driver with these arguments, without the variables that would choose an adapter for it, and without what
/// somebody may have tuned here.
pub fn driver(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_allometry"));
    command.args(arguments).env_remove("WGPU_BACKEND").env_remove("WGPU_ADAPTER_NAME");
    // Tables are as wide as they are.
    command.env_remove("COLUMNS");
    command.env("ALLOMETRY_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/nothing-cached"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A finished run.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn of(output: Output) -> Ended {
        Ended {
            // A process that a signal ended has no code.
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }

    /// The last line of standard output as JSON.
    pub fn json(&self) -> Value {
        let line = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(line)
            .unwrap_or_else(|e| panic!("{e}: {line:?}; on standard error: {}", self.err))
    }

    /// What the driver says went wrong: its last line on standard error, which has to be one sentence of its own.
    pub fn complaint(&self) -> &str {
        let last = self.err.lines().last().unwrap_or_default();
        assert!(last.starts_with("allometry: "), "{:?}", self.err);
        last
    }
}

pub fn run(arguments: &[&str]) -> Ended {
    Ended::of(driver(arguments).output().expect("the driver starts"))
}

/// Runs the driver, which has to end with 0.
pub fn succeed(arguments: &[&str]) -> Ended {
    let ended = run(arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    ended
}

/// Runs the driver, which has to end with `code` and a sentence that has these words in it.
pub fn fail(arguments: &[&str], code: i32, words: &[&str]) -> Ended {
    let ended = run(arguments);
    assert_eq!(ended.code, code, "{arguments:?}: {}{}", ended.out, ended.err);
    let complaint = ended.complaint();
    for word in words {
        assert!(complaint.contains(word), "{word:?} in {complaint:?}");
    }
    ended
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have names in UTF-8")
}

pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}
