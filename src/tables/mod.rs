//! Reading tables: columns with names, rows of cells, from files as other programs write them.
//!
//! A file is a delimited table (CSV and its relatives) with a header, or JSON lines: one object after the other, whose
//! keys are the columns. What separates the cells of a delimited table, and what stands before the decimals of its
//! numbers, is found from the file where [`Format`] does not say it. Byte order marks, line ends of all systems and
//! UTF-16 are read.
//!
//! - `delimited.rs`: separators and quotes.
//! - `json_lines.rs`: objects as rows.
//! - `numbers.rs`: cells as numbers: decimal commas, thousands, suffixes ([`Value`]).
//! - `selection.rs`: the rows that conditions on columns hold for ([`Table::select`]).

mod delimited;
mod json_lines;
mod numbers;
mod selection;

pub use numbers::{Decimal, Value};

use crate::error::{Error, Result, listed, shown};
use csv::StringRecord;
use numbers::{Notation, Seen};
use std::io::Read;
use std::path::{Path, PathBuf};

/// How a table is written, as far as that is not to be found from the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Format {
    /// What stands between cells, an ASCII character.
    pub delimiter: Option<u8>,
    /// What stands before the decimals of a number.
    pub decimal: Option<Decimal>,
}

/// A table in memory, as text.
#[derive(Debug, Clone)]
pub struct Table {
    path: PathBuf,
    names: Vec<String>,
    /// As many cells each as there are names, trimmed.
    rows: Vec<Row>,
    notation: Notation,
}

#[derive(Debug, Clone)]
struct Row {
    /// Counted from 1, below the header.
    number: u64,
    cells: StringRecord,
}

impl Table {
    /// Reads a file. Rows without a single value are skipped.
    ///
    /// # Errors
    /// [`Error::File`] for a file that can't be read, and [`Error::Format`] for one that is not UTF-8 (or UTF-16 with
    /// a byte order mark), has rows with more or fewer cells than the header, or quotes that do not close.
    pub fn read(path: &Path, format: &Format) -> Result<Table> {
        let mut bytes = Vec::new();
        let mut file = std::fs::File::open(path).map_err(Error::file(path, "open"))?;
        file.read_to_end(&mut bytes).map_err(Error::file(path, "read"))?;
        let text = decode(path, bytes)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut table = if json_lines::are_in(text) {
            json_lines::read(path, text)?
        } else {
            delimited::read(path, text, format.delimiter)?
        };
        table.notation.given = format.decimal.or(table.notation.given);
        if table.notation.given.is_none() {
            table.notation.seen = Seen::of(table.rows.iter().flat_map(|row| &row.cells));
        }
        table.rows.retain(|row| row.cells.iter().any(|cell| !cell.is_empty()));
        Ok(table)
    }

    /// The file it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the columns are called.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The column of that name.
    ///
    /// # Errors
    /// [`Error::Format`] where none is called so, or several are.
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

    /// A row's number in the file, counted from 1 below the header.
    pub fn number(&self, row: usize) -> u64 {
        self.rows[row].number
    }

    /// A cell for a message: the beginning of what it holds, and where it stands.
    pub fn place(&self, row: usize, column: usize) -> String {
        format!(
            "{} in row {} below the header, column {}",
            shown(self.cell(row, column)),
            self.rows[row].number,
            shown(&self.names[column])
        )
    }
}

/// A file's bytes as text.
fn decode(path: &Path, bytes: Vec<u8>) -> Result<String> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        let text = String::from_utf16(&units);
        text.map_err(|_| Error::format(path, "text in UTF-16, as its first bytes say", "other bytes"))
    };
    match bytes[..] {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8(bytes).map_err(|error| {
            let line = line(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
            let expected = "text in UTF-8 (spreadsheets save it as \"CSV UTF-8\")";
            Error::format(path, expected, format!("other bytes in line {line}"))
        }),
    }
}

/// The number, from 1 on, of the line that follows on `before`; lines end with LF, CR LF or CR.
fn line(before: &[u8]) -> usize {
    let mut ends = 0;
    for (place, byte) in before.iter().enumerate() {
        if *byte == b'\n' || *byte == b'\r' && before.get(place + 1) != Some(&b'\n') {
            ends += 1;
        }
    }
    ends + 1
}
