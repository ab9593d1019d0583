//! Tables as data for classification and regression: what `csv` data sets and saved models share.
//!
//! - `options.rs`: how a table is read ([`TableOptions`]). `choice.rs`: what they leave open, decided by the file;
//!   `notes.rs`: columns that may not mean what they seem to.
//! - `source.rs`: the rows of a training file and of a validation file; `cells.rs`: a column's cells as numbers or names;
//!   `columns.rs`: which columns are targets and features.
//! - `inputs.rs`: how a row becomes a sample, and what outputs mean ([`TableInputs`]). `fitting.rs`: the same, from the
//!   training rows.

mod cells;
mod choice;
mod columns;
mod fitting;
mod inputs;
mod notes;
mod options;
mod source;

pub use cells::{category, is_missing};
pub use choice::{Choice, choose};
pub use inputs::{InputColumn, TableInputs, TableTarget, TargetColumn, Untrained};
pub use options::{Missing, TableOptions, Task};

pub(super) use cells::{Cells, Kind, categorical_help, missing_value};
pub(super) use columns::{features, ignoring, places, targets};
pub(super) use fitting::{check_categories, classes, input_column, target_column};
pub(super) use source::{Source, file};
