//! Cells as numbers.
//!
//! A number has Rust's syntax, with a decimal point or a decimal comma. It may have thousands separators (the other of
//! point and comma, spaces, apostrophes) before groups of three digits, and a suffix k, M, B (or G) or T if all numbers
//! of its column have one.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The decimal mark of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Decimal {
    /// `0.5`
    Point,
    /// `0,5`
    Comma,
}

/// The content of a cell in a column of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A number, or an infinity.
    Number(f64),
    /// An empty cell.
    Empty,
    /// A word for a missing number: NaN, NA, null, a dash and the like.
    Missing,
    /// A number in another notation than the others of its column: another decimal mark, or a suffix that the others
    /// lack or the reverse.
    Mixed,
    /// Any other text.
    Text,
}

/// The evidence for the notation of a table's numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Notation {
    /// The decimal mark that an option or the file's format gives.
    pub given: Option<Decimal>,
    /// The decimal mark to assume for ambiguous numbers with commas, if nothing else tells.
    pub presumed: Option<Decimal>,
    /// The evidence from the numbers of the whole file.
    pub seen: Seen,
}

/// Which kinds of numbers some cells contain.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// A number that needs a decimal point: 0.5 or 1,000.5.
    point: bool,
    /// A number that needs a decimal comma: 0,5 or 1.000,5.
    comma: bool,
    /// 1.234, which is ambiguous.
    unclear_point: bool,
    /// 1,234, which is ambiguous.
    unclear_comma: bool,
}

impl Seen {
    /// Inspects cells.
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

impl Notation {
    /// The decimal mark of a column: its own numbers tell, or else those of the file. `None` if neither does.
    pub fn decimal(&self, own: Seen) -> Option<Decimal> {
        if self.given.is_some() {
            return self.given;
        }
        match own {
            Seen { point: false, comma: true, .. } => Some(Decimal::Comma),
            Seen { point: false, unclear_point, unclear_comma, .. } if unclear_point || unclear_comma => {
                match self.seen {
                    Seen { point: true, comma: false, .. } => Some(Decimal::Point),
                    Seen { point: false, comma: true, .. } => Some(Decimal::Comma),
                    Seen { comma: false, unclear_comma: false, .. } => Some(Decimal::Point),
                    Seen { point: false, unclear_point: false, .. } => self.presumed,
                    _ => None,
                }
            }
            _ => Some(Decimal::Point),
        }
    }
}

/// The cells of a column as numbers.
pub(super) fn values<'t, I: Iterator<Item = &'t str>>(cells: impl Fn() -> I, decimal: Decimal) -> Vec<Value> {
    let mut written = cells().filter(|cell| !cell.is_empty() && !is_missing(cell)).peekable();
    let suffixed = written.peek().is_some() && written.all(|cell| suffix(cell).is_some());
    let read = |cell: &str| {
        let scaled = || {
            let (digits, exponent) = suffix(cell)?;
            // Parsing digits and exponent together rounds once.
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
    cells().map(read).collect()
}

/// Whether a cell is a number in any notation.
pub(crate) fn is_number(cell: &str) -> bool {
    let digits = without_suffix(cell);
    [Decimal::Point, Decimal::Comma].into_iter().any(|decimal| number(digits, decimal).is_some())
}

/// Whether a cell is a word for a missing number.
pub(super) fn is_missing(cell: &str) -> bool {
    const WORDS: [&str; 10] = ["nan", "na", "n/a", "#n/a", "null", "none", "nil", "-", "–", "—"];
    // A fast path, because most cells are numbers, which begin with a digit.
    !cell.starts_with(|first: char| first.is_ascii_digit())
        && WORDS.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

fn number(cell: &str, decimal: Decimal) -> Option<f64> {
    // A fast path, because most cells have neither separators nor decimal commas.
    let simple = (decimal == Decimal::Point).then(|| cell.parse().ok());
    simple.flatten().or_else(|| plain(cell, decimal)?.parse().ok())
}

/// A number without thousands separators, with a decimal point. `None` if separators are misplaced.
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

/// A number's digits, and the power of ten of its suffix. (A lower-case m would mean milli.)
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
