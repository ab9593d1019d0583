//! How a row of a table becomes a sample, and what a model's outputs mean.

use super::cells::{Cells, Kind, category, is_missing};
use super::options::Missing;
use super::source::{Source, read};
use crate::error::{Result, shown};
use crate::tables::{Decimal, Format, Header, Table};
use crate::units::plural;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// How a row of a table becomes a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableInputs {
    /// Whether missing values were filled in. If not, rows to predict must not have any.
    #[serde(default)]
    pub missing: Missing,
    /// The separator of cells, if it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// The decimal mark, if it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<Decimal>,
    /// Whether the files have a header.
    #[serde(default)]
    pub header: Header,
    /// What the model predicts.
    pub target: TableTarget,
    /// The columns that the model reads, in the order of its features.
    pub columns: Vec<InputColumn>,
}

/// A column that a model reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum InputColumn {
    /// A number, which becomes one feature: (number − mean) / deviation.
    Number {
        /// The name in the header.
        name: String,
        /// The mean over the training rows.
        mean: f64,
        /// The standard deviation over the training rows; 0 for a constant column, whose feature is always 0.
        deviation: f64,
    },
    /// The name of a category, which becomes one feature for each category: 1 for its own, 0 for the others.
    Categories {
        /// The name in the header.
        name: String,
        /// The categories of the data set, sorted.
        categories: Vec<String>,
        /// Those that no training row has. All features of such a row are 0, because their weights were not trained.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        untrained: Vec<String>,
    },
}

/// What a model of tables predicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TableTarget {
    /// The class of a row.
    Classes {
        /// The name of the column.
        name: String,
        /// The classes, in the order of their labels: by number if all are numbers, else by name.
        classes: Vec<String>,
    },
    /// Numbers, one per output.
    Values {
        /// The columns, in the order of the outputs.
        columns: Vec<TargetColumn>,
    },
}

/// A column of numbers that a model predicts. An output is (number − mean) / deviation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetColumn {
    /// The name in the header.
    pub name: String,
    /// 0 if targets are not standardised.
    pub mean: f64,
    /// 1 if targets are not standardised.
    pub deviation: f64,
}

/// Significant decimal digits of an f32, and one more.
const DIGITS: i32 = 8;

impl TargetColumn {
    /// The number that an output stands for: output · deviation + mean, rounded to the decimal place that an output of
    /// about 1 determines.
    pub fn in_its_unit(&self, output: f32) -> f64 {
        let value = f64::from(output) * self.deviation + self.mean;
        let places = DIGITS - self.deviation.log10().floor() as i32;
        // Up to 1e22 a power of ten is exact, so that the quotient is the f64 next to the rounded number.
        let power = 10_f64.powi(places.abs().min(300));
        let rounded =
            if places > 0 { (value * power).round() / power } else { (value / power).round() * power };
        if rounded.is_finite() { rounded } else { value }
    }
}

impl InputColumn {
    /// The name in the header.
    pub fn name(&self) -> &str {
        match self {
            InputColumn::Number { name, .. } | InputColumn::Categories { name, .. } => name,
        }
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        match self {
            InputColumn::Number { .. } => 1,
            InputColumn::Categories { categories, .. } => categories.len(),
        }
    }

    /// Writes the features of rows. `slots` are the features of all columns of all rows, `[rows, features]`, from this
    /// column's first one on. A missing value becomes 0, and so does an unknown category.
    pub(in crate::data) fn write(
        &self,
        cells: &Cells,
        rows: impl Iterator<Item = usize>,
        features: usize,
        slots: &mut [f32],
    ) {
        match (self, cells) {
            (InputColumn::Number { mean, deviation, .. }, Cells::Numbers(values)) => {
                // A constant feature carries no information, and stays 0.
                if *deviation == 0.0 {
                    return;
                }
                let slots = slots.iter_mut().step_by(features);
                for (slot, row) in slots.zip(rows).filter(|(_, row)| !values[*row].is_nan()) {
                    *slot = ((values[row] - mean) / deviation) as f32;
                }
            }
            (InputColumn::Categories { categories, untrained, .. }, Cells::Names(names)) => {
                for (number, name) in rows.map(|row| names[row]).enumerate() {
                    let place = name.and_then(|name| place(categories, name));
                    if let Some(place) = place.filter(|&place| !untrained.contains(&categories[place])) {
                        slots[number * features + place] = 1.0;
                    }
                }
            }
            _ => unreachable!("cells are read by the kind of their column"),
        }
    }
}

