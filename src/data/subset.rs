//! The first samples of a set.

use super::dataset::{Dataset, Target, Targets};
use super::inputs::Inputs;
use crate::error::Result;
use std::sync::Arc;

/// The first samples of a set, for a quick evaluation of a large validation set.
pub struct Subset {
    set: Arc<dyn Dataset>,
    len: usize,
}

impl Subset {
    /// The first `len` samples of `set`, or all if it has fewer.
    pub fn first(set: Arc<dyn Dataset>, len: usize) -> Arc<dyn Dataset> {
        let len = len.min(set.len());
        Arc::new(Subset { set, len })
    }
}

impl Dataset for Subset {
    fn name(&self) -> &str {
        self.set.name()
    }

    fn len(&self) -> usize {
        self.len
    }

    fn sample_shape(&self) -> &[usize] {
        self.set.sample_shape()
    }

    fn targets(&self) -> Targets {
        self.set.targets()
    }

    fn inputs(&self) -> Option<Inputs> {
        self.set.inputs()
    }

    fn left_out(&self) -> Option<&str> {
        self.set.left_out()
    }

    fn is_endless(&self) -> bool {
        self.set.is_endless()
    }

    fn is_slow(&self) -> bool {
        self.set.is_slow()
    }

    fn write(&self, epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.check(index, input)?;
        self.set.write(epoch, index, input, target)
    }
}
