//! Cells as numbers.
//!
//! A number is written as Rust writes it, with a decimal point or a decimal comma; with marks (the other of point and
//! comma, spaces, apostrophes) where each stands before three digits of its whole part; and with a suffix k, M, B (or
//! G) or T where all numbers of its column have one.

use super::{Row, Table};
use crate::error::{Error, Result};
use std::borrow::Cow;

/// What stands before the decimals of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimal {
    Point,
    Comma,
}

/// What a cell of a column of numbers holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A number, or an infinity.
    Number(f64),
    /// Nothing.
    Empty,
    /// A word for no number: NaN, NA, null, a dash and the like.
    Missing,
    /// A number in another notation than the others of its column: with another decimal mark, or with a suffix where
    /// they have none, or without one where they do.
    Mixed,
    /// Any other text.
    Text,
}

/// What tells how the numbers of a table are written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Notation {
    /// What was asked for, or is the only way.
    pub given: Option<Decimal>,
    /// What numbers with commas that may stand before thousands or decimals are taken for, if nothing else tells.
    pub presumed: Option<Decimal>,
    /// What the numbers of the whole file tell.
    pub seen: Seen,
}

/// The ways in which numbers of some cells can be read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// A number that needs a decimal point: 0.5 or 1,000.5.
    point: bool,
    /// A number that needs a decimal comma: 0,5 or 1.000,5.
    comma: bool,
    /// 1.234, which may have either.
    unclear_point: bool,
    /// 1,234.
    unclear_comma: bool,
}

impl Seen {
    pub fn of<'a>(cells: impl Iterator<Item = &'a str>) -> Seen {
        let mut seen = Seen::default();
        for cell in cells.filter(|cell| cell.contains(['.', ','])) {
            let reads = |decimal| number(without_suffix(cell), decimal).is_some();
            match (reads(Decimal::Point), reads(Decimal::Comma)) {
                (true, true) if cell.contains('.') => seen.unclear_point = true,
                (true, true) => seen.unclear_comma = true,
                (true, false) => seen.point = true,
                (false, true) => seen.comma = true,
                (false, false) => {}
            }
        }
        seen
    }
}

impl Table {
    /// A column's cells as numbers, row by row.
    ///
    /// # Errors
    /// [`Error::Format`] where every number can be read in two ways, as 1,234 can, and nothing in the file tells which.
    pub fn numbers(&self, column: usize) -> Result<Vec<Value>> {
        let decimal = self.decimal(column)?;
        let cells = || self.rows.iter().map(|row| &row.cells[column]);
        let mut written = cells().filter(|cell| !cell.is_empty() && !is_missing(cell)).peekable();
        let suffixed = written.peek().is_some() && written.all(|cell| suffix(cell).is_some());
        let read = |cell: &str| {
            let scaled = || {
                let (digits, exponent) = suffix(cell)?;
                // Read as one number, it is rounded once.
                let digits = plain(digits, decimal).filter(|digits| !digits.contains(['e', 'E']))?;
                format!("{digits}e{exponent}").parse().ok()
            };
            match cell {
                "" => Value::Empty,
                _ if is_missing(cell) => Value::Missing,
                _ => {
                    let value = if suffixed { scaled() } else { number(cell, decimal) };
                    let otherwise = if is_number(cell) { Value::Mixed } else { Value::Text };
                    value.map_or(otherwise, Value::Number)
                }
            }
        };
        Ok(cells().map(read).collect())
    }

    /// What stands before a column's decimals: its own numbers tell, or else those of the file.
    fn decimal(&self, column: usize) -> Result<Decimal> {
        let Notation { given, presumed, seen: file } = self.notation;
        if let Some(given) = given {
            return Ok(given);
        }
        let own = Seen::of(self.rows.iter().map(|row| &row.cells[column]));
        let decided = match own {
            Seen { point: false, comma: true, .. } => Some(Decimal::Comma),
            Seen { point: false, unclear_point, unclear_comma, .. } if unclear_point || unclear_comma => {
                match file {
                    Seen { point: true, comma: false, .. } => Some(Decimal::Point),
                    Seen { point: false, comma: true, .. } => Some(Decimal::Comma),
                    Seen { comma: false, unclear_comma: false, .. } => Some(Decimal::Point),
                    Seen { point: false, unclear_point: false, .. } => presumed,
                    _ => None,
                }
            }
            _ => Some(Decimal::Point),
        };
        decided.ok_or_else(|| {
            let unclear = |row: &Row| row.cells[column].contains(['.', ',']);
            let row = self.rows.iter().position(unclear).expect("an unclear number has a point or a comma");
            let expected = "numbers of which at least one shows whether a comma or a point stands before \
                            decimals (`allometry fit` takes --decimal)";
            Error::format(&self.path, expected, self.place(row, column))
        })
    }
}

/// Whether a cell is a number in any notation.
pub(super) fn is_number(cell: &str) -> bool {
    let digits = without_suffix(cell);
    [Decimal::Point, Decimal::Comma].into_iter().any(|decimal| number(digits, decimal).is_some())
}

fn is_missing(cell: &str) -> bool {
    const WORDS: [&str; 10] = ["nan", "na", "n/a", "#n/a", "null", "none", "nil", "-", "–", "—"];
    // Most cells are numbers, which begin with a digit.
    !cell.starts_with(|first: char| first.is_ascii_digit())
        && WORDS.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

fn number(cell: &str, decimal: Decimal) -> Option<f64> {
    // Most cells have neither marks nor decimal commas.
    let simple = (decimal == Decimal::Point).then(|| cell.parse().ok());
    simple.flatten().or_else(|| plain(cell, decimal)?.parse().ok())
}

/// A number without marks, with a decimal point. None where marks stand elsewhere than before three digits.
fn plain(cell: &str, decimal: Decimal) -> Option<Cow<'_, str>> {
    let (point, mark) = match decimal {
        Decimal::Point => ('.', ','),
        Decimal::Comma => (',', '.'),
    };
    let is_mark = |c: char| c == mark || [' ', '\u{a0}', '\u{202f}', '\''].contains(&c);
    let whole_end = cell.find([point, 'e', 'E']).unwrap_or(cell.len());
    let (whole, rest) = cell.split_at(whole_end);
    if rest.contains(is_mark) {
        return None;
    }
    let Some(mark) = whole.chars().find(|&c| is_mark(c)) else {
        return Some(if decimal == Decimal::Point { cell.into() } else { cell.replacen(',', ".", 1).into() });
    };
    let unsigned = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let mut groups = unsigned.split(mark);
    let is_group = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next().filter(|first| matches!(first.len(), 1..=3) && !first.starts_with('0'))?;
    if !is_group(first) || !groups.all(|group| group.len() == 3 && is_group(group)) {
        return None;
    }
    Some((whole.replace(mark, "") + &rest.replacen(point, ".", 1)).into())
}

/// A number's digits, and the power of ten that its suffix stands for. (A small m would be milli.)
fn suffix(cell: &str) -> Option<(&str, u8)> {
    let exponent = match cell.chars().next_back()? {
        'k' | 'K' => 3,
        'M' => 6,
        'b' | 'B' | 'G' => 9,
        'T' => 12,
        _ => return None,
    };
    Some((cell[..cell.len() - 1].trim_end(), exponent))
}

fn without_suffix(cell: &str) -> &str {
    suffix(cell).map_or(cell, |(digits, _)| digits)
}
