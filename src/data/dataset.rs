//! The trait that every data set implements, and batches of its samples.

use super::inputs::Inputs;
use crate::error::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

/// The kind of a sample's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Targets {
    /// A label: a number below this number of classes.
    Classes(usize),
    /// This many numbers per sample, for regression.
    Values(usize),
}

/// The place for a sample's target, of the kind that [`Dataset::targets`] returns.
pub enum Target<'a> {
    /// The place for one label.
    Class(&'a mut u32),
    /// The place for as many numbers as the set has per sample.
    Values(&'a mut [f32]),
}

impl Target<'_> {
    /// Writes a label.
    ///
    /// # Errors
    /// A place for numbers.
    pub fn class(self, label: u32) -> Result<()> {
        match self {
            Target::Class(slot) => *slot = label,
            Target::Values(_) => return Err(Error::argument("data", "target", "numbers", "one label")),
        }
        Ok(())
    }

    /// Writes the numbers of one sample.
    ///
    /// # Errors
    /// A place for a label, or for another count of numbers.
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

/// Samples of one shape. A sample's address is (epoch, index), so that an endless set can draw new samples in every
/// epoch; a finite set ignores the epoch. The same address always gives the same bits.
pub trait Dataset: Send + Sync {
    /// The set's name, as in [`DataOptions::dataset`](super::DataOptions::dataset).
    fn name(&self) -> &str;

    /// Number of samples in an epoch.
    fn len(&self) -> usize;

    /// Whether an epoch has no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shape of one input: `[height, width, channels]` or `[features]`.
    fn sample_shape(&self) -> &[usize];

    /// The kind of the targets.
    fn targets(&self) -> Targets;

    /// How new inputs become samples like those of this set, for a saved model; `None` if the set can't tell.
    fn inputs(&self) -> Option<Inputs> {
        None
    }

    /// Which files and folders were left out, because they could not be read or have nothing in them, as text; `None` if
    /// there are none.
    fn left_out(&self) -> Option<&str> {
        None
    }

    /// Whether every epoch draws samples that no other epoch has.
    fn is_endless(&self) -> bool {
        false
    }

    /// Whether making a sample takes far longer than copying it, so that batches are made on all cores.
    fn is_slow(&self) -> bool {
        false
    }

    /// Writes sample (epoch, index): to `input` as many numbers as the product of
    /// [`sample_shape`](Dataset::sample_shape) (images: rows of pixels of channels, 0 = black or paper, 1 = white or
    /// ink), and its target.
    ///
    /// # Errors
    /// Those of [`check`](Dataset::check); a target of another kind.
    fn write(&self, epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()>;

    /// Checks an index and the length of an input, for implementations of `write`.
    ///
    /// # Errors
    /// An index past the end; an input of another length than the product of the sample's shape.
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

/// A batch of samples, on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Number of samples.
    pub size: usize,
    /// `[size, …sample shape]`, row-major.
    pub inputs: Vec<f32>,
    /// One target per sample.
    pub targets: BatchTargets,
}

impl Batch {
    /// The samples `range` of the batch.
    ///
    /// # Panics
    /// If the batch has fewer samples.
    pub fn range(&self, range: Range<usize>) -> Batch {
        let of = |values: usize| {
            let each = values / self.size.max(1);
            range.start * each..range.end * each
        };
        let targets = match &self.targets {
            BatchTargets::Classes(labels) => BatchTargets::Classes(labels[range.clone()].to_vec()),
            BatchTargets::Values(values) => BatchTargets::Values(values[of(values.len())].to_vec()),
            BatchTargets::Mixed { first, second, weight } => BatchTargets::Mixed {
                first: first[range.clone()].to_vec(),
                second: second[range.clone()].to_vec(),
                weight: *weight,
            },
        };
        Batch { size: range.len(), inputs: self.inputs[of(self.inputs.len())].to_vec(), targets }
    }
}

/// The targets of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchTargets {
    /// `[size]` labels.
    Classes(Vec<u32>),
    /// `[size, numbers per sample]`, row-major.
    Values(Vec<f32>),
    /// Two labels for each sample, which mixup made of two. The loss is `weight` times that of the first plus
    /// 1 − `weight` times that of the second.
    Mixed {
        /// `[size]` labels.
        first: Vec<u32>,
        /// `[size]` labels.
        second: Vec<u32>,
        /// At least a half, at most 1.
        weight: f32,
    },
}

/// The training and the validation samples of a set. No sample is in both.
pub struct Splits {
    /// The samples that a model is trained on.
    pub train: Arc<dyn Dataset>,
    /// The samples that it is evaluated on.
    pub validation: Arc<dyn Dataset>,
}