impl TableInputs {
    /// The number of features of a row.
    pub fn features(&self) -> usize {
        self.columns.iter().map(InputColumn::features).sum()
    }

    /// Reads a table of the form that the model was trained on.
    ///
    /// # Errors
    /// Those of [`Table::read`].
    pub fn read(&self, path: &Path) -> Result<Table> {
        let delimiter = self.delimiter.and_then(|character| u8::try_from(character).ok());
        read(path, &Format { delimiter, decimal: self.decimal, header: self.header })
    }

    /// The samples of a table's rows, `[rows, features]`. The table may have other columns too, in any order.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) with row and column, for a column that is missing, a cell that is not of
    /// its kind, and a missing value unless they were filled in for training. A category that no training row had is no
    /// error: all features of its column are 0 there, as in validation ([`TableInputs::untrained`] finds them).
    pub fn samples(&self, table: &Table) -> Result<Vec<f32>> {
        let source = Source::of(table);
        let (rows, features) = (source.len(), self.features());
        let mut samples = vec![0.0; rows * features];
        let mut first = 0;
        for column in &self.columns {
            let found = source.column(source.first().column(column.name())?)?;
            let kind = match column {
                InputColumn::Number { .. } => Kind::Numbers,
                InputColumn::Categories { .. } => Kind::Names,
            };
            let cells = Cells::read(&source, &found, kind, "")?;
            if self.missing != Missing::Mean
                && let Some(row) = (0..rows).find(|&row| cells.is_missing(row))
            {
                let expected = "a value, as in all rows that the model was trained on (--missing mean trains one that fills in means)";
                return Err(source.refuse(row, &found, expected));
            }
            // Without rows there are no features to begin behind.
            column.write(&cells, 0..rows, features, samples.get_mut(first..).unwrap_or_default());
            first += column.features();
        }
        Ok(samples)
    }

    /// The categories of a table's rows that no training row had, column by column.
    ///
    /// # Errors
    /// [`Error::Format`](crate::Error::Format) for a column that is missing.
    pub fn untrained(&self, table: &Table) -> Result<Vec<Untrained>> {
        let mut found = Vec::new();
        for column in &self.columns {
            let InputColumn::Categories { name, categories, untrained } = column else { continue };
            let cells = table.column(name)?;
            let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
            for cell in (0..table.len()).map(|row| table.cell(row, cells)).filter(|cell| !is_missing(cell)) {
                let cell = category(cell);
                if place(categories, cell).is_none_or(|place| untrained.contains(&categories[place])) {
                    *rows.entry(cell).or_default() += 1;
                }
            }
            if !rows.is_empty() {
                let categories = rows.into_iter().map(|(category, rows)| (category.into(), rows)).collect();
                found.push(Untrained { column: name.clone(), categories });
            }
        }
        Ok(found)
    }
}

/// The categories of a column that no training row had: all its features are 0 in their rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Untrained {
    /// The name of the column.
    pub column: String,
    /// Each category with its number of rows, sorted by name.
    pub categories: Vec<(String, usize)>,
}

/// The most categories that a note names.
const NAMED: usize = 5;

impl fmt::Display for Untrained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.categories.iter().take(NAMED);
        let names = named.map(|(name, rows)| format!("{} ({})", shown(name), plural(*rows, "row")));
        let names = names.collect::<Vec<_>>().join(", ");
        let (noun, its) =
            if self.categories.len() == 1 { ("category", "its") } else { ("categories", "their") };
        write!(f, "column {}: no training row has the {noun} {names}", shown(&self.column))?;
        if let more @ 1.. = self.categories.len().saturating_sub(NAMED) {
            write!(f, " and {more} more")?;
        }
        write!(f, "; {its} rows are predicted without this column")
    }
}

/// The place of a name in a sorted list.
fn place(categories: &[String], name: &str) -> Option<usize> {
    categories.binary_search_by(|known| known.as_str().cmp(name)).ok()
}
