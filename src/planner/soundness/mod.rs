//! Whether runs can answer what a law of them is asked: what their loss will be at a size that was not trained.
//!
//! Each kind of fault is a `Check` in a file of its own, with one line in `CHECKS`. A check looks at one
//! [`Series`], the runs that one law is fitted to, and says that it finds nothing, that it can't tell, or a [`Fault`]: what
//! is wrong, by how much it can change the answer, and the command that mends it.
//!
//! *The answer* is the loss at [`Asked::reach`] times the largest size (of two sizes: times the compute of the largest
//! run, each size growing as its root), and its interval the 95 % one of the curve or surface that the runs lie around
//! (`surface.rs`). A fault that moves the answer by less than a quarter of its width, and makes it less than twice as wide, is a
//! remark: the sweep stays
//! sound.
//!
//! Every test of significance has one level for all of its comparisons and all series, [`LEVEL`] (Bonferroni's
//! correction), so that each kind of check calls at most one sound sweep in a hundred unsound by chance.
//!
//! - `sweep.rs`: the runs, from a directory or a table. `surface.rs`: what they lie around. `statistics.rs`: least squares
//!   and thresholds. `subject.rs`: a series, prepared for the checks. `mend.rs`: commands.

mod collinear;
mod convergence;
mod edge;
mod learning_rate;
mod mend;
mod outliers;
mod overfitting;
mod range;
mod seeds;
mod statistics;
mod subject;
mod surface;
mod sweep;

pub use sweep::{Run, Series, Source, Sweep};

use serde::Serialize;
use std::collections::HashSet;
use std::fmt;
use subject::Subject;

/// Chance that a kind of check finds a fault where there is none.
pub const LEVEL: f64 = 0.01;

/// How far beyond the largest size a law is asked for, where nothing else is said.
pub const REACH: f64 = 4.0;

/// What a sweep is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// The law is asked for the loss at this many times the largest size; above 1.
    pub reach: f64,
}

impl Default for Asked {
    fn default() -> Asked {
        Asked { reach: REACH }
    }
}

/// One kind of fault.
struct Check {
    /// What it is called in lists and in JSON.
    name: &'static str,
    judge: fn(&Subject) -> Outcome,
}

/// In the order in which faults are mended: what spoils every run first, then what the runs are of, then how many.
const CHECKS: [Check; 8] = [
    learning_rate::CHECK,
    convergence::CHECK,
    overfitting::CHECK,
    range::CHECK,
    collinear::CHECK,
    edge::CHECK,
    outliers::CHECK,
    seeds::CHECK,
];

/// What a check says of a series.
enum Outcome {
    /// Nothing.
    Fine,
    /// Why it can't tell.
    Unknown(String),
    Found(Fault),
}

/// Something wrong with a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    /// In a few words.
    pub fault: String,
    /// In plain words, with the values seen.
    pub problem: String,
    /// What it does to the answer, in words.
    pub consequence: String,
    /// The part by which the loss at the asked size changes, or is uncertain because of it; none where it is about
    /// something else than a loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// What mends it.
    pub mend: Mend,
    /// Whether it makes the sweep unsound.
    pub matters: bool,
}

/// What mends a fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mend {
    /// What to do, in words.
    pub what: String,
    /// The command that does it; of a table, which no command adds runs to, the one that looks at it again.
    pub command: String,
}

/// A fault, and where it was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// The axis; empty where there is one law.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub axis: String,
    /// What it found.
    #[serde(flatten)]
    pub fault: Fault,
}

/// A check that could not tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unknown {
    /// The check's name.
    pub check: &'static str,
    /// The axis; empty where there is one law.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub axis: String,
    /// Why.
    pub reason: String,
}

/// What is known of a sweep's soundness.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether no fault was found that matters.
    pub sound: bool,
    /// That in one line; also [`Verdict`]'s `Display`.
    pub verdict: String,
    /// How many runs were judged.
    pub runs: usize,
    /// The runs that were not, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Times the largest size that was asked for.
    pub reach: f64,
    /// The faults, those to mend first in front.
    pub findings: Vec<Finding>,
    /// What could not be told.
    pub unknown: Vec<Unknown>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.verdict)
    }
}

/// A verdict without its reasons, for what shows other things too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary<'v> {
    /// Whether no fault was found that matters.
    pub sound: bool,
    /// That in one line.
    pub verdict: &'v str,
}

impl Verdict {
    /// The verdict alone.
    pub fn summary(&self) -> Summary<'_> {
        Summary { sound: self.sound, verdict: &self.verdict }
    }
}

/// Judges a sweep by every check.
pub fn check(sweep: &Sweep, asked: &Asked) -> Verdict {
    let (mut findings, mut unknown) = (Vec::new(), Vec::new());
    let level = LEVEL / sweep.series.len().max(1) as f64;
    let subjects: Vec<Subject> =
        sweep.series.iter().map(|series| Subject::new(series, &sweep.source, asked, level)).collect();
    for check in &CHECKS {
        for subject in &subjects {
            let axis = subject.series.name.clone();
            match (check.judge)(subject) {
                Outcome::Fine => {}
                Outcome::Unknown(reason) => unknown.push(Unknown { check: check.name, axis, reason }),
                Outcome::Found(fault) => findings.push(Finding { check: check.name, axis, fault }),
            }
        }
    }
    // A stable sort: what matters keeps its order.
    findings.sort_by_key(|finding| !finding.fault.matters);
    // The base model is a run of every axis.
    let names = sweep.series.iter().flat_map(|series| series.runs.iter().map(|run| &run.name));
    let runs = names.collect::<HashSet<_>>().len();
    let sound = !findings.iter().any(|finding| finding.fault.matters);
    let verdict = in_one_line(&findings, &unknown, runs);
    Verdict { sound, verdict, runs, left_out: sweep.left_out.clone(), reach: asked.reach, findings, unknown }
}

fn in_one_line(findings: &[Finding], unknown: &[Unknown], runs: usize) -> String {
    let mut names: Vec<&str> = Vec::new();
    for Finding { fault, .. } in findings.iter().filter(|finding| finding.fault.matters) {
        if !names.contains(&fault.fault.as_str()) {
            names.push(&fault.fault);
        }
    }
    let Some(first) = findings.first().filter(|_| !names.is_empty()) else {
        let mut left: Vec<&str> = unknown.iter().map(|unknown| unknown.check).collect();
        left.dedup();
        let but = if left.is_empty() { String::new() } else { format!("; not judged: {}", left.join(", ")) };
        return format!("Sound: no fault is found in {runs} runs{but}.");
    };
    format!("Not sound: {}; first {}.", names.join(", "), first.fault.mend.what)
}
