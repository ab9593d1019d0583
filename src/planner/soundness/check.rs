//! What a check is, and what it returns.

use super::subject::Subject;
use serde::Serialize;

/// A check for one kind of fault.
pub(super) struct Check {
    /// Its name in lists and in JSON.
    pub name: &'static str,
    pub judge: fn(&Subject) -> CheckOutcome,
}

/// The result of a check on a series.
pub(super) enum CheckOutcome {
    /// No fault.
    Fine,
    /// Why the check cannot tell.
    Unknown(String),
    Found(Fault),
}

/// Something wrong with a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    /// A few words.
    pub fault: String,
    /// The problem in a sentence, with the values seen.
    pub problem: String,
    /// Its effect on the answer, in a sentence.
    pub consequence: String,
    /// The relative change of the loss at the asked size, or its uncertainty; `None` if the fault concerns something
    /// other than a loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// How to remove it.
    #[serde(rename = "mend")]
    pub hint: Hint,
    /// Whether it makes the sweep unsound.
    pub matters: bool,
}

/// How to remove a fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hint {
    /// What to do, in words.
    pub what: String,
    /// The command. No command adds runs to a table; there it is the one that checks the table again.
    pub command: String,
}
