//! Tables from files of other programs: named columns, and rows of cells.
//!
//! A file is a delimited table (CSV and similar formats), or JSON lines: one object after the other, whose keys are the
//! columns. A delimited table begins with a header unless [`Header`] says that it has none. The separator of cells and
//! the decimal mark of numbers are detected unless [`Format`] gives them. Byte order marks, line ends of all systems
//! and UTF-16 are supported.
//!
//! - `table.rs`: a [`Table`] in memory. `reading.rs`: reading one from a file; `format.rs`: what is known about the
//!   file; `text.rs`: bytes as text.
//! - `delimited.rs`: separators and quotes.
//! - `json_lines.rs`: objects as rows.
//! - `numbers.rs`: cells as numbers: decimal commas, thousands separators, suffixes ([`Value`]).
//! - `selection.rs`: the rows that satisfy conditions on columns ([`Table::select`]).

mod delimited;
mod format;
mod json_lines;
mod numbers;
mod reading;
mod selection;
mod table;
mod text;

pub(crate) use numbers::is_number;

pub use format::{Format, Header};
pub use numbers::{Decimal, Value};
pub use table::Table;
