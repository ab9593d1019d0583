//! Columns of a table as points to fit.

use super::{Points, error_rate};
use crate::error::{Error, Result, shown};
use crate::rounding::constant;
use crate::tables::{Format, Table, Value};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// Which columns of a table are what, and which rows count.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// The size.
    pub x: String,
    /// The second size, for laws of two.
    pub x2: Option<String>,
    /// What follows from the sizes.
    pub y: String,
    /// Whether y is an accuracy, from 0 to 1; the law is then fitted to the [error rate](super::error_rate).
    pub error_rate: bool,
    /// Only rows that these hold for count; see [`Table::select`].
    pub conditions: Vec<String>,
    /// Rows with a larger y (after that) are left out: runs that diverged, for example.
    pub drop_above: Option<f64>,
    /// Rows with a smaller y (after that) are left out.
    pub drop_below: Option<f64>,
    /// Whether rows with NaN, NA and the like are left out; otherwise they are refused. Rows with empty cells are
    /// always left out.
    pub skip_missing: bool,
    /// How the file is written.
    pub format: Format,
}

/// What a table holds for a fit.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The rows that count.
    pub points: Points,
    /// How many others there are, and why they don't.
    pub left_out: LeftOut,
    /// The table, of the rows that conditions hold for.
    pub table: Table,
    /// For each row that counts its place in the table.
    pub rows: Vec<usize>,
}

impl Selection {
    /// Another column's numbers in the rows that count.
    ///
    /// # Errors
    /// [`Error::Format`] for a column that is not there, and for a value that is not finite and above zero.
    pub fn column(&self, name: &str) -> Result<Vec<f64>> {
        let column = self.table.column(name)?;
        let values = self.table.numbers(column)?;
        let number = |&row: &usize| match values[row] {
            Value::Number(number) if number > 0.0 && number.is_finite() => Ok(number),
            _ => {
                let found = self.table.place(row, column);
                Err(Error::format(self.table.path(), "a finite number above zero", found))
            }
        };
        self.rows.iter().map(number).collect()
    }
}

/// Numbers of rows that are left out, by reason. Rows that a condition does not hold for are not among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Runs of a sweep that did not complete.
    pub not_completed: usize,
    /// An empty cell in one of the columns.
    pub empty: usize,
    /// NaN, NA or the like in one of the columns.
    pub missing: usize,
    /// A size of 0, which has no logarithm.
    pub size_zero: usize,
    /// A y of 0 (an accuracy of 1 is an error rate of 0), which has none either.
    pub value_zero: usize,
    /// A y above or below its limit.
    pub beyond_limits: usize,
}

impl LeftOut {
    /// Whether every row counts.
    pub fn is_empty(&self) -> bool {
        *self == LeftOut::default()
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = [
            (self.not_completed, "of runs that did not complete"),
            (self.empty, "with an empty cell"),
            (self.missing, "with NaN or the like"),
            (self.size_zero, "with a size of 0"),
            (self.value_zero, "with a y of 0"),
            (self.beyond_limits, "with y beyond its limits"),
        ];
        let reasons: Vec<String> = reasons
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, reason)| format!("{count} {} {reason}", if *count == 1 { "row" } else { "rows" }))
            .collect();
        f.write_str(&reasons.join(", "))
    }
}

/// The most values of a column that rows are grouped by: each has a law of its own.
pub const MOST_GROUPS: usize = 50;

/// Columns that the table of a sweep's runs has.
const OF_RUNS: [&str; 4] = ["key", "axis", "factor", "status"];
/// The status of a run that was trained to its end.
const COMPLETED: &str = "completed";

/// Reads a table. In rows that are not left out every value of the columns has to be finite and above zero. Of a
/// sweep's own runs those count that completed, unless a condition chooses them by their status.
///
/// # Errors
/// Those of [`Table`], and [`Error::Format`] for a value that is no such number, for a size that is the same in every
/// row, and where no row is left.
pub fn read(path: &Path, columns: &Columns) -> Result<Selection> {
    let (table, status) = open(path, columns)?;
    take(table, status, columns)
}

/// The same for the rows of each value of the column `by`, in the order of their first rows; a value that no law can be
/// fitted to has the error that says why.
///
/// # Errors
/// Those of [`Table`], and [`Error::Format`] for a column of more than 50 values.
pub fn read_groups(path: &Path, columns: &Columns, by: &str) -> Result<Vec<(String, Result<Selection>)>> {
    let (table, status) = open(path, columns)?;
    let groups = table.split(find(&table, by)?);
    if groups.len() > MOST_GROUPS {
        let expected =
            format!("at most {MOST_GROUPS} values in column {}, which rows are grouped by", shown(by));
        return Err(Error::format(path, expected, groups.len().to_string()));
    }
    let group = |(value, table): (String, Table)| {
        let name = if value.is_empty() { "(empty)".to_string() } else { value };
        (name, take(table, status, columns))
    };
    Ok(groups.into_iter().map(group).collect())
}

/// The rows that conditions hold for, and the column that says how runs ended where these choose none by it.
fn open(path: &Path, columns: &Columns) -> Result<(Table, Option<usize>)> {
    let mut table = Table::read(path, &columns.format)?;
    let mut status = status(&table);
    for conditions in &columns.conditions {
        let chosen_by = table.select(conditions)?;
        status = status.filter(|status| !chosen_by.contains(status));
    }
    Ok((table, status))
}

