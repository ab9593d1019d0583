//! Which data set to open, and how.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Which data set to open, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct DataOptions {
    /// One of [`NAMES`](super::NAMES).
    pub dataset: String,
    /// Folder with the set's files (`csv`: also the file itself). `glyphs` needs none.
    pub directory: Option<PathBuf>,
    /// Height and width of images in pixels; `None` for the set's default. Not for `csv`.
    pub resolution: Option<usize>,
    /// Seed of the training samples (`glyphs`), the subset (`samples`) and the validation split (`csv`).
    pub seed: u64,
    /// The most training samples per epoch, chosen by the seed; for `glyphs`, the exact number. Over equally many
    /// epochs and with the same seed, the samples of a smaller number are among those of a larger number.
    pub samples: Option<usize>,
    /// The largest number of samples, if sets of several numbers are compared. `glyphs` derives the size of its
    /// validation split from it, so that all share the split; those of other sets do not depend on `samples`.
    pub most_samples: Option<usize>,
    /// `csv`: names of the target columns; empty for the last column.
    pub target_columns: Vec<String>,
    /// `csv`: fraction of the rows to hold out for validation, between 0 and 1.
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
            target_columns: Vec::new(),
            validation_fraction: 0.2,
        }
    }
}

impl DataOptions {
    /// The directory, for a set that needs one.
    ///
    /// # Errors
    /// [`Error::Config`] without one.
    pub(super) fn directory(&self) -> Result<&Path> {
        self.directory.as_deref().ok_or_else(|| Error::Config {
            what: format!("dataset {}", self.dataset),
            problem:
                "no directory given; name the folder of its files with --data DIR, or use --dataset glyphs, \
                      which needs no files"
                    .into(),
        })
    }
}
