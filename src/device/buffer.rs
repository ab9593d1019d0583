//! A handle to a part of a device's memory. The ledger counts it while it lives. When the last handle is dropped, the
//! memory returns to the device's pool.

use super::memory::Category;
use super::{Backend, Device, gpu};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

/// Host memory is allocated in units of 64 bytes, so that every buffer is aligned for the widest vector load.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Line([u8; 64]);

/// Where a buffer's bytes are.
pub(crate) enum Storage {
    Host(RwLock<Vec<Line>>),
    Gpu(gpu::Slot),
    /// A dry device counts memory and allocates none.
    Dry,
}

/// A handle to device memory; clones share it.
#[derive(Clone)]
pub struct Buffer(Arc<Block>);

struct Block {
    device: Device,
    storage: Storage,
    bytes: u64,
    class: u64,
    category: Category,
    version: AtomicU64,
}

/// A number that no buffer had as its version before.
fn next_version() -> AtomicU64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    AtomicU64::new(NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Buffer {
    /// Counts `bytes` as live until the last handle is dropped. `class` is the size that was allocated.
    pub(crate) fn new(
        device: Device,
        storage: Storage,
        bytes: u64,
        class: u64,
        category: Category,
    ) -> Buffer {
        device.0.ledger.take(category, bytes);
        Buffer(Arc::new(Block { device, storage, bytes, class, category, version: next_version() }))
    }

    /// The device that this memory is on.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// Bytes of the buffer: the requested bytes, rounded up to a multiple of [`ALIGNMENT`](super::ALIGNMENT).
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.0.storage
    }

    /// Notes that the contents change.
    pub(super) fn touch(&self) {
        self.0.version.store(next_version().into_inner(), Ordering::Relaxed);
    }

    /// A number that stands for the present contents: it is another one after each write, and no other buffer has it.
    pub(crate) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Relaxed)
    }

    /// Whether this is the only handle to the memory.
    pub fn is_sole_handle(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Whether both handles are handles to the same memory.
    pub fn same(&self, other: &Buffer) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Buffer({} bytes on {})", self.0.bytes, self.0.device.name())
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let inner = &self.device.0;
        inner.ledger.give(self.category, self.bytes);
        match (&mut self.storage, &inner.backend) {
            (Storage::Host(lines), Backend::Cpu(pool)) => {
                let lines = lines.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
                pool.give(self.class, std::mem::take(lines));
            }
            (Storage::Gpu(slot), Backend::Gpu(gpu)) => gpu.pool.give(self.class, slot.clone()),
            _ => inner.ledger.release(self.class),
        }
    }
}
