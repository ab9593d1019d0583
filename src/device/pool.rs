//! Free buffers, kept for reuse by size class.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// Buffer sizes and the starts of packed tensors are multiples of this many bytes. It is the largest offset alignment
/// that graphics interfaces require.
pub const ALIGNMENT: u64 = 256;

/// The size to allocate for a request of `bytes`. There are four sizes between a power of two and the next, so that
/// at most a fifth of a buffer is unused, and requests of similar sizes can reuse one buffer.
pub fn size_class(bytes: u64) -> u64 {
    let bytes = bytes.max(1).next_multiple_of(ALIGNMENT);
    let step = (bytes.next_power_of_two() / 8).max(ALIGNMENT);
    bytes.next_multiple_of(step)
}

/// Free buffers of one device. The last one returned is reused first.
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

    /// Empties the pool. Returns the number of bytes that go back to the system.
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
