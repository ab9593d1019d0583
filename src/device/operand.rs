//! What a dispatch binds.

use super::buffer::Buffer;
use super::kernel::DType;

/// An operand of a dispatch: elements from `offset` (a multiple of the alignment) on.
#[derive(Clone, Copy)]
pub struct Operand<'a> {
    pub buffer: &'a Buffer,
    pub dtype: DType,
    /// In elements; times the element's size it is a multiple of [`ALIGNMENT`](super::ALIGNMENT).
    pub offset: usize,
    /// In elements.
    pub len: usize,
}

impl Operand<'_> {
    pub(super) fn byte_range(&self) -> (u64, u64) {
        let size = self.dtype.size();
        ((self.offset * size) as u64, (self.len * size) as u64)
    }
}
