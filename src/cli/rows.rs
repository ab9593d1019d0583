//! Flags that select rows of a table, for commands that read one.

use allometry::arguments::positive;
use allometry::laws::Columns;
use allometry::tables::{Decimal, Format};
use clap::Args;

#[derive(Args)]
pub struct RowsArgs {
    /// y is an accuracy from 0 to 1; fit the error rate 1 − y.
    #[arg(long)]
    error_rate: bool,
    /// Use only rows whose cell in COLUMN equals VALUE (as text or as a number). Several conditions, separated by
    /// commas or each with its own --where, must all hold. Write names and values as in the table, with spaces and
    /// commas, without quotes.
    #[arg(long = "where", value_name = "COLUMN=VALUE[,COLUMN=VALUE]", value_parser = condition)]
    conditions: Vec<String>,
    /// Leave out rows with NaN, NA, null or a dash in one of the columns; without this flag they are an error.
    #[arg(long)]
    skip_missing: bool,
    /// Leave out rows whose y (or error rate) is larger than this.
    #[arg(long, value_name = "Y", value_parser = positive)]
    drop_above: Option<f64>,
    /// Leave out rows whose y (or error rate) is smaller than this.
    #[arg(long, value_name = "Y", value_parser = positive)]
    drop_below: Option<f64>,
    /// Separator of cells: comma, semicolon, tab, or another character; by default detected.
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Decimal separator of numbers; by default detected.
    #[arg(long, value_enum)]
    decimal: Option<Decimal>,
}

impl RowsArgs {
    /// The selection of rows, with the columns of the sizes and the quantity.
    pub fn columns(&self, x: &str, x2: Option<&str>, y: &str) -> Columns {
        Columns {
            x: x.to_string(),
            x2: x2.map(str::to_string),
            y: y.to_string(),
            error_rate: self.error_rate,
            conditions: self.conditions.clone(),
            drop_above: self.drop_above,
            drop_below: self.drop_below,
            skip_missing: self.skip_missing,
            format: Format { delimiter: self.delimiter, decimal: self.decimal, ..Format::default() },
        }
    }
}

fn condition(text: &str) -> Result<String, String> {
    if text.contains('=') { Ok(text.to_string()) } else { Err("expected COLUMN=VALUE".to_string()) }
}

/// A separator of cells: a word, or an ASCII character.
pub(super) fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("comma", _) => Ok(b','),
        ("semicolon", _) => Ok(b';'),
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, &[byte]) if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n".contains(&byte) => {
            Ok(byte)
        }
        _ => {
            Err("expected comma, semicolon, tab, or one ASCII character that is not a letter, digit or quote"
                .to_string())
        }
    }
}
