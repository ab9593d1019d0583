//! A table in memory.

use super::numbers::{self, Notation, Seen, Value, values};
use crate::error::{Error, Result, listed, shown};
use csv::StringRecord;
use std::path::{Path, PathBuf};

/// A table in memory, as text.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) path: PathBuf,
    /// Whether the names are those of the file.
    pub(super) has_header: bool,
    pub(super) names: Vec<String>,
    /// Each has as many cells as there are names, trimmed.
    pub(super) rows: Vec<Row>,
    pub(super) notation: Notation,
}

/// A row of a table.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Counted from 1, below the header if there is one.
    pub number: u64,
    /// Its first line in a delimited file, counted from 1.
    pub line: Option<u64>,
    pub cells: StringRecord,
}

impl Table {
    /// The file of the table.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the names of the columns are those of the file. Otherwise they are 1, 2, 3, …
    pub fn has_header(&self) -> bool {
        self.has_header
    }

    /// Whether a column consists of numbers, except for missing cells.
    pub fn has_numbers(&self) -> bool {
        (0..self.names.len()).any(|column| is_of_numbers(&self.rows, column))
    }

    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The index of the column with this name.
    ///
    /// # Errors
    /// [`Error::Format`] if no column, or several, have the name.
    pub fn column(&self, name: &str) -> Result<usize> {
        let mut places = self.names.iter().enumerate().filter(|(_, known)| *known == name);
        match (places.next(), places.next()) {
            (Some((place, _)), None) => Ok(place),
            (Some(_), Some(_)) => {
                Err(Error::format(&self.path, format!("one column {}", shown(name)), "several of that name"))
            }
            (None, _) => {
                Err(Error::format(&self.path, format!("a column {}", shown(name)), listed(&self.names)))
            }
        }
    }

    /// A cell's text.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        &self.rows[row].cells[column]
    }

    /// A row's number in the file, counted from 1 below the header if there is one.
    pub fn number(&self, row: usize) -> u64 {
        self.rows[row].number
    }

    /// A cell for a message: the beginning of its text, and its place.
    pub fn place(&self, row: usize, column: usize) -> String {
        let Row { number, line, .. } = self.rows[row];
        let below = if self.has_header { " below the header" } else { "" };
        let line = line.map(|line| format!(" (line {line})")).unwrap_or_default();
        let (cell, name) = (shown(self.cell(row, column)), shown(&self.names[column]));
        format!("{cell} in row {number}{below}{line}, column {name}")
    }

    /// A column's cells as numbers, row by row.
    ///
    /// # Errors
    /// [`Error::Format`] if every number is ambiguous, as 1,234 is, and nothing in the file tells the decimal mark.
    pub fn numbers(&self, column: usize) -> Result<Vec<Value>> {
        let cells = || self.rows.iter().map(|row| &row.cells[column]);
        let decimal = self.notation.decimal(Seen::of(cells())).ok_or_else(|| {
            let unclear = |row: &Row| row.cells[column].contains(['.', ',']);
            let row = self.rows.iter().position(unclear).expect("an unclear number has a point or a comma");
            let expected = "numbers of which at least one shows whether a comma or a point is the decimal mark \
                            (--decimal tells it)";
            Error::format(&self.path, expected, self.place(row, column))
        })?;
        Ok(values(cells, decimal))
    }
}

/// Whether a column has cells, and all are numbers except for missing ones.
pub(super) fn is_of_numbers(rows: &[Row], column: usize) -> bool {
    let cells = rows.iter().map(|row| &row.cells[column]);
    let mut cells = cells.filter(|cell| !cell.is_empty() && !numbers::is_missing(cell)).peekable();
    cells.peek().is_some() && cells.all(numbers::is_number)
}
