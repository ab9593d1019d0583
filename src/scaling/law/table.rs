//! Columns of a CSV file as points to fit.

use super::{Points, error_rate};
use crate::data::csv::failure;
use crate::error::{Error, Result};
use csv::{ReaderBuilder, StringRecord, Trim};
use std::path::Path;

/// Which columns of a file are what.
#[derive(Debug, Clone)]
pub struct Columns {
    /// The size.
    pub x: String,
    /// The second size, for laws of two.
    pub x2: Option<String>,
    /// What follows from the sizes.
    pub y: String,
    /// Whether y is an accuracy, from 0 to 1; the law is then fitted to the [error rate](super::error_rate).
    pub error_rate: bool,
    /// Rows with a larger y (after that) are left out: runs that diverged, for example.
    pub drop_above: Option<f64>,
}

/// Reads a file with a header. Every value of the columns has to be finite and above zero, except in rows that
/// are left out.
pub fn read(path: &Path, columns: &Columns) -> Result<Points> {
    let file = std::fs::File::open(path).map_err(Error::file(path, "open"))?;
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(file);
    let header = reader.headers().map_err(|error| failure(path, error))?.clone();
    let names: Vec<&str> = [Some(&columns.x), columns.x2.as_ref(), Some(&columns.y)]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let mut places = Vec::with_capacity(names.len());
    for name in &names {
        places.push(find(path, &header, name)?);
    }
    let mut table = vec![Vec::new(); names.len()];
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|error| failure(path, error))?;
        let cell = |column: usize| &record[places[column]];
        let last = names.len() - 1;
        let number = |column: usize| -> Option<f64> {
            let number = cell(column).parse().ok()?;
            Some(if columns.error_rate && column == last { error_rate(number) } else { number })
        };
        if columns.drop_above.is_some_and(|most| number(last).is_some_and(|y| y > most)) {
            continue;
        }
        for (column, name) in names.iter().enumerate() {
            let accuracy = columns.error_rate && column == last;
            let sound = |value: &f64| *value > 0.0 && value.is_finite() && !(accuracy && *value > 1.0);
            let value = number(column).filter(sound).ok_or_else(|| {
                let found =
                    format!("{:?} in row {} below the header, column {name:?}", cell(column), row + 1);
                let expected =
                    if accuracy { "an accuracy from 0 to below 1" } else { "a finite number above zero" };
                Error::format(path, expected, found)
            })?;
            table[column].push(value);
        }
    }
    for (column, name) in table.iter().zip(&names).take(names.len() - 1) {
        if let Some(first) = column.first().filter(|first| column.iter().all(|value| value == *first)) {
            let found = format!("{first} in every row, from 1 to {}", column.len());
            return Err(Error::format(path, format!("several values in column {name:?}"), found));
        }
    }
    let quantity = if columns.error_rate { format!("1 − {}", columns.y) } else { columns.y.clone() };
    match (&names[..], &table[..]) {
        ([x, x2, _], [xs, x2s, ys]) => Points::joint((x, xs), (x2, x2s), (&quantity, ys)),
        ([x, _], [xs, ys]) => Points::single((x, xs), (&quantity, ys)),
        _ => unreachable!("two columns or three were asked for"),
    }
}

fn find(path: &Path, header: &StringRecord, name: &str) -> Result<usize> {
    let mut places = header.iter().enumerate().filter(|(_, known)| *known == name);
    match (places.next(), places.next()) {
        (Some((place, _)), None) => Ok(place),
        (Some(_), Some(_)) => {
            Err(Error::format(path, format!("one column {name:?}"), "several of that name"))
        }
        (None, _) => {
            let found = header.iter().map(|known| format!("{known:?}")).collect::<Vec<_>>().join(", ");
            Err(Error::format(path, format!("a column {name:?}"), found))
        }
    }
}
