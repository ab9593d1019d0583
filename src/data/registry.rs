//! The data sets by name.

use super::dataset::Splits;
use super::options::DataOptions;
use super::resample::check_resolution;
use super::source::DataSource;
use super::table::TableOptions;
use super::{cifar, csv, folder, glyphs, mnist, omniglot};
use crate::error::{Error, Result, listed};

/// Every data set.
const SOURCES: &[DataSource] =
    &[glyphs::SOURCE, mnist::SOURCE, cifar::SOURCE, omniglot::SOURCE, folder::SOURCE, csv::SOURCE];

/// The number of names.
const COUNT: usize = {
    let (mut count, mut place) = (0, 0);
    while place < SOURCES.len() {
        count += SOURCES[place].names.len();
        place += 1;
    }
    count
};

/// The names that [`open`] takes.
pub const NAMES: [&str; COUNT] = {
    let (mut names, mut count, mut place) = ([""; COUNT], 0, 0);
    while place < SOURCES.len() {
        let mut name = 0;
        while name < SOURCES[place].names.len() {
            names[count] = SOURCES[place].names[name];
            (count, name) = (count + 1, name + 1);
        }
        place += 1;
    }
    names
};

/// The source of a data set; `None` for an unknown name.
pub(super) fn source(name: &str) -> Option<&'static DataSource> {
    SOURCES.iter().find(|source| source.names.contains(&name))
}

/// Opens a data set by name: reads and checks its files.
///
/// # Errors
/// An unknown name; options that do not suit the set; files that are missing, unreadable or damaged.
pub fn open(options: &DataOptions) -> Result<Splits> {
    let unknown = || {
        let name = options.dataset.as_str();
        Error::argument("data", "dataset", name, format!("one of {}", NAMES.join(", ")))
    };
    let source = source(&options.dataset).ok_or_else(unknown)?;
    if let Some(resolution) = options.resolution {
        check_resolution(resolution)?;
    }
    if options.samples == Some(0) {
        return Err(Error::argument("data", "samples", 0, "at least 1"));
    }
    if options.dataset != "csv" && !options.target_columns.is_empty() {
        let found = listed(&options.target_columns);
        return Err(Error::argument("data", "target columns", found, "none, except for a csv file"));
    }
    if options.dataset != "csv" && !options.table.is_default() {
        let found = options.table.differences(&TableOptions::default()).join(", ");
        return Err(Error::argument("data", "options of tables", found, "none, except for a csv file"));
    }
    (source.open)(&options.located())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_belongs_to_one_source() {
        assert!(NAMES.contains(&"glyphs") && NAMES.contains(&"csv") && source("cifar").is_none());
        for name in NAMES {
            assert_eq!(SOURCES.iter().filter(|source| source.names.contains(&name)).count(), 1, "{name}");
        }
    }
}
