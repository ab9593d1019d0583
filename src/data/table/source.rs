//! The rows of a table, or of two with the same columns.

use super::options::TableOptions;
use crate::error::{Error, Result};
use crate::tables::{Format, Header, Table, Value};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The rows of a table and, behind them, those of a second table.
pub(in crate::data) struct Source<'t> {
    tables: Vec<Cow<'t, Table>>,
}

/// A column's index in each table.
pub(in crate::data) struct Column {
    pub name: String,
    places: Vec<usize>,
}

/// The file at a path, or the only `.csv` file in the folder there.
pub(in crate::data) fn file(place: &Path) -> Result<PathBuf> {
    if !place.is_dir() {
        return Ok(place.into());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(place).map_err(Error::file(place, "list"))? {
        let path = entry.map_err(Error::file(place, "list"))?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            files.push(path);
        }
    }
    match files.len() {
        1 => Ok(files.remove(0)),
        found => Err(Error::Config {
            what: "dataset csv".into(),
            problem: format!("{found} .csv files in {}; name one with --data FILE", place.display()),
        }),
    }
}

/// Reads a table, which has a column at least.
///
/// # Errors
/// Those of [`Table::read`]; [`Error::Format`] for an empty file.
pub(super) fn read(path: &Path, format: &Format) -> Result<Table> {
    let table = Table::read(path, format)?;
    if table.names().iter().all(|name| name.is_empty()) && table.is_empty() {
        return Err(Error::format(path, "a header and rows", "an empty file"));
    }
    Ok(table)
}

impl<'t> Source<'t> {
    /// Reads the training file, and the validation file if the options have one.
    pub fn read(path: &Path, options: &TableOptions) -> Result<Source<'static>> {
        let first = read(path, &options.format())?;
        // If the header of the first was detected, the second is of the same kind.
        let header = if first.has_header() { Header::Present } else { Header::Absent };
        let second =
            options.validation.as_ref().map(|path| read(path, &Format { header, ..options.format() }));
        let tables = [Ok(first)].into_iter().chain(second).map(|table| table.map(Cow::Owned));
        Ok(Source { tables: tables.collect::<Result<_>>()? })
    }

    /// The rows of a table that was read.
    pub fn of(table: &'t Table) -> Source<'t> {
        Source { tables: vec![Cow::Borrowed(table)] }
    }

    /// The first table.
    pub fn first(&self) -> &Table {
        &self.tables[0]
    }

    pub fn len(&self) -> usize {
        self.tables.iter().map(|table| table.len()).sum()
    }

    /// The column at a place of the first table. In the second it is found by its name.
    pub fn column(&self, place: usize) -> Result<Column> {
        let name = &self.first().names()[place];
        let others = self.tables[1..].iter().map(|table| table.column(name));
        let places = [Ok(place)].into_iter().chain(others).collect::<Result<_>>()?;
        Ok(Column { name: name.clone(), places })
    }

    /// The column's cells, row by row.
    pub fn texts(&self, column: &Column) -> impl Iterator<Item = &str> {
        let tables = self.tables.iter().zip(&column.places);
        tables.flat_map(|(table, &place)| (0..table.len()).map(move |row| table.cell(row, place)))
    }

    /// The column's cells as numbers, row by row.
    pub fn values(&self, column: &Column) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(self.len());
        for (table, &place) in self.tables.iter().zip(&column.places) {
            values.extend(table.numbers(place)?);
        }
        Ok(values)
    }

    /// An error about a cell.
    pub fn refuse(&self, row: usize, column: &Column, expected: impl Into<String>) -> Error {
        self.refuse_with(row, column, expected, "")
    }

    /// An error about a cell, and about others: `more` follows on the cell in the message.
    pub fn refuse_with(&self, row: usize, column: &Column, expected: impl Into<String>, more: &str) -> Error {
        let mut row = row;
        for (table, &place) in self.tables.iter().zip(&column.places) {
            if row < table.len() {
                return Error::format(table.path(), expected, table.place(row, place) + more);
            }
            row -= table.len();
        }
        unreachable!("rows are counted over all tables")
    }
}
