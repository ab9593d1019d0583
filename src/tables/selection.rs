//! The rows of a table that satisfy conditions.

use super::table::Table;
use crate::error::{Error, Result, listed, shown};
use std::collections::HashSet;

impl Table {
    /// Keeps the rows that satisfy all conditions, written `COLUMN=VALUE` and separated by commas. Both sides are
    /// written as in the table, without quotes: the header tells where the name of a column begins and ends, so names
    /// and values may contain commas, equals signs and spaces. A value equals a cell with the same text or the same
    /// number. Returns the columns of the conditions.
    ///
    /// # Errors
    /// [`Error::Format`] for a column that is missing or occurs twice, and for a condition that none of the remaining
    /// rows satisfies.
    pub fn select(&mut self, conditions: &str) -> Result<Vec<usize>> {
        let mut columns = Vec::new();
        let mut rest = Some(conditions);
        while let Some(condition) = rest {
            let (column, value) = self.condition(condition)?;
            // The value ends at the next comma that a condition follows.
            let end = value.match_indices(',').find(|(comma, _)| self.condition(&value[comma + 1..]).is_ok());
            let (value, following) = match end {
                Some((comma, _)) => (&value[..comma], Some(&value[comma + 1..])),
                None => (value, None),
            };
            self.keep(column, value.trim())?;
            columns.push(column);
            rest = following;
        }
        Ok(columns)
    }

    /// Splits the rows by the values of a column, in the order of their first rows.
    pub fn split(&self, column: usize) -> Vec<(String, Table)> {
        let mut parts: Vec<(String, Table)> = Vec::new();
        for row in &self.rows {
            let value = &row.cells[column];
            let place = parts.iter().position(|(known, _)| known == value).unwrap_or_else(|| {
                parts.push((value.to_string(), self.without_rows()));
                parts.len() - 1
            });
            parts[place].1.rows.push(row.clone());
        }
        parts
    }

    fn without_rows(&self) -> Table {
        let (path, names) = (self.path.clone(), self.names.clone());
        Table { path, has_header: self.has_header, names, rows: Vec::new(), notation: self.notation }
    }

    /// The column at the beginning of a condition, and the text after the equals sign.
    fn condition<'a>(&self, text: &'a str) -> Result<(usize, &'a str)> {
        let splits = || text.match_indices('=').map(|(place, _)| (text[..place].trim(), &text[place + 1..]));
        if let Some((name, value)) = splits().find(|(name, _)| self.names.iter().any(|known| known == name)) {
            return Ok((self.column(name)?, value));
        }
        match splits().next() {
            Some((name, _)) => Err(self.column(name).expect_err("no name before an equals sign is known")),
            None => Err(Error::argument("table", "condition", shown(text), "COLUMN=VALUE")),
        }
    }

    fn keep(&mut self, column: usize, value: &str) -> Result<()> {
        let number: Option<f64> = value.parse().ok();
        let equals = |cell: &str| {
            cell == value || number.is_some_and(|number| cell.parse().is_ok_and(|c: f64| c == number))
        };
        if !self.rows.iter().any(|row| equals(&row.cells[column])) {
            let mut known = HashSet::new();
            let cells = self.rows.iter().map(|row| &row.cells[column]);
            let values: Vec<&str> = cells.filter(|cell| known.insert(*cell)).collect();
            let expected = format!("{} in column {}", shown(value), shown(&self.names[column]));
            return Err(Error::format(&self.path, expected, listed(&values)));
        }
        self.rows.retain(|row| equals(&row.cells[column]));
        Ok(())
    }
}
