//! Delimited tables: the separator of their cells, and unclosed quotes.

use super::format::Header;
use super::numbers::{self, Decimal, Notation};
use super::table::{Row, Table, is_of_numbers};
use super::text::{line, line_ends};
use crate::error::{Error, Result, shown};
use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};
use std::path::Path;

/// The separators to try, the most common first.
const DELIMITERS: [u8; 3] = [b',', b'\t', b';'];
/// Number of rows below the header from which the separator is detected.
const LOOKED_AT: usize = 20;

/// Reads a table.
pub(super) fn read(path: &Path, text: &str, delimiter: Option<u8>, header: Header) -> Result<Table> {
    let delimiter = delimiter.unwrap_or_else(|| detect(text));
    check_quotes(path, text, delimiter)?;
    let mut reader = reader(text, delimiter, false);
    let first = reader.headers().map_err(|error| failure(path, error, header))?.clone();
    let mut rows = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for record in reader.into_records() {
        let cells = record.map_err(|error| failure(path, error, header))?;
        let position = cells.position().expect("a record that was read has a position");
        // The position of a record is that of the empty lines before it.
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let start = position.byte() as usize;
        let start = start + text.as_bytes()[start..].iter().take_while(|byte| is_end(byte)).count();
        line += line_ends(&text.as_bytes()[counted..start]) as u64;
        counted = start;
        rows.push(Row { number: position.record(), line: Some(line), cells });
    }
    let notation = Notation {
        // If commas separate cells, they are no decimal marks.
        given: (delimiter == b',').then_some(Decimal::Point),
        // Programs separate cells by semicolons if the comma is the decimal mark.
        presumed: (delimiter == b';').then_some(Decimal::Comma),
        ..Notation::default()
    };
    let has_header = match header {
        Header::Present => true,
        Header::Absent => false,
        Header::Detect => !is_row(&first, &rows),
    };
    if has_header {
        let names = first.iter().map(str::to_string).collect();
        return Ok(Table { path: path.into(), has_header, names, rows, notation });
    }
    let names = (1..=first.len()).map(|column| column.to_string()).collect();
    rows.iter_mut().for_each(|row| row.number += 1);
    let blank = text.len() - text.trim_start_matches(['\n', '\r']).len();
    let line = 1 + line_ends(&text.as_bytes()[..blank]) as u64;
    // An empty file has no first line.
    let first = (!first.is_empty()).then_some(Row { number: 1, line: Some(line), cells: first });
    rows.splice(..0, first);
    Ok(Table { path: path.into(), has_header, names, rows, notation })
}

/// Whether the first line is a row like the others: it has a number in each column of numbers, and there is one.
fn is_row(first: &StringRecord, rows: &[Row]) -> bool {
    let mut of_numbers = (0..first.len()).filter(|&column| is_of_numbers(rows, column)).peekable();
    of_numbers.peek().is_some() && of_numbers.all(|column| numbers::is_number(&first[column]))
}

fn reader(text: &str, delimiter: u8, flexible: bool) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().delimiter(delimiter).flexible(flexible).trim(Trim::All).from_reader(text.as_bytes())
}

/// The separator that gives the first rows as many cells as the header; of several, the one with the most cells, and
/// then the most numbers. If rows differ for every separator, the one that gives the header the most cells.
fn detect(text: &str) -> u8 {
    let score = |delimiter: u8| {
        let mut reader = reader(text, delimiter, true);
        let columns = reader.headers().map_or(0, StringRecord::len);
        let rows: Vec<StringRecord> = reader.records().take(LOOKED_AT).filter_map(|row| row.ok()).collect();
        let even = columns > 1 && rows.iter().all(|row| row.len() == columns);
        let cells = rows.iter().flatten();
        (even, columns, cells.filter(|cell| numbers::is_number(cell)).count())
    };
    // `max_by_key` returns the last of equal elements.
    DELIMITERS.into_iter().rev().max_by_key(|&delimiter| score(delimiter)).unwrap_or(b',')
}

/// Checks for a quote that opens a cell and closes only at the end of the file, or in the middle of a cell of a later
/// line: it would swallow rows.
fn check_quotes(path: &Path, text: &str, delimiter: u8) -> Result<()> {
    let bytes = text.as_bytes();
    let ends_cell = |byte: u8| byte == delimiter || byte == b'\n' || byte == b'\r';
    let mut place = 0;
    while let Some(step) = bytes[place..].iter().position(|&byte| byte == b'"') {
        let open = place + step;
        if open > 0 && !ends_cell(bytes[open - 1]) {
            // A quote inside a cell is an ordinary character.
            place = open + 1;
            continue;
        }
        let Some(close) = closing(bytes, open) else {
            return Err(open_quote(path, text, open, "the end of the file"));
        };
        let stray = bytes.get(close + 1).is_some_and(|&byte| !ends_cell(byte));
        if stray && bytes[open..close].iter().any(|&byte| byte == b'\n' || byte == b'\r') {
            let end = format!("the middle of a cell in line {}", line(&bytes[..close]));
            return Err(open_quote(path, text, open, &end));
        }
        place = close + 1;
    }
    Ok(())
}

/// The position at which the quote that opens at `open` closes. Two quotes in a row are a quote of the cell.
fn closing(bytes: &[u8], open: usize) -> Option<usize> {
    let mut place = open + 1;
    loop {
        let quote = place + bytes[place..].iter().position(|&byte| byte == b'"')?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        place = quote + 2;
    }
}

fn open_quote(path: &Path, text: &str, open: usize, end: &str) -> Error {
    let found = format!(
        "a quote that opens in line {} and runs to {end}: {}",
        line(&text.as_bytes()[..open]),
        shown(&text[open..])
    );
    Error::format(path, "quotes that close in their cell", found)
}

/// A reader's error as an error of this crate.
fn failure(path: &Path, error: csv::Error, header: Header) -> Error {
    // The first line is record 0.
    let row = error.position().map_or(0, |position| position.record());
    let place = match header {
        Header::Absent => format!("row {}", row + 1),
        _ => format!("row {row} below the header"),
    };
    match error.into_kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let help = if expected_len == 1 { " (--delimiter tells the separator)" } else { "" };
            let first = if header == Header::Absent { "first line" } else { "header" };
            Error::format(
                path,
                format!("{expected_len} columns, as in the {first},"),
                format!("{len} in {place}{help}"),
            )
        }
        other => Error::format(path, "a table", format!("{other:?} in {place}")),
    }
}
