//! What is known about a table's file before it is read.

use super::numbers::Decimal;
use serde::{Deserialize, Serialize};

/// The format of a table's file. Reading a table detects what is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Format {
    /// The separator of cells, an ASCII character.
    pub delimiter: Option<u8>,
    /// The decimal mark.
    pub decimal: Option<Decimal>,
    /// Whether the first line of a delimited table is a header.
    pub header: Header,
}

/// Whether the first line of a delimited table is a header. The columns of a table without one have the names 1, 2, 3,
/// …
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Header {
    /// It has the names of the columns.
    #[default]
    Present,
    /// It is a row like the others.
    Absent,
    /// It is a row like the others if it has a number in each column of numbers, and there is one.
    Detect,
}
