//! The memory ledger: live, peak and reserved bytes of a device, by category.

use std::cell::Cell;
use std::sync::Mutex;

/// The purpose of a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Category {
    /// Trainable values.
    Parameters,
    /// Gradients of parameters and of activations.
    Gradients,
    /// State of the optimiser: moments and velocities.
    Optimizer,
    /// Results of the forward pass, and the batch.
    Activations,
    /// Temporary memory of one op.
    Workspace,
}

impl Category {
    /// Every category, in the order of [`Usage::by_category`].
    pub const ALL: [Category; 5] = [
        Category::Parameters,
        Category::Gradients,
        Category::Optimizer,
        Category::Activations,
        Category::Workspace,
    ];
}

/// Bytes of a device's memory at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Bytes of buffers with a handle.
    pub live: u64,
    /// The largest number of live bytes since the last [`reset_peak`](crate::Device::reset_peak).
    pub peak: u64,
    /// Bytes taken from the system: live ones and free ones in the pool.
    pub reserved: u64,
    /// Live bytes of each [`Category`], in the order of [`Category::ALL`].
    pub by_category: [u64; 5],
    /// Live bytes of each category at the moment of the peak.
    pub peak_by_category: [u64; 5],
}

/// Counts every allocation of one device.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Usage>);

impl Ledger {
    pub(crate) fn take(&self, category: Category, bytes: u64) {
        let mut usage = self.lock();
        usage.live += bytes;
        usage.by_category[category as usize] += bytes;
        if usage.live > usage.peak {
            usage.peak = usage.live;
            usage.peak_by_category = usage.by_category;
        }
    }

    pub(crate) fn give(&self, category: Category, bytes: u64) {
        let mut usage = self.lock();
        usage.live -= bytes;
        usage.by_category[category as usize] -= bytes;
    }

    pub(crate) fn reserve(&self, bytes: u64) {
        self.lock().reserved += bytes;
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.lock().reserved -= bytes;
    }

    pub(crate) fn usage(&self) -> Usage {
        *self.lock()
    }

    pub(crate) fn reset_peak(&self) {
        let mut usage = self.lock();
        usage.peak = usage.live;
        usage.peak_by_category = usage.by_category;
    }

    pub(crate) fn raise_peak(&self, by_category: [u64; 5]) {
        let (mut usage, peak) = (self.lock(), by_category.iter().sum());
        if peak > usage.peak {
            (usage.peak, usage.peak_by_category) = (peak, by_category);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Usage> {
        // The guarded code is plain arithmetic, so a poisoned lock still holds consistent numbers.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

thread_local! {
    static CURRENT: Cell<Category> = const { Cell::new(Category::Activations) };
}

/// Counts what this thread allocates under `category` until the returned guard is dropped.
///
/// ```
/// use allometry::device::memory::{Category, allocating};
/// let _parameters = allocating(Category::Parameters);
/// ```
#[must_use = "the category holds as long as the guard lives"]
pub fn allocating(category: Category) -> impl Drop {
    struct Guard(Category);
    impl Drop for Guard {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    Guard(CURRENT.replace(category))
}

pub(crate) fn current() -> Category {
    CURRENT.get()
}
