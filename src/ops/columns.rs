//! How kernels divide a matrix of rows of channels among workgroups, and its sums over rows into pieces.

use super::reduce::sum_rows;
use crate::autograd::BackwardContext;
use crate::error::Result;
use crate::tensor::Tensor;

/// `shaders/lib/columns.wgsl`: the place of an invocation's work.
pub(super) const COLUMNS: &str = include_str!("../../shaders/lib/columns.wgsl");
/// `shaders/lib/column_sums.wgsl`: sums over the invocations of a channel.
pub(super) const COLUMN_SUMS: &str = include_str!("../../shaders/lib/column_sums.wgsl");

/// The blocks into which the channels are divided.
pub(super) fn blocks(channels: u32) -> u64 {
    (channels as u64).div_ceil(64)
}

/// The invocations of a workgroup that share a channel.
pub(super) fn lanes(channels: u32) -> u64 {
    256 / (channels as u64).div_ceil(blocks(channels))
}

/// The rows of a piece of sums over rows, and the number of pieces.
pub(super) fn pieces(rows: u32, channels: u32) -> [u32; 2] {
    /// The fewest elements of a piece,
    const SMALLEST_PIECE: u64 = 4096;
    /// and the most workgroups that compute pieces.
    const ENOUGH_GROUPS: u64 = 512;
    let most = (ENOUGH_GROUPS / blocks(channels)).max(1);
    let pieces = (rows as u64 * channels as u64 / SMALLEST_PIECE).clamp(1, most);
    let piece = rows.div_ceil(pieces as u32);
    [piece, rows.div_ceil(piece)]
}

/// The sum of the pieces `parts`, the gradient of the parameter that is input `i`: in the parameter's slot if that has
/// the type of the parts. (Where it is f16, the sums are kept in f32, and their rounded copies are the gradient.)
pub(super) fn joined(
    op: &'static str,
    context: &BackwardContext,
    i: usize,
    parts: &Tensor,
) -> Result<Tensor> {
    sum_rows(op, parts, context.slot(i).filter(|slot| slot.dtype() == parts.dtype()))
}
