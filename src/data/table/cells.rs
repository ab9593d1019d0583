//! A column's cells as numbers, or as names of categories.

use super::source::{Column, Source};
use crate::error::{Error, Result, shown};
use crate::tables::{Value, is_number};

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Kind {
    /// Names if no cell is a number, else numbers.
    Detect,
    Numbers,
    Names,
}

/// A column's cells, row by row.
pub(in crate::data) enum Cells<'t> {
    /// Finite numbers that fit in f32; NaN where one is missing.
    Numbers(Vec<f64>),
    /// Names; `None` where one is missing.
    Names(Vec<Option<&'t str>>),
}

impl<'t> Cells<'t> {
    /// Reads a column. `help` says how to read its cells as names.
    ///
    /// # Errors
    /// [`Error::Format`] for text between numbers, and for numbers that do not fit.
    pub fn read(source: &'t Source, column: &Column, kind: Kind, help: &str) -> Result<Cells<'t>> {
        let names = || {
            Cells::Names(
                source.texts(column).map(|cell| (!is_missing(cell)).then(|| category(cell))).collect(),
            )
        };
        if kind == Kind::Names {
            return Ok(names());
        }
        let values = source.values(column)?;
        let is_text = |(value, cell): (&Value, &str)| *value == Value::Text && !is_missing(cell);
        let is_number = |value: &Value| matches!(value, Value::Number(_) | Value::Mixed);
        if kind == Kind::Detect
            && !values.iter().any(is_number)
            && values.iter().zip(source.texts(column)).any(is_text)
        {
            return Ok(names());
        }
        let number = |(row, (value, cell)): (usize, (Value, &str))| match value {
            Value::Number(number) if fits(number) => Ok(number),
            Value::Empty | Value::Missing => Ok(f64::NAN),
            Value::Text if is_missing(cell) => Ok(f64::NAN),
            Value::Text if signs(cell).is_some() => Err(source.refuse(row, column, WITHOUT_SIGN)),
            Value::Text if !help.is_empty() => {
                Err(source.refuse(row, column, format!("a number that fits in 32 bits ({help})")))
            }
            _ => Err(source.refuse(row, column, "a number that fits in 32 bits")),
        };
        let numbers = values.into_iter().zip(source.texts(column)).enumerate().map(number);
        Ok(Cells::Numbers(numbers.collect::<Result<_>>()?))
    }

    /// Whether the cell of a row is missing.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Cells::Numbers(numbers) => numbers[row].is_nan(),
            Cells::Names(names) => names[row].is_none(),
        }
    }
}

/// The name of a category in a cell. A whole number that is written with decimals is the same category as without: `1.0`,
/// as programs write the numbers of a column that once lacked a value, is `1`.
pub fn category(cell: &str) -> &str {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match cell.split_once('.') {
        Some((whole, decimals))
            if digits(whole.strip_prefix('-').unwrap_or(whole))
                && !decimals.is_empty()
                && decimals.bytes().all(|byte| byte == b'0') =>
        {
            if whole == "-0" {
                "0"
            } else {
                whole
            }
        }
        _ => cell,
    }
}

/// What to do about a column of numbers with signs or units.
pub(in crate::data) const WITHOUT_SIGN: &str =
    "a number without a currency sign, percent sign or unit (remove it from all cells of the column)";

/// What stands before and behind a number in a cell, without its own sign: `$4,161.36`, `12 %`, `85 kg`. `None` for
/// other text, and for a number alone.
pub(in crate::data) fn signs(cell: &str) -> Option<(&str, &str)> {
    /// The longest sign or unit, in characters: `km/h`.
    const LONGEST: usize = 4;
    let is_digit = |c: char| c.is_ascii_digit();
    let (first, last) = (cell.find(is_digit)?, cell.rfind(is_digit)?);
    let (before, number, after) = (&cell[..first], &cell[first..=last], &cell[last + 1..]);
    // The number's own sign stands on either side of the currency.
    let before = before.trim_start_matches(['+', '-', '(']).trim_end_matches(['+', '-']).trim();
    let after = after.trim_end_matches(')').trim();
    let is_short = |text: &str| text.chars().count() <= LONGEST && !text.contains(['.', ',', '-']);
    // Letters before a number are the name of something, as in x1.
    let is_sign = !before.contains(char::is_alphabetic) && is_short(before) && is_short(after);
    let is_alone = before.is_empty() && after.is_empty();
    (is_sign && !is_alone && is_number(number)).then_some((before, after))
}

/// What stands before and behind the number in each of some cells, if they are numbers with the same signs.
pub(in crate::data) fn common_signs<'c>(cells: impl Iterator<Item = &'c str>) -> Option<(&'c str, &'c str)> {
    let mut all = cells.filter(|cell| !is_missing(cell)).map(signs);
    let first = all.next()??;
    all.all(|signs| signs == Some(first)).then_some(first)
}

/// Whether a number fits in f32.
pub(super) fn fits(value: f64) -> bool {
    value.abs() <= f64::from(f32::MAX)
}

/// Whether a cell of a column of names is a missing one: empty, or one of `?`, `NA`, `N/A`, `#N/A`, `NaN` and `null`.
pub fn is_missing(cell: &str) -> bool {
    const WORDS: [&str; 7] = ["", "?", "na", "n/a", "#n/a", "nan", "null"];
    cell.len() <= 4 && WORDS.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

/// The error about a missing value where none may be.
pub(in crate::data) fn missing_value(source: &Source, row: usize, column: &Column) -> Error {
    let expected = "a value (--missing drop leaves out rows without one, --missing mean fills in means)";
    source.refuse(row, column, expected)
}

/// How to read a column of features as names.
pub(in crate::data) fn categorical_help(name: &str) -> String {
    format!("--categorical {} reads a column as names of categories", shown(name))
}
