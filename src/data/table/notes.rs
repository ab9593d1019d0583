//! Notes about columns that may not mean what they seem to.

use super::cells::{common_signs, is_missing};
use super::columns::{features, ignoring, targets};
use super::options::Task;
use crate::data::options::DataOptions;
use crate::error::shown;
use crate::quantile::median;
use crate::tables::{Table, Value};
use std::collections::HashSet;

/// The fewest rows that tell something: in fewer, whole numbers may be different, or a row far out, by chance.
const FEWEST: usize = 50;

/// A note about the first column whose numbers seem to have thousands separators that were taken for decimal marks: all
/// that have a mark have three digits behind it, and others are whole.
pub(super) fn thousands(table: &Table, options: &DataOptions) -> Option<String> {
    if options.table.decimal.is_some() {
        return None;
    }
    let grouped = |cell: &str, mark: char| {
        let (before, after) = cell.strip_prefix('-').unwrap_or(cell).split_once(mark)?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_group = (1..=3).contains(&before.len()) && before != "0" && after.len() == 3;
        (is_group && digits(before) && digits(after)).then_some(())
    };
    let seems = |place: usize, mark: char| -> Option<String> {
        let (mut example, mut whole) = (None, false);
        for cell in (0..table.len()).map(|row| table.cell(row, place)) {
            if cell.contains(mark) {
                grouped(cell, mark)?;
                example = example.or(Some(cell));
            } else {
                whole |= cell.parse::<i64>().is_ok();
            }
        }
        example.filter(|_| whole).map(str::to_string)
    };
    let readings = [('.', "point", "comma"), (',', "comma", "point")];
    (0..table.names().len()).find_map(|place| {
        readings.into_iter().find_map(|(mark, name, other)| {
            let example = seems(place, mark)?;
            let read = table.numbers(place).ok()?;
            let taken = example.replace(mark, ".").parse::<f64>().ok()?;
            let is_decimal = read.iter().any(|value| matches!(value, Value::Number(number) if *number == taken));
            is_decimal.then(|| {
                let column = shown(&table.names()[place]);
                format!("{example} in column {column} is read with a decimal {name} (--decimal {other} if it separates thousands)")
            })
        })
    })
}

/// A note about each column of numbers with signs or units, whose cells are read as names.
pub(super) fn signs(table: &Table, options: &DataOptions) -> Vec<String> {
    // A mistake in the names is reported where they are read.
    let Ok(mut columns) = targets(table, options) else { return Vec::new() };
    let features = features(table, &columns, options).unwrap_or_default();
    // Targets of regression are refused.
    columns.retain(|_| options.table.task == Task::Classification);
    columns.extend(features);
    let note = |place: usize| {
        common_signs((0..table.len()).map(|row| table.cell(row, place)))?;
        let first = (0..table.len()).find(|&row| !is_missing(table.cell(row, place)))?;
        let cell = table.place(first, place);
        Some(format!("{cell}, is read as a name (remove signs and units from the file to read numbers)"))
    };
    columns.retain(|&place| !is_categorical(table, place, options));
    columns.into_iter().filter_map(note).collect()
}

/// A note about each feature that seems to number the rows: different whole numbers that fill half of their range or
/// more, also in a table whose rows were shuffled or drawn. A model would learn the order of the table, which says
/// nothing of new rows.
pub(super) fn numbering(table: &Table, options: &DataOptions) -> Vec<String> {
    let numbers_rows = |place: usize| {
        let (mut seen, mut low, mut high) = (HashSet::new(), i64::MAX, i64::MIN);
        // Most columns end this at a number that is not whole, or that repeats.
        let are_different = (0..table.len()).all(|row| {
            table.cell(row, place).trim().parse().is_ok_and(|number: i64| {
                (low, high) = (low.min(number), high.max(number));
                seen.insert(number)
            })
        });
        are_different && seen.len() >= FEWEST && high.abs_diff(low) < 2 * table.len() as u64
    };
    // A mistake in the names is reported where they are read.
    let features = targets(table, options).and_then(|targets| features(table, &targets, options));
    let note = |place: usize| {
        let name = &table.names()[place];
        format!("column {} seems to number the rows ({} leaves it out)", shown(name), ignoring(name))
    };
    features.unwrap_or_default().into_iter().filter(|&place| numbers_rows(place)).map(note).collect()
}

/// A note about each column of numbers, feature or target, in which one row deviates from the median more than all
/// others together, by squares. A column is scaled by its deviation, which that row then sets: the others become nearly
/// equal. Of a target, the mean squared error measures this row.
pub(super) fn outliers(table: &Table, options: &DataOptions) -> Vec<String> {
    // A mistake in the names is reported where they are read.
    let Ok(targets) = targets(table, options) else { return Vec::new() };
    let mut features = features(table, &targets, options).unwrap_or_default();
    features.retain(|&place| !is_categorical(table, place, options));
    let numbers = if options.table.task == Task::Regression { targets.clone() } else { Vec::new() };
    let note = |place: usize| {
        let row = outlier(table, place)?;
        let effect = if targets.contains(&place) {
            "most of the loss comes from it (correct or remove the row, or use --loss huber)"
        } else {
            "scaled by its deviation, the other rows are nearly equal (correct or remove the row, or leave the column out)"
        };
        Some(format!(
            "{} is farther from the median than all other rows together: {effect}",
            table.place(row, place)
        ))
    };
    features.into_iter().chain(numbers).filter_map(note).collect()
}

/// The row whose squared deviation from the column's median is more than all others together. None in a column of which
/// half the values are equal, such as one that marks a rare case.
fn outlier(table: &Table, place: usize) -> Option<usize> {
    let mut numbers = Vec::new();
    for (row, value) in table.numbers(place).ok()?.into_iter().enumerate() {
        match value {
            Value::Number(number) if number.is_finite() => numbers.push((row, number)),
            Value::Empty | Value::Missing => {}
            // A column of text, or one that is refused.
            _ => return None,
        }
    }
    if numbers.len() < FEWEST {
        return None;
    }
    let center = median(numbers.iter().map(|(_, number)| *number));
    let deviation = |number: f64| (number - center).abs();
    let (row, most) = *numbers.iter().max_by(|a, b| deviation(a.1).total_cmp(&deviation(b.1)))?;
    // Relative to the largest, so that no square overflows.
    let all: f64 = numbers.iter().map(|(_, number)| (deviation(*number) / deviation(most)).powi(2)).sum();
    let is_varied = median(numbers.iter().map(|(_, number)| deviation(*number))) > 0.0;
    (is_varied && all < 2.0).then_some(row)
}

/// Whether the options say that a column holds names, also if they are numbers.
fn is_categorical(table: &Table, place: usize, options: &DataOptions) -> bool {
    options.table.categorical.contains(&table.names()[place])
}
