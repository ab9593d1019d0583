//! Flags that say how a table becomes samples, for commands that train.

use super::rows::delimiter;
use allometry::data::table::Choice;
use allometry::data::{DataOptions, Missing, TableOptions, Task, table};
use allometry::tables::{Decimal, Header};
use allometry::{Result, note};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args)]
pub struct TableArgs {
    /// What the target of a csv file is: numbers (regression) or classes (classification). By default (auto), text and
    /// a few different whole numbers are classes.
    #[arg(long, value_enum, default_value_t = TaskArg::Auto, help_heading = HEADING)]
    task: TaskArg,
    /// What to do with missing values, which are empty cells, ?, NA and the like: report an error, leave out their
    /// rows, or fill in the means of the training rows.
    #[arg(long, value_enum, default_value_t, help_heading = HEADING)]
    missing: Missing,
    /// A csv file with the same columns, to validate on; by default a fifth of the rows.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    validation: Option<PathBuf>,
    /// Standardise the targets of regression as features are. Losses are then relative to the variance of the targets;
    /// predictions are in the original unit.
    #[arg(long, help_heading = HEADING)]
    scale_targets: bool,
    /// Columns that are categories although they look like numbers. Columns of text are categories anyway.
    #[arg(long, value_name = "COLUMN", help_heading = HEADING)]
    categorical: Vec<String>,
    /// Columns to leave out.
    #[arg(long, value_name = "COLUMN", help_heading = HEADING)]
    ignore: Vec<String>,
    /// Separator of cells: comma, semicolon, tab, or another character; by default detected.
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter, help_heading = HEADING)]
    delimiter: Option<u8>,
    /// Decimal separator of numbers; by default detected.
    #[arg(long, value_enum, help_heading = HEADING)]
    decimal: Option<Decimal>,
    /// The first line has the names of the columns; by default detected.
    #[arg(long, conflicts_with = "no_header", help_heading = HEADING)]
    header: bool,
    /// The first line is a row; columns are called 1, 2, 3 and so on.
    #[arg(long, help_heading = HEADING)]
    no_header: bool,
}

const HEADING: &str = "Tables";

#[derive(Clone, Copy, ValueEnum)]
enum TaskArg {
    Auto,
    Regression,
    Classification,
}

impl TableArgs {
    /// The flags as options. What they leave open is decided by the file, and printed.
    pub fn complete(&self, options: DataOptions) -> Result<DataOptions> {
        let is_table = options.dataset == "csv";
        let options = DataOptions { table: self.given(is_table), ..options };
        // Opening the set refuses flags that are not for it, and a table without a place.
        if !is_table || options.directory.is_none() {
            return Ok(options);
        }
        let Choice { options, notes } = table::choose(options, self.task())?;
        notes.iter().for_each(|text| note!("allometry: {text}"));
        Ok(options)
    }

    fn task(&self) -> Option<Task> {
        match self.task {
            TaskArg::Auto => None,
            TaskArg::Regression => Some(Task::Regression),
            TaskArg::Classification => Some(Task::Classification),
        }
    }

    fn given(&self, is_table: bool) -> TableOptions {
        TableOptions {
            task: self.task().unwrap_or_default(),
            missing: self.missing,
            scale_targets: self.scale_targets,
            categorical: self.categorical.clone(),
            ignored: self.ignore.clone(),
            delimiter: self.delimiter.map(char::from),
            decimal: self.decimal,
            header: match (self.header, self.no_header) {
                (true, _) => Header::Present,
                (_, true) => Header::Absent,
                _ if is_table => Header::Detect,
                _ => Header::Present,
            },
            validation: self.validation.clone(),
        }
    }
}
