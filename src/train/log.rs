//! The epochs of a training as rows that spreadsheets and data frames read: CSV, or JSON lines.

use super::history::EpochReport;
use crate::error::{Error, Result};
use crate::files;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Csv,
    JsonLines,
}

/// A file with a row for each epoch. It is replaced whole with each row. Rows of an interrupted training stay when it is
/// resumed, up to the epoch that it is resumed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EpochLog {
    path: PathBuf,
    format: Format,
}

impl EpochLog {
    /// A log in the file `path`: CSV if its name ends in `.csv`, JSON lines if it ends in `.jsonl`.
    ///
    /// # Errors
    /// [`Error::Config`] for another ending.
    pub fn new(path: &Path) -> Result<EpochLog> {
        let format = match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Format::Csv,
            Some("jsonl") => Format::JsonLines,
            _ => {
                let problem = "the name of a log ends in .csv or .jsonl".to_string();
                return Err(Error::Config { what: path.display().to_string(), problem });
            }
        };
        Ok(EpochLog { path: path.to_path_buf(), format })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the row of an epoch behind those of the epochs before it. The first epoch begins a new file.
    ///
    /// # Errors
    /// Files that can't be read or written.
    pub fn write(&self, report: &EpochReport) -> Result<()> {
        let row = row(report);
        let header = row.each_ref().map(|(name, _)| *name).join(",");
        let earlier = if report.epoch == 1 { String::new() } else { self.earlier()? };
        let ahead = usize::from(self.format == Format::Csv);
        let mut lines: Vec<&str> = earlier.lines().take(ahead + report.epoch as usize - 1).collect();
        let new = match self.format {
            Format::Csv => row.each_ref().map(|(_, value)| cell(value)).join(","),
            Format::JsonLines => {
                format!(
                    "{{{}}}",
                    row.each_ref().map(|(name, value)| format!("\"{name}\": {value}")).join(", ")
                )
            }
        };
        if self.format == Format::Csv && lines.is_empty() {
            lines.push(&header);
        }
        lines.push(&new);
        files::replace(&self.path, format!("{}\n", lines.join("\n")).as_bytes())
    }

    /// The file so far; empty if there is none.
    fn earlier(&self) -> Result<String> {
        if !self.path.exists() {
            return Ok(String::new());
        }
        std::fs::read_to_string(&self.path).map_err(Error::file(&self.path, "read"))
    }
}

fn row(report: &EpochReport) -> [(&'static str, Value); 9] {
    [
        ("epoch", json!(report.epoch)),
        ("step", json!(report.step)),
        ("learning_rate", json!(report.learning_rate)),
        ("loss", json!(report.train.loss)),
        ("accuracy", json!(report.train.accuracy)),
        ("validation_loss", json!(report.validation.loss)),
        ("validation_accuracy", json!(report.validation.accuracy)),
        ("samples_per_second", json!(report.samples_per_second)),
        ("seconds", json!(report.seconds)),
    ]
}

/// A cell of CSV. Numbers need no quotes.
fn cell(value: &Value) -> String {
    if value.is_null() { String::new() } else { value.to_string() }
}
