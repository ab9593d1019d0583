//! Where samples come from: the trait that every set implements, the sets themselves, and the loader that
//! prepares mini-batches of them on another thread.
//!
//! In reading order: this file, [`loader`], then one file per set: [`glyphs`] (drawn, not read), [`mnist`]
//! on [`idx`], [`omniglot`], [`csv`]. Image sets are resampled by [`resample`] to the resolution asked for. What files a
//! set was read from is remembered by their [`fingerprint`](mod@fingerprint).

pub mod csv;
pub mod fingerprint;
pub mod glyphs;
pub mod idx;
mod images;
pub mod loader;
pub mod mnist;
pub mod omniglot;
pub mod resample;
mod subset;

pub use fingerprint::{DataFile, fingerprint};
pub use loader::{Epoch, Loader, LoaderOptions};
pub use subset::Subset;

use crate::error::{Error, Result, listed};
use std::path::PathBuf;
use std::sync::Arc;

/// What a sample's target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Targets {
    /// A label from 0 to one less than this many classes.
    Classes(usize),
    /// This many numbers per sample (regression).
    Values(usize),
}

/// Where a sample's target is written to, of the kind that [`Dataset::targets`] names.
pub enum Target<'a> {
    /// Takes one label.
    Class(&'a mut u32),
    /// Takes as many numbers as the set has per sample.
    Values(&'a mut [f32]),
}

impl Target<'_> {
    /// Writes a label.
    pub fn class(self, label: u32) -> Result<()> {
        match self {
            Target::Class(slot) => *slot = label,
            Target::Values(_) => return Err(Error::argument("data", "target", "numbers", "one label")),
        }
        Ok(())
    }

    /// Writes the numbers of one sample.
    pub fn values(self, values: &[f32]) -> Result<()> {
        let expected = format!("{} numbers", values.len());
        match self {
            Target::Values(slots) if slots.len() == values.len() => slots.copy_from_slice(values),
            Target::Values(slots) => {
                return Err(Error::argument("data", "target", format!("{} numbers", slots.len()), expected));
            }
            Target::Class(_) => return Err(Error::argument("data", "target", "one label", expected)),
        }
        Ok(())
    }
}

/// Samples of one shape. A sample is addressed by (epoch, index), so that an endless set can draw new ones
/// in every epoch; a finite set ignores the epoch. The same address gives the same bits each time.
pub trait Dataset: Send + Sync {
    /// The set's name, as [`open`] takes it.
    fn name(&self) -> &str;

    /// Samples in one epoch.
    fn len(&self) -> usize;

    /// Whether an epoch has no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shape of one input: `[height, width, channels]` or `[features]`.
    fn sample_shape(&self) -> &[usize];

    /// What the targets are.
    fn targets(&self) -> Targets;

    /// Whether every epoch draws samples that no other has.
    fn is_endless(&self) -> bool {
        false
    }

    /// Whether making a sample costs far more than copying it, so that a batch is worth spreading over
    /// all cores.
    fn is_slow(&self) -> bool {
        false
    }

    /// Writes sample (epoch, index): into `input` as many numbers as the product of
    /// [`sample_shape`](Dataset::sample_shape) (images: rows of pixels of channels, 0 = black or paper,
    /// 1 = white or ink), and its target.
    fn write(&self, epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()>;

    /// Refuses an index past the end, or an input of the wrong length. For implementations of `write`.
    fn check(&self, index: usize, input: &[f32]) -> Result<()> {
        if index >= self.len() {
            return Err(Error::argument("data", "index", index, format!("less than {}", self.len())));
        }
        let features: usize = self.sample_shape().iter().product();
        if input.len() != features {
            let found = format!("{} numbers long", input.len());
            return Err(Error::argument("data", "input", found, format!("{features} numbers long")));
        }
        Ok(())
    }
}

/// Samples side by side, on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// How many samples.
    pub size: usize,
    /// `[size, …sample shape]`, row-major.
    pub inputs: Vec<f32>,
    /// One target per sample.
    pub targets: BatchTargets,
}

/// The targets of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchTargets {
    /// `[size]` labels.
    Classes(Vec<u32>),
    /// `[size, numbers per sample]`, row-major.
    Values(Vec<f32>),
}

/// Names that [`open`] takes.
pub const NAMES: [&str; 5] = ["glyphs", "mnist", "fashion-mnist", "omniglot", "csv"];

/// Which set to open, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct DataOptions {
    /// One of [`NAMES`].
    pub dataset: String,
    /// Folder with the set's files (`csv`: also the file itself). `glyphs` needs none.
    pub directory: Option<PathBuf>,
    /// Height and width of images in pixels; None for the set's own default. Not for `csv`.
    pub resolution: Option<usize>,
    /// Draws the training samples (`glyphs`), the subset (`samples`) and the validation split (`csv`).
    pub seed: u64,
    /// At most so many training samples per epoch, chosen by the seed; for `glyphs`, exactly so many. Over
    /// equally many epochs and with the same seed, a smaller number has a part of a larger number's samples.
    pub samples: Option<usize>,
    /// Where sets of several numbers of samples are compared, the largest of these. `glyphs` sizes its validation
    /// split by it, so that it is the same for all of them; that of other sets does not depend on `samples`.
    pub most_samples: Option<usize>,
    /// `csv`: names of the target columns; empty for the last column.
    pub target_columns: Vec<String>,
    /// `csv`: part of the rows that is held out for validation, between 0 and 1.
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

/// A set's two halves. No sample is in both.
pub struct Splits {
    /// What a model learns from.
    pub train: Arc<dyn Dataset>,
    /// What it is judged by.
    pub validation: Arc<dyn Dataset>,
}

/// Opens a set by name, and reads and checks its files.
pub fn open(options: &DataOptions) -> Result<Splits> {
    if let Some(resolution) = options.resolution {
        resample::check_resolution(resolution)?;
    }
    if options.samples == Some(0) {
        return Err(Error::argument("data", "samples", 0, "at least 1"));
    }
    if options.dataset != "csv" && !options.target_columns.is_empty() {
        let found = listed(&options.target_columns);
        return Err(Error::argument("data", "target columns", found, "none, but for a csv file"));
    }
    match options.dataset.as_str() {
        "glyphs" => glyphs::Glyphs::open(options),
        "mnist" | "fashion-mnist" => mnist::open(options),
        "omniglot" => omniglot::open(options),
        "csv" => csv::open(options),
        other => Err(Error::argument("data", "dataset", other, format!("one of {}", NAMES.join(", ")))),
    }
}

/// The options' directory, or what to do where there is none.
fn directory(options: &DataOptions) -> Result<&std::path::Path> {
    options.directory.as_deref().ok_or_else(|| Error::Config {
        what: format!("dataset {}", options.dataset),
        problem: "no directory given; say where its files are with --data DIR, or use --dataset glyphs, \
                  which needs no files"
            .into(),
    })
}
