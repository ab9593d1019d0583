//! All checks on all series of a sweep.

use super::asked::Asked;
use super::check::{Check, CheckOutcome, Fault};
use super::subject::Subject;
use super::sweep::Sweep;
use super::{collinear, convergence, edge, learning_rate, outliers, overfitting, range, seeds};
use crate::units::plural;
use serde::Serialize;
use std::collections::HashSet;
use std::fmt;

/// The probability that a kind of check finds a fault in a sound sweep.
pub const LEVEL: f64 = 0.01;

/// The checks in the order in which to remove their faults: first what spoils every run, then which runs there are,
/// then how many.
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

/// A fault, and where it was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// The axis; empty if there is one law.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub axis: String,
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
}

/// A check that could not tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unknown {
    /// The check's name.
    pub check: &'static str,
    /// The axis; empty if there is one law.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub axis: String,
    /// Why.
    pub reason: String,
}

/// The results of all checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether no fault matters.
    pub sound: bool,
    /// The verdict in one line; also [`Verdict`]'s `Display`.
    pub verdict: String,
    /// Number of runs that were checked.
    pub runs: usize,
    /// The runs that were not, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// The law is asked for the loss at this many times the largest size.
    pub reach: f64,
    /// The faults, those to remove first in front.
    pub findings: Vec<Finding>,
    /// The checks that could not tell.
    pub unknown: Vec<Unknown>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.verdict)
    }
}

/// A verdict without its reasons.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary<'v> {
    /// Whether no fault matters.
    pub sound: bool,
    /// The verdict in one line.
    pub verdict: &'v str,
}

impl Verdict {
    /// The verdict alone.
    pub fn summary(&self) -> Summary<'_> {
        Summary { sound: self.sound, verdict: &self.verdict }
    }
}

/// Checks a sweep.
pub fn check(sweep: &Sweep, asked: &Asked) -> Verdict {
    let (mut findings, mut unknown) = (Vec::new(), Vec::new());
    let level = LEVEL / sweep.series.len().max(1) as f64;
    let subjects: Vec<Subject> =
        sweep.series.iter().map(|series| Subject::new(series, &sweep.source, asked, level)).collect();
    for check in &CHECKS {
        for subject in &subjects {
            let axis = subject.series.name.clone();
            match (check.judge)(subject) {
                CheckOutcome::Fine => {}
                CheckOutcome::Unknown(reason) => unknown.push(Unknown { check: check.name, axis, reason }),
                CheckOutcome::Found(fault) => findings.push(Finding { check: check.name, axis, fault }),
            }
        }
    }
    // The sort is stable, so faults that matter keep their order.
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
        let but = if left.is_empty() { String::new() } else { format!("; not checked: {}", left.join(", ")) };
        return format!("Sound: no fault is found in {}{but}.", plural(runs, "run"));
    };
    format!("Not sound: {}; first {}.", names.join(", "), first.fault.hint.what)
}
