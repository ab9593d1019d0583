//! State that is saved with a model and not trained, such as running statistics.

use super::definition::Declared;
use super::parameters::{draw, upload, upload_exact};
use crate::autograd::no_grad;
use crate::device::memory::{Category, allocating};
use crate::device::{DType, Device};
use crate::error::{Error, Result, listed};
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The buffers of a model, by dotted name.
#[derive(Clone)]
pub struct Buffers {
    entries: Arc<[(String, Slot)]>,
}

/// Where a buffer's values are. Clones are the same place. New values are new memory: a graph that reads the earlier
/// ones keeps them.
#[derive(Clone)]
pub(super) struct Slot(Arc<Mutex<Tensor>>);

impl Slot {
    fn new(values: Tensor) -> Slot {
        Slot(Arc::new(Mutex::new(values)))
    }

    fn lock(&self) -> MutexGuard<'_, Tensor> {
        // A handle is whole also where a thread panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self) -> Tensor {
        self.lock().clone()
    }

    /// A place of its own with the same values.
    pub fn snapshot(&self) -> Slot {
        Slot::new(self.get())
    }

    pub fn set(&self, values: &Tensor) -> Result<()> {
        let present = self.get();
        if values.shape() != present.shape() {
            let expected = format!("the buffer has the shape {}", present.shape());
            return Err(Error::shape("set_buffer", &[values.shape()], expected));
        }
        let _category = allocating(Category::Parameters);
        let own = Tensor::empty("buffer", present.device(), present.dtype(), present.shape())?;
        no_grad(|| values.detach().cast(present.dtype()))?.copy_into(&own)?;
        *self.lock() = own;
        Ok(())
    }
}

impl Buffers {
    /// Draws initial values and copies them to the device, in numbers that begin after those of `parameters`.
    pub(super) fn new(
        device: &Device,
        dtype: DType,
        declared: &[(String, &Declared)],
        seed: u64,
        parameters: usize,
    ) -> Result<Buffers> {
        let _category = allocating(Category::Parameters);
        let entry = |(index, (name, declared)): (usize, &(String, &Declared))| {
            let shape = Shape::new(&declared.shape)?;
            let values = if device.is_dry() {
                Tensor::empty("buffer", device, dtype, shape)?
            } else {
                upload(device, dtype, &draw(declared, seed, parameters + index), shape)?
            };
            Ok((name.clone(), Slot::new(values)))
        };
        Ok(Buffers { entries: declared.iter().enumerate().map(entry).collect::<Result<_>>()? })
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.entries.iter().map(|(_, slot)| slot.clone())
    }

    /// Dotted names and present values, in the order of the modules.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Tensor)> {
        self.entries.iter().map(|(name, slot)| (name.as_str(), slot.get()))
    }

    /// Whether a buffer has this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.entries.iter().any(|(own, _)| own == name)
    }

    /// Number of values.
    pub fn count(&self) -> usize {
        self.iter().map(|(_, values)| values.shape().elements()).sum()
    }

    /// Overwrites the buffer `name`.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown name or another number of values.
    pub fn set(&self, name: &str, values: &[f32]) -> Result<()> {
        self.set_exact(name, &values.iter().map(|&value| value.into()).collect::<Vec<f64>>())
    }

    /// Overwrites all buffers, in the order of [`iter`](Buffers::iter).
    pub(crate) fn overwrite(&self, values: &[Tensor]) -> Result<()> {
        self.entries.iter().zip(values).try_for_each(|((_, slot), values)| slot.set(values))
    }

    /// The same as [`set`](Buffers::set) in f64, of which models in f64 keep all digits.
    pub(super) fn set_exact(&self, name: &str, values: &[f64]) -> Result<()> {
        let refused = |problem: String| Error::Config { what: format!("buffer {name}"), problem };
        let Some((_, slot)) = self.entries.iter().find(|(own, _)| own == name) else {
            let names: Vec<&String> = self.entries.iter().map(|(own, _)| own).collect();
            return Err(refused(format!("the model has none of this name; it has {}", listed(&names))));
        };
        let present = slot.get();
        let shape = present.shape();
        if shape.elements() != values.len() {
            let (found, wanted) = (values.len(), shape.elements());
            return Err(refused(format!("{found} values given, {wanted} needed for {shape}")));
        }
        slot.set(&upload_exact(present.device(), present.dtype(), values, shape)?)
    }
}
