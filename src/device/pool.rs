//! Buffers that wait to be used again, by size class.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// Every buffer's size and every packed tensor's start is a multiple of this many bytes: the strictest
/// offset alignment that graphics interfaces ask for.
pub const ALIGNMENT: u64 = 256;

/// The size that a request is rounded up to: four classes per octave, so that at most a fifth is wasted and a
/// buffer serves all requests of about its size.
pub fn size_class(bytes: u64) -> u64 {
    let bytes = bytes.max(1).next_multiple_of(ALIGNMENT);
    let step = (bytes.next_power_of_two() / 8).max(ALIGNMENT);
    bytes.next_multiple_of(step)
}

/// Free buffers of one device, last in, first out.
pub(crate) struct Pool<B>(Mutex<BTreeMap<u64, Vec<B>>>);

impl<B> Default for Pool<B> {
    fn default() -> Self {
        Pool(Mutex::default())
    }
}

impl<B> Pool<B> {
    pub(crate) fn take(&self, class: u64) -> Option<B> {
        self.lock().get_mut(&class)?.pop()
    }

    pub(crate) fn give(&self, class: u64, buffer: B) {
        self.lock().entry(class).or_default().push(buffer);
    }

    /// Empties the pool; returns the bytes given back to the system.
    pub(crate) fn trim(&self) -> u64 {
        std::mem::take(&mut *self.lock())
            .into_iter()
            .map(|(class, buffers)| class * buffers.len() as u64)
            .sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<B>>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
