//! Operands of a dispatch.

use super::buffer::Buffer;
use super::kernel::DType;

/// An operand of a dispatch: consecutive elements of a buffer.
#[derive(Clone, Copy)]
pub struct Operand<'a> {
    /// The buffer.
    pub buffer: &'a Buffer,
    /// The type of the elements.
    pub dtype: DType,
    /// Index of the first element. In bytes it is a multiple of [`ALIGNMENT`](super::ALIGNMENT).
    pub offset: usize,
    /// Number of elements.
    pub len: usize,
}

impl Operand<'_> {
    pub(super) fn byte_range(&self) -> (u64, u64) {
        let size = self.dtype.size();
        ((self.offset * size) as u64, (self.len * size) as u64)
    }
}
