//! A row of the registry of data sets.

use super::dataset::Splits;
use super::options::DataOptions;
use crate::error::Result;
use std::path::PathBuf;

/// How to open a data set, or several that share their files' format.
pub(super) struct DataSource {
    /// The names that [`DataOptions::dataset`] takes.
    pub names: &'static [&'static str],
    /// Reads and checks the files, and returns the set.
    pub open: fn(&DataOptions) -> Result<Splits>,
    /// The files that `open` reads, in the set's order.
    pub files: fn(&DataOptions) -> Result<Vec<PathBuf>>,
}
