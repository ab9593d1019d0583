//! How a table becomes samples.

use crate::tables::{Decimal, Format, Header};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How a table becomes samples. The default is a table of numbers with a header, for regression, without missing values.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableOptions {
    /// What the target columns are.
    pub task: Task,
    /// What happens to rows with missing values.
    #[serde(skip_serializing_if = "is_default")]
    pub missing: Missing,
    /// Whether targets of regression are standardised as features are. Losses are then relative to the variance of the
    /// training targets.
    #[serde(skip_serializing_if = "is_default")]
    pub scale_targets: bool,
    /// Columns whose cells are names of categories although they look like numbers, or have many different texts. Other
    /// columns are categorical if none of their cells is a number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categorical: Vec<String>,
    /// Columns that are neither features nor targets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// The separator of cells, an ASCII character; `None` to detect it.
    #[serde(skip_serializing_if = "is_default")]
    pub delimiter: Option<char>,
    /// The decimal mark of numbers; `None` to detect it.
    #[serde(skip_serializing_if = "is_default")]
    pub decimal: Option<Decimal>,
    /// Whether the first line is a header.
    #[serde(skip_serializing_if = "is_default")]
    pub header: Header,
    /// A second table with the same columns, whose rows are the validation rows. Without one, a fraction of the rows is
    /// held out.
    #[serde(skip_serializing_if = "is_default")]
    pub validation: Option<PathBuf>,
}

/// What the target columns of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Numbers to predict.
    #[default]
    Regression,
    /// One column of class names.
    Classification,
}

/// What happens to missing values: empty cells, `?`, and words such as `NA`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// They are an error.
    #[default]
    Refuse,
    /// Rows with one are left out.
    Drop,
    /// Missing numbers become the mean of the training rows, and missing categories none of the known ones. Rows without
    /// a target are left out.
    Mean,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TableOptions {
    /// Whether nothing is given.
    pub fn is_default(&self) -> bool {
        is_default(self)
    }

    /// The format of the files.
    pub fn format(&self) -> Format {
        let delimiter = self.delimiter.and_then(|character| u8::try_from(character).ok());
        Format { delimiter, decimal: self.decimal, header: self.header }
    }

    /// Names of the fields that differ between two options.
    pub fn differences(&self, other: &TableOptions) -> Vec<&'static str> {
        let fields = [
            ("task", self.task != other.task),
            ("missing", self.missing != other.missing),
            ("scale_targets", self.scale_targets != other.scale_targets),
            ("categorical", self.categorical != other.categorical),
            ("ignored", self.ignored != other.ignored),
            ("delimiter", self.delimiter != other.delimiter),
            ("decimal", self.decimal != other.decimal),
            ("header", self.header != other.header),
            ("validation", self.validation != other.validation),
        ];
        fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// The command-line flags that give these options: each flag's name, and its value if it takes one.
    pub fn flags(&self) -> Vec<(&'static str, Option<String>)> {
        let task = match self.task {
            Task::Regression => "regression",
            Task::Classification => "classification",
        };
        let mut flags = vec![("task", Some(task.to_string()))];
        match self.missing {
            Missing::Refuse => {}
            Missing::Drop => flags.push(("missing", Some("drop".into()))),
            Missing::Mean => flags.push(("missing", Some("mean".into()))),
        }
        if self.scale_targets {
            flags.push(("scale-targets", None));
        }
        flags.extend(self.categorical.iter().map(|name| ("categorical", Some(name.clone()))));
        flags.extend(self.ignored.iter().map(|name| ("ignore", Some(name.clone()))));
        flags.extend(self.delimiter.map(|character| ("delimiter", Some(character.to_string()))));
        let decimal = |decimal| if decimal == Decimal::Point { "point" } else { "comma" };
        flags.extend(self.decimal.map(|mark| ("decimal", Some(decimal(mark).to_string()))));
        if self.header == Header::Absent {
            flags.push(("no-header", None));
        }
        let validation = self.validation.as_ref().map(|path| path.display().to_string());
        flags.extend(validation.map(|path| ("validation", Some(path))));
        flags
    }
}