fn take(table: Table, status: Option<usize>, columns: &Columns) -> Result<Selection> {
    let mut names = vec![columns.x.as_str()];
    names.extend(columns.x2.as_deref());
    names.push(&columns.y);
    let places = names.iter().map(|name| find(&table, name)).collect::<Result<Vec<usize>>>()?;
    let (kept, rows, left_out) = select(&table, &places, status, columns)?;
    for (column, name) in kept.iter().zip(&names).take(names.len() - 1) {
        if let Some(first) = column.first().filter(|_| constant(column.iter().copied())) {
            let found = format!("{first} in every row, from 1 to {}", column.len());
            return Err(Error::format(
                table.path(),
                format!("several values in column {}", shown(name)),
                found,
            ));
        }
    }
    let quantity = if columns.error_rate { format!("1 − {}", columns.y) } else { columns.y.clone() };
    let points = match (&names[..], &kept[..]) {
        ([x, x2, _], [xs, x2s, ys]) => Points::joint((x, xs), (x2, x2s), (&quantity, ys)),
        ([x, _], [xs, ys]) => Points::single((x, xs), (&quantity, ys)),
        _ => unreachable!("two columns or three were asked for"),
    };
    Ok(Selection { points: points?, left_out, table, rows })
}

/// The column of that name. Where a table has a single one, the separator may be another.
fn find(table: &Table, name: &str) -> Result<usize> {
    table.column(name).map_err(|error| match error {
        Error::Format { path, expected, found } if table.names().len() == 1 => {
            let found = format!("{found} as the only column (--delimiter says what separates columns)");
            Error::Format { path, expected, found }
        }
        other => other,
    })
}

/// The column that says how runs ended, where the table is that of a sweep.
fn status(table: &Table) -> Option<usize> {
    let columns = OF_RUNS.map(|name| table.column(name).ok());
    if columns.contains(&None) { None } else { columns[3] }
}

/// The values of the rows that count, column by column, their places, and the numbers of those that don't.
fn select(
    table: &Table,
    places: &[usize],
    status: Option<usize>,
    columns: &Columns,
) -> Result<(Vec<Vec<f64>>, Vec<usize>, LeftOut)> {
    let values = places.iter().map(|&place| table.numbers(place)).collect::<Result<Vec<_>>>()?;
    let last = places.len() - 1;
    let mut left_out = LeftOut::default();
    let mut kept = vec![Vec::new(); places.len()];
    let mut rows = Vec::new();
    for row in 0..table.len() {
        let mut cells: Vec<Value> = values.iter().map(|column| column[row]).collect();
        if let (true, Value::Number(accuracy)) = (columns.error_rate, cells[last]) {
            cells[last] = Value::Number(error_rate(accuracy));
        }
        let count = if status.is_some_and(|status| table.cell(row, status) != COMPLETED) {
            &mut left_out.not_completed
        } else if matches!(cells[last], Value::Number(y) if columns.is_beyond_limits(y)) {
            &mut left_out.beyond_limits
        } else if cells.contains(&Value::Empty) {
            &mut left_out.empty
        } else if columns.skip_missing && cells.contains(&Value::Missing) {
            &mut left_out.missing
        } else if cells[..last].contains(&Value::Number(0.0)) {
            &mut left_out.size_zero
        } else if cells[last] == Value::Number(0.0) {
            &mut left_out.value_zero
        } else {
            for (column, cell) in cells.into_iter().enumerate() {
                let number = columns.check(cell, column == last).map_err(|expected| {
                    let found = table.place(row, places[column]);
                    Error::format(table.path(), expected, found)
                })?;
                kept[column].push(number);
            }
            rows.push(row);
            continue;
        };
        *count += 1;
    }
    if kept[last].is_empty() {
        let found = if left_out.is_empty() { "none".into() } else { format!("{left_out}, and no other") };
        return Err(Error::format(table.path(), "rows with a number in each column that is fitted", found));
    }
    Ok((kept, rows, left_out))
}

impl Columns {
    fn is_beyond_limits(&self, y: f64) -> bool {
        self.drop_above.is_some_and(|most| y > most) || self.drop_below.is_some_and(|least| y < least)
    }

    /// The number of a cell, if a law can have it, or what is expected there.
    fn check(&self, cell: Value, is_quantity: bool) -> Result<f64, String> {
        let accuracy = self.error_rate && is_quantity;
        let wanted = if accuracy { "an accuracy from 0 to 1" } else { "a finite number above zero" };
        let help = match cell {
            Value::Number(number) if number > 0.0 && number.is_finite() && !(accuracy && number > 1.0) => {
                return Ok(number);
            }
            Value::Missing => " (--skip-missing leaves such rows out)",
            Value::Number(number) if is_quantity && !accuracy && number < 0.0 => {
                " (--drop-below leaves smaller ones out)"
            }
            Value::Number(number) if is_quantity && !accuracy && number > 0.0 => {
                " (--drop-above leaves larger ones out)"
            }
            Value::Mixed => {
                ", written as its column is (suffixes on all or none, one decimal mark: --decimal)"
            }
            _ => "",
        };
        Err(format!("{wanted}{help}"))
    }
}
