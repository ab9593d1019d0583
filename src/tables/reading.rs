//! Reading a file as a table.

use super::format::Format;
use super::numbers::Seen;
use super::table::Table;
use super::text::decode;
use super::{delimited, json_lines};
use crate::error::{Error, Result};
use std::io::Read;
use std::path::Path;

impl Table {
    /// Reads a file. Rows without a value are skipped.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read, and [`Error::Format`] for one that is not UTF-8 (or UTF-16 with
    /// a byte order mark), has rows with more or fewer cells than the first line, or unclosed quotes.
    pub fn read(path: &Path, format: &Format) -> Result<Table> {
        let mut bytes = Vec::new();
        let mut file = std::fs::File::open(path).map_err(Error::file(path, "open"))?;
        file.read_to_end(&mut bytes).map_err(Error::file(path, "read"))?;
        let text = decode(path, bytes)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut table = if json_lines::are_in(text) {
            json_lines::read(path, text)?
        } else {
            delimited::read(path, text, format.delimiter, format.header)?
        };
        table.notation.given = format.decimal.or(table.notation.given);
        if table.notation.given.is_none() {
            table.notation.seen = Seen::of(table.rows.iter().flat_map(|row| &row.cells));
        }
        table.rows.retain(|row| row.cells.iter().any(|cell| !cell.is_empty()));
        Ok(table)
    }
}
