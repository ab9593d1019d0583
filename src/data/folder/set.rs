//! The images of a split as samples.

use super::decode::Form;
use super::listing::ImageFile;
use super::storage::Storage;
use super::unreadable::Unreadable;
use crate::data::dataset::{Dataset, Target, Targets};
use crate::data::images::{Classes, inputs_of, to_unit};
use crate::data::inputs::Inputs;
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::sync::Arc;

/// The images of a split. The first are decoded in memory, as many as fit; others are decoded whenever they are needed.
pub(super) struct FolderSet {
    storage: Arc<Storage>,
    files: Vec<ImageFile>,
    classes: Classes,
    form: Form,
    shape: [usize; 3],
    /// The samples in memory, one after the other.
    cached: Vec<u8>,
    pub left_out: Option<String>,
}

impl FolderSet {
    /// Decodes as many images as `cache` bytes hold, on all cores. Leaves out and returns those that can't be decoded.
    pub fn new(
        storage: Arc<Storage>,
        mut files: Vec<ImageFile>,
        classes: Classes,
        form: Form,
        cache: u64,
    ) -> (FolderSet, Vec<Unreadable>) {
        let values = form.values();
        let count = files.len().min((cache / values as u64) as usize);
        let mut cached = vec![0; count * values];
        let decode = |(file, sample): (&ImageFile, &mut [u8])| {
            let decoded = storage.read(&file.entry).and_then(|bytes| form.decode(&bytes));
            decoded.map(|decoded| sample.copy_from_slice(&decoded)).err()
        };
        let problems: Vec<Option<String>> =
            files[..count].par_iter().zip(cached.par_chunks_exact_mut(values)).map(decode).collect();
        let mut unreadable = Vec::new();
        // From the end, so that places before stay what they are.
        for (place, problem) in problems.into_iter().enumerate().rev() {
            if let Some(problem) = problem {
                unreadable.push(Unreadable::new(&files.remove(place).entry, problem));
                cached.drain(place * values..(place + 1) * values);
            }
        }
        unreadable.reverse();
        let shape = [form.side, form.side, form.channels()];
        (FolderSet { storage, files, classes, form, shape, cached, left_out: None }, unreadable)
    }

    /// Bytes of the samples in memory.
    pub fn cached_bytes(&self) -> u64 {
        self.cached.len() as u64
    }
}

impl Dataset for FolderSet {
    fn name(&self) -> &str {
        "folder"
    }

    fn len(&self) -> usize {
        self.files.len()
    }

    fn sample_shape(&self) -> &[usize] {
        &self.shape
    }

    fn targets(&self) -> Targets {
        Targets::Classes(self.classes.count)
    }

    fn inputs(&self) -> Option<Inputs> {
        Some(inputs_of(self.shape, &self.classes))
    }

    fn left_out(&self) -> Option<&str> {
        self.left_out.as_deref()
    }

    fn is_slow(&self) -> bool {
        self.cached.len() < self.files.len() * self.form.values()
    }

    fn write(&self, _epoch: u64, index: usize, input: &mut [f32], target: Target<'_>) -> Result<()> {
        self.check(index, input)?;
        let file = &self.files[index];
        match self.cached.get(index * input.len()..(index + 1) * input.len()) {
            Some(sample) => to_unit(sample, input),
            None => {
                let decoded = self.storage.read(&file.entry).and_then(|bytes| self.form.decode(&bytes));
                let expected = "an image, as when the set was opened (remove the file, or restore it)";
                to_unit(&decoded.map_err(|found| Error::format(&file.entry.name, expected, found))?, input);
            }
        }
        target.class(file.label)
    }
}
