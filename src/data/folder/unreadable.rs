//! Files that are no images.

use super::storage::Entry;
use crate::error::{Error, Result, shown};
use crate::units::plural;
use std::path::Path;

/// Files that an error or a note names.
const NAMED: usize = 5;

/// A file that is no image, and why.
pub(super) struct Unreadable {
    name: String,
    problem: String,
}

impl Unreadable {
    pub fn new(entry: &Entry, problem: String) -> Unreadable {
        Unreadable { name: entry.name.clone(), problem }
    }
}

/// Refuses a set of which more than a hundredth is unreadable.
pub(super) fn check(place: &Path, total: usize, unreadable: &[Unreadable]) -> Result<()> {
    if unreadable.len() * 100 <= total {
        return Ok(());
    }
    let expected = "images, of which at most 1 % cannot be read";
    Err(Error::format(place, expected, summary(total, unreadable)))
}

/// How many files are unreadable, with the first names.
pub(super) fn summary(total: usize, unreadable: &[Unreadable]) -> String {
    let named = unreadable.iter().take(NAMED);
    let mut names: Vec<String> =
        named.map(|file| format!("{} ({})", shown(&file.name), file.problem)).collect();
    if unreadable.len() > NAMED {
        names.push("…".to_string());
    }
    let total = plural(total, "file");
    format!("{} of {total} that cannot be read as images: {}", unreadable.len(), names.join(", "))
}
