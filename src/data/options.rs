//! Which data set to open, and how.

use super::published::{PublishedSet, published};
use super::table::TableOptions;
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The seed of the split into training and validation samples of sets that have none of their own (`csv`, `folder`). It is
/// the same whatever the seed of a training, so that trainings with different seeds have the same validation samples,
/// and their losses differ by the training alone.
pub(super) const SPLIT_SEED: u64 = 0;

/// Which data set to open, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct DataOptions {
    /// One of [`NAMES`](super::NAMES).
    pub dataset: String,
    /// Folder with the set's files (`csv`: also the file itself; `folder`: also a zip archive). `glyphs` needs none; a
    /// set that was [downloaded](super::published()) is found without it.
    pub directory: Option<PathBuf>,
    /// Height and width of images in pixels; `None` for the set's default. Not for `csv`.
    pub resolution: Option<usize>,
    /// Seed of the drawn samples (`glyphs`) and of the subset (`samples`). The validation split of `csv` and `folder` does
    /// not depend on it.
    pub seed: u64,
    /// The most training samples per epoch, chosen by the seed; for `glyphs`, the exact number. Over equally many
    /// epochs and with the same seed, the samples of a smaller number are among those of a larger number.
    pub samples: Option<usize>,
    /// The largest number of samples, if sets of several numbers are compared. `glyphs` derives the size of its
    /// validation split from it, so that all share the split; those of other sets do not depend on `samples`.
    pub most_samples: Option<usize>,
    /// `folder`: the most bytes of decoded images in memory. Others are decoded again whenever they are needed.
    pub cache_bytes: u64,
    /// `csv`: names of the target columns; empty for the last column.
    pub target_columns: Vec<String>,
    /// `csv`: how the table becomes samples.
    pub table: TableOptions,
    /// `csv`, `folder`: fraction of the rows, or of the images of a class, to hold out for validation, between 0 and 1.
    /// Unused if there is a validation file.
    pub validation_fraction: f64,
}

impl Default for DataOptions {
    fn default() -> DataOptions {
        DataOptions {
            dataset: "glyphs".into(),
            directory: None,
            resolution: None,
            seed: 0,
            samples: None,
            most_samples: None,
            cache_bytes: 2 << 30,
            target_columns: Vec::new(),
            table: TableOptions::default(),
            validation_fraction: 0.2,
        }
    }
}

impl DataOptions {
    /// The options with the folder of a downloaded set, if they name no folder and there is one.
    pub(super) fn located(&self) -> Cow<'_, DataOptions> {
        let downloaded =
            || published(&self.dataset).and_then(PublishedSet::folder).filter(|path| path.is_dir());
        match self.directory.is_none().then(downloaded).flatten() {
            Some(folder) => Cow::Owned(DataOptions { directory: Some(folder), ..self.clone() }),
            None => Cow::Borrowed(self),
        }
    }

    /// The directory, for a set that needs one.
    ///
    /// # Errors
    /// [`Error::Config`] without one.
    pub(super) fn directory(&self) -> Result<&Path> {
        self.directory.as_deref().ok_or_else(|| self.missing("no directory given"))
    }

    /// The error for files that are not there: what is missing, and how to get it.
    pub(super) fn missing(&self, problem: impl std::fmt::Display) -> Error {
        let place = if self.dataset == "csv" {
            "the table with --data FILE"
        } else {
            "the folder of its files with --data DIR"
        };
        let download = match published(&self.dataset) {
            Some(set) => format!(", or download them with `{}`", set.command()),
            None => String::new(),
        };
        Error::Config {
            what: format!("dataset {}", self.dataset),
            problem: format!("{problem}; name {place}{download}"),
        }
    }
}
