//! Which kernels there are: read from the source, wherever a file lies, so that none can be forgotten.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Kernels that no sample can reach through the public interface, and the file whose tests run them.
pub const TESTED_ELSEWHERE: &[(&str, &str)] = &[("copy.accumulate", "src/ops/gradient.rs")];

/// The labels (`op.entry`) of all kernels, each with the file that defines it. Of a family of variants it is the label of
/// the first.
pub fn labels() -> BTreeMap<String, PathBuf> {
    let mut labels = BTreeMap::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder was listed by its parent") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("sources are text");
            let text = code(&text);
            let defines = |line: &&str| {
                line.trim_start().trim_start_matches("pub(super) ").starts_with("static ")
                    && (line.contains(": Kernel<") || line.contains(": Family<"))
            };
            let kernels = text.lines().filter(defines).count();
            if kernels == 0 {
                continue;
            }
            let found: Vec<String> =
                text.split('"').skip(1).step_by(2).filter(is_label).map(String::from).collect();
            assert!(
                found.len() >= kernels,
                "{}: {kernels} kernels with the labels {found:?}",
                path.display()
            );
            labels.extend(found.into_iter().map(|label| (label, path.clone())));
        }
    }
    labels
}

/// A text without comments and unit tests.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]").next().expect("a split has a first part");
    body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// `op.entry`, both lower-case words.
fn is_label(literal: &&str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    literal.split_once('.').is_some_and(|(op, entry)| is_word(op) && is_word(entry) && entry != "wgsl")
}
