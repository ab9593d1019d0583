//! Points to fit, from columns of a table.

use super::Points;
use crate::error::{Error, Result, shown};
use crate::rounding::constant;
use crate::tables::{Format, Table, Value};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// The columns of a table that a fit uses, and the rows that it selects.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// The size.
    pub x: String,
    /// The second size, for laws of two.
    pub x2: Option<String>,
    /// The quantity that depends on the sizes.
    pub y: String,
    /// Whether y is an accuracy, from 0 to 1; the law is then fitted to the [error rate](super::error_rate).
    pub error_rate: bool,
    /// Conditions that rows must satisfy; see [`Table::select`].
    pub conditions: Vec<String>,
    /// Leaves out rows with a larger y, after the conversion to an error rate: for example runs that diverged.
    pub drop_above: Option<f64>,
    /// Leaves out rows with a smaller y, after the conversion.
    pub drop_below: Option<f64>,
    /// Whether to leave out rows with NaN, NA and the like; otherwise they are an error. Rows with empty cells are
    /// always left out.
    pub skip_missing: bool,
    /// The file's format.
    pub format: Format,
}

/// The rows of a table that a fit uses.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The selected rows.
    pub points: Points,
    /// How many other rows there are, by reason.
    pub left_out: LeftOut,
    /// The table, with the rows that satisfy the conditions.
    pub table: Table,
    /// The index in the table of each selected row.
    pub rows: Vec<usize>,
}

impl Selection {
    /// Another column's numbers in the selected rows.
    ///
    /// # Errors
    /// [`Error::Format`] for a missing column, and for a value that is not finite and above zero.
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

/// Numbers of rows that are left out, by reason. Rows that do not satisfy the conditions do not count.
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
    /// A y of 0 (an accuracy of 1 is an error rate of 0), which has no logarithm.
    pub value_zero: usize,
    /// A y above or below its limit.
    pub beyond_limits: usize,
}

impl LeftOut {
    /// Whether no row is left out.
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

/// The fraction of wrong answers. Accuracy saturates at 1 and follows no power law; the error rate does, down to its
/// floor.
pub fn error_rate(accuracy: f64) -> f64 {
    1.0 - accuracy
}

/// The largest number of groups of rows; each has a law of its own.
pub const MOST_GROUPS: usize = 50;

/// Columns that identify the table of a sweep's runs.
const OF_RUNS: [&str; 4] = ["key", "axis", "factor", "status"];
/// The status of a completed run.
const COMPLETED: &str = "completed";

/// Reads a table. In selected rows every value of the columns has to be finite and above zero. If the table holds a
/// sweep's runs, only completed ones are selected, unless a condition tests their status.
///
/// # Errors
/// Those of [`Table`], and [`Error::Format`] for a value that is not such a number, for a size that is the same in
/// every row, and if no row is left.
pub fn read(path: &Path, columns: &Columns) -> Result<Selection> {
    let (table, status) = open(path, columns)?;
    take(table, status, columns)
}

/// The same as [`read`] for the rows of each value of the column `by`, in the order of their first rows. A value whose
/// rows cannot be fitted has the error that says why.
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

/// The rows that satisfy the conditions, and the column of runs' status if no condition tests it.
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

/// The column of that name. If the table has a single column, the error asks for the separator.
fn find(table: &Table, name: &str) -> Result<usize> {
    table.column(name).map_err(|error| match error {
        Error::Format { path, expected, found } if table.names().len() == 1 => {
            let found = format!("{found} as the only column (--delimiter sets the separator of columns)");
            Error::Format { path, expected, found }
        }
        other => other,
    })
}

/// The column of runs' status, if the table is that of a sweep.
fn status(table: &Table) -> Option<usize> {
    let columns = OF_RUNS.map(|name| table.column(name).ok());
    if columns.contains(&None) { None } else { columns[3] }
}

/// The values of the selected rows, column by column, their indices, and the numbers of the other rows.
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
        let found = if left_out.is_empty() { "none".into() } else { format!("only {left_out}") };
        return Err(Error::format(table.path(), "rows with a number in each column of the fit", found));
    }
    Ok((kept, rows, left_out))
}

impl Columns {
    fn is_beyond_limits(&self, y: f64) -> bool {
        self.drop_above.is_some_and(|most| y > most) || self.drop_below.is_some_and(|least| y < least)
    }

    /// The number of a cell if a law can use it, or what is expected there.
    fn check(&self, cell: Value, is_quantity: bool) -> Result<f64, String> {
        let accuracy = self.error_rate && is_quantity;
        let wanted = if accuracy { "an accuracy from 0 to 1" } else { "a finite number above zero" };
        let help = match cell {
            Value::Number(number) if number > 0.0 && number.is_finite() && !(accuracy && number > 1.0) => {
                return Ok(number);
            }
            Value::Missing => " (--skip-missing leaves out such rows)",
            Value::Number(number) if is_quantity && !accuracy && number < 0.0 => {
                " (--drop-below leaves out smaller values)"
            }
            Value::Number(number) if is_quantity && !accuracy && number > 0.0 => {
                " (--drop-above leaves out larger values)"
            }
            Value::Mixed => {
                ", written as its column is (suffixes on all or none, one decimal mark: --decimal)"
            }
            _ => "",
        };
        Err(format!("{wanted}{help}"))
    }
}
