//! What options leave open, decided by the file: whether it has a header, which names a list holds, and the task.

use super::cells::{Cells, Kind};
use super::columns::targets;
use super::notes;
use super::options::Task;
use super::source::{Source, file, read};
use crate::data::options::DataOptions;
use crate::error::{Result, shown};
use crate::tables::{Header, Table};
use crate::units::plural;
use std::collections::BTreeSet;

/// Options of which nothing is left open, and the decisions in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The options.
    pub options: DataOptions,
    /// What was decided, and why: a sentence each.
    pub notes: Vec<String>,
}

/// The most different whole numbers that are taken for classes.
const MOST_CLASSES: usize = 20;
/// The least number of rows per class on average.
const ROWS_PER_CLASS: usize = 5;

/// Decides what the options of a `csv` data set leave open. Each name of a column may be a list of names, separated by
/// commas; the header tells which commas belong to a name. Without a `task`, a target of text and one of a few
/// different whole numbers are classes.
///
/// # Errors
/// A file that cannot be read; a target column that it does not have.
pub fn choose(mut options: DataOptions, task: Option<Task>) -> Result<Choice> {
    let table = &read(&file(options.directory()?)?, &options.table.format())?;
    let mut said = Vec::new();
    if options.table.header == Header::Detect {
        options.table.header = if table.has_header() { Header::Present } else { Header::Absent };
        if table.has_header() && !table.is_empty() && !table.has_numbers() {
            said.push(format!(
                "the first line of {} is taken for the names of the columns, because no column has numbers (--no-header if it is a row)",
                table.path().display()
            ));
        }
        if !table.has_header() {
            said.push(format!(
                "the first line of {} is taken for a row, because it has numbers; columns are called 1 to {} (--header if it has names)",
                table.path().display(),
                table.names().len()
            ));
        }
    }
    for names in [&mut options.target_columns, &mut options.table.categorical, &mut options.table.ignored] {
        *names = split_all(names, table.names());
    }
    said.extend(notes::thousands(table, &options));
    said.extend(notes::numbering(table, &options));
    match task {
        Some(task) => options.table.task = task,
        None => said.extend(decide_task(table, &mut options)?),
    }
    said.extend(notes::signs(table, &options));
    said.extend(notes::outliers(table, &options));
    Ok(Choice { options, notes: said })
}

/// Decides the task of a single target, and says why.
///
/// # Errors
/// A target column that the table does not have.
fn decide_task(table: &Table, options: &mut DataOptions) -> Result<Option<String>> {
    let targets = targets(table, options)?;
    let ([target], false) = (&targets[..], table.is_empty()) else { return Ok(None) };
    let column = shown(&table.names()[*target]);
    // A mistake in the column is reported where it is read.
    let source = Source::of(table);
    let cells = Cells::read(&source, &source.column(*target)?, Kind::Detect, "");
    let (task, why) = match cells {
        Ok(Cells::Names(names)) => {
            let classes: BTreeSet<&str> = names.into_iter().flatten().collect();
            (
                Task::Classification,
                format!(
                    "classification into {}, because column {column} has text",
                    plural(classes.len(), "class")
                ),
            )
        }
        Ok(Cells::Numbers(numbers)) => match few_whole(&numbers) {
            Some(classes) => {
                let why = format!(
                    "classification, because column {column} has only {classes} different whole numbers (--task regression predicts numbers)"
                );
                (Task::Classification, why)
            }
            None => {
                let why = format!(
                    "regression, because column {column} has numbers (--task classification predicts classes)"
                );
                (Task::Regression, why)
            }
        },
        Err(_) => (Task::Regression, format!("regression, because column {column} has numbers")),
    };
    options.table.task = task;
    Ok(Some(why))
}

/// The number of different values, if they are few whole numbers with several rows each.
fn few_whole(numbers: &[f64]) -> Option<usize> {
    let mut different = BTreeSet::new();
    let present = numbers.iter().filter(|number| !number.is_nan());
    for number in present.clone() {
        if number.fract() != 0.0 || number.abs() > i32::MAX as f64 {
            return None;
        }
        different.insert(*number as i64);
        if different.len() > MOST_CLASSES {
            return None;
        }
    }
    (different.len() > 1 && ROWS_PER_CLASS * different.len() <= present.count()).then_some(different.len())
}

/// Names from texts that each hold a name or several.
fn split_all(texts: &[String], known: &[String]) -> Vec<String> {
    let names = texts.iter().flat_map(|text| {
        if !text.contains(',') {
            return vec![text.as_str()];
        }
        // A text that is no list of columns is split at every comma, so that the error names the missing column.
        split(text, known).unwrap_or_else(|| text.split(',').collect())
    });
    names.map(str::to_string).collect()
}

/// Splits a list of known names at commas. Longer names are tried first.
fn split<'a>(text: &'a str, known: &[String]) -> Option<Vec<&'a str>> {
    let is_known = |name: &str| known.iter().any(|known| known == name);
    if is_known(text.trim()) {
        return Some(vec![text.trim()]);
    }
    text.rmatch_indices(',').find_map(|(comma, _)| {
        let first = text[..comma].trim();
        let others = is_known(first).then(|| split(&text[comma + 1..], known))??;
        Some([&[first], &others[..]].concat())
    })
}
