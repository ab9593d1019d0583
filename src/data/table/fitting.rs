//! How columns become features and outputs, from the training rows.

use super::cells::{Cells, WITHOUT_SIGN, common_signs};
use super::inputs::{InputColumn, TargetColumn};
use super::source::{Column, Source};
use crate::error::{Error, Result, shown};
use crate::rounding::ROUNDING;
use crate::units::plural;
use std::collections::{BTreeSet, HashSet};

/// The number of different texts from which a column may be one of names or descriptions, not of categories.
const MANY: usize = 20;

/// How a column becomes features: means and deviations are those of the rows `train`. The categories are those of all
/// `rows`, so that the number of features depends on no seed.
pub(in crate::data) fn input_column(
    name: &str,
    cells: &Cells,
    train: &[usize],
    rows: &[usize],
) -> InputColumn {
    let name = name.to_string();
    match cells {
        Cells::Numbers(values) => {
            let (mean, deviation) = scale(values, train);
            InputColumn::Number { name, mean, deviation }
        }
        Cells::Names(names) => {
            let trained: HashSet<&str> = train.iter().filter_map(|&row| names[row]).collect();
            let all: BTreeSet<&str> = rows.iter().filter_map(|&row| names[row]).collect();
            let untrained = all.iter().filter(|name| !trained.contains(*name)).map(|name| name.to_string());
            let untrained = untrained.collect();
            InputColumn::Categories {
                name,
                categories: all.into_iter().map(String::from).collect(),
                untrained,
            }
        }
    }
}

/// How a column becomes an output: unchanged, or standardised by the rows `train`.
pub(in crate::data) fn target_column(
    name: &str,
    values: &[f64],
    train: &[usize],
    scaled: bool,
) -> TargetColumn {
    let (mean, deviation) = if scaled { scale(values, train) } else { (0.0, 1.0) };
    TargetColumn { name: name.to_string(), mean, deviation: if deviation == 0.0 { 1.0 } else { deviation } }
}

/// The classes of rows: by number if all are numbers, else by name.
///
/// # Errors
/// [`Error::Format`] for a single class, and for a column of which nearly every row is different.
pub(in crate::data) fn classes(
    source: &Source,
    column: &Column,
    names: &[Option<&str>],
    rows: &[usize],
) -> Result<Vec<String>> {
    let all: BTreeSet<&str> = rows.iter().filter_map(|&row| names[row]).collect();
    if all.len() < 2 {
        let found =
            format!("{} different in {} rows of column {}", all.len(), rows.len(), shown(&column.name));
        return Err(Error::format(source.first().path(), "at least two classes", found));
    }
    let are_numbers = all.iter().all(|class| class.parse::<f64>().is_ok());
    if all.len() > MANY && 2 * all.len() > rows.len() {
        let expected = if are_numbers {
            "classes of several rows each (--task regression predicts numbers)"
        } else {
            "classes of several rows each"
        };
        return Err(too_many(source, column, names, all.len(), rows.len(), expected));
    }
    let mut classes: Vec<String> = all.into_iter().map(String::from).collect();
    if are_numbers {
        let number = |class: &String| class.parse().unwrap_or(f64::NAN);
        classes.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    Ok(classes)
}

/// Refuses a column of texts of which most are different.
///
/// # Errors
/// [`Error::Format`] with the counts.
pub(in crate::data) fn check_categories(
    source: &Source,
    column: &Column,
    names: &[Option<&str>],
) -> Result<()> {
    let (all, rows): (HashSet<&str>, usize) =
        (names.iter().flatten().copied().collect(), names.iter().flatten().count());
    if all.len() <= MANY || 2 * all.len() <= rows {
        return Ok(());
    }
    let name = shown(&column.name);
    let expected = format!(
        "columns of numbers or of categories (--ignore {name} leaves this one out, --categorical {name} takes it as it is)"
    );
    Err(too_many(source, column, names, all.len(), rows, &expected))
}

/// The error about a column with too many different texts. Numbers with signs or units are meant as numbers.
fn too_many(
    source: &Source,
    column: &Column,
    names: &[Option<&str>],
    different: usize,
    rows: usize,
    expected: &str,
) -> Error {
    let are_signed = common_signs(names.iter().flatten().copied()).is_some();
    let expected = if are_signed { WITHOUT_SIGN } else { expected };
    let example = names.iter().position(Option::is_some).unwrap_or_default();
    let more = format!(", one of {different} different cells in {}", plural(rows, "row"));
    source.refuse_with(example, column, expected, &more)
}

/// Mean and deviation of a column over those of these rows that have a number; the deviation is 0 if it is constant
/// except for rounding.
fn scale(values: &[f64], rows: &[usize]) -> (f64, f64) {
    let values = || rows.iter().map(|&row| values[row]).filter(|value| !value.is_nan());
    let count = values().count() as f64;
    if count == 0.0 {
        return (0.0, 0.0);
    }
    let (low, high) = values()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (value.min(low), value.max(high)));
    let rounding = ROUNDING * low.abs().max(high.abs());
    // The squares of smaller differences would underflow.
    let smallest = f64::MIN_POSITIVE.sqrt();
    let mean = values().sum::<f64>() / count;
    if high - low <= rounding.max(smallest) {
        return (mean, 0.0);
    }
    let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    (mean, deviation)
}
