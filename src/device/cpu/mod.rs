//! The CPU device. It runs a kernel's fast path, or else its reference, on every core.
//!
//! A kernel's reference is a plain loop nest beside its op. The modules here are a small library of fast code for the
//! kernels that take most of the time: matrix products ([`gemm`]), convolutions ([`conv`], [`depthwise`]), functions
//! such as eˣ ([`math`]), rows of logits ([`softmax`]), normalisation ([`norm`], [`sets`]), and passes over memory
//! ([`elementwise`], [`mod@reduce`], [`pool`], [`mod@copy`]). The library takes slices, sizes and strides, computes in
//! f32, and knows no op. Each module says what it copies and in which order it sums. Results do not depend on the
//! number of threads.
//!
//! Matrix products use no crate, for two reasons. A convolution passes rows of an image to [`gemm`] that are not
//! contiguous, with sums in pieces; crates take whole matrices, so the image would have to be unfolded into one
//! first. And on two cores the crate `gemm` ran products at 139 to 145 GFLOP/s, this code at 153 to 210.

pub mod conv;
pub mod copy;
pub mod depthwise;
pub mod elementwise;
pub mod gemm;
pub mod math;
pub mod norm;
pub mod pool;
pub mod reduce;
pub mod sets;
pub mod softmax;
pub(in crate::device) mod threads;

pub use threads::{on_every_core, parallel_chunks, parallel_elements, parallel_rows};

use super::buffer::{Buffer, Line, Storage};
use super::convert::{self, elements, elements_mut};
use super::kernel::{DType, Element, In, KernelArgs, Operands, Out};
use super::operand::Operand;
use super::real::Real;
use bytemuck::Zeroable;
use std::cell::RefCell;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

thread_local! {
    static SCRATCH: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `body` with scratch space of this thread: `len` numbers with undefined values. The space is kept for the
/// next call, because fresh memory would be mapped and zeroed page by page. A nested call gets other space. The
/// ledger does not count it: it belongs to the threads, and kernels use at most what fits a core's cache.
pub fn with_scratch<T: Real, R>(len: usize, body: impl FnOnce(&mut [T]) -> R) -> R {
    let mut lines = SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default();
    let needed = (len * size_of::<T>()).div_ceil(size_of::<Line>());
    if lines.len() < needed {
        lines.resize(needed, Line::zeroed());
    }
    let result = body(&mut bytemuck::cast_slice_mut(&mut lines)[..len]);
    SCRATCH.with_borrow_mut(|free| free.push(lines));
    result
}

/// Locks the operands' memory and calls a reference or a fast path, whose scalars `function` knows. Converts floats
/// that are stored in another type before and after the call.
pub(super) fn run_on_cpu<T: Real + Element>(
    function: &dyn Fn(KernelArgs<T>),
    inputs: &[Operand],
    outputs: &[Operand],
) {
    // A buffer that is two inputs is locked once: a second lock could wait for a waiting writer.
    let mut read: Operands<(&Buffer, RwLockReadGuard<Vec<Line>>)> = Operands::new();
    for input in inputs {
        if !read.iter().any(|(buffer, _)| buffer.same(input.buffer)) {
            read.push((input.buffer, lock_read(host(input.buffer))));
        }
    }
    let lines_of = |operand: &Operand| -> &[Line] {
        let (_, lines) =
            read.iter().find(|(b, _)| b.same(operand.buffer)).expect("every input was locked above");
        lines
    };
    let mut written: Operands<RwLockWriteGuard<Vec<Line>>> =
        outputs.iter().map(|o| lock_write(host(o.buffer))).collect();
    let loaded_inputs: Operands<Option<Vec<T>>> =
        inputs.iter().map(|input| convert::load(input, lines_of(input))).collect();
    // The function may read its outputs, and may write only a part of them.
    let mut loaded_outputs: Operands<Option<Vec<T>>> =
        outputs.iter().zip(&written).map(|(output, lines)| convert::load(output, lines)).collect();
    let args = KernelArgs {
        inputs: (inputs.iter().zip(&loaded_inputs))
            .map(|(o, loaded)| match (loaded, o.dtype) {
                (Some(values), _) => In::Real(values),
                (None, DType::U32) => In::Index(elements(o, lines_of(o))),
                (None, _) => In::Real(elements(o, lines_of(o))),
            })
            .collect(),
        outputs: (outputs.iter().zip(&mut written).zip(&mut loaded_outputs))
            .map(|((o, lines), loaded)| match (loaded, o.dtype) {
                (Some(values), _) => Out::Real(values),
                (None, DType::U32) => Out::Index(elements_mut(o, lines)),
                (None, _) => Out::Real(elements_mut(o, lines)),
            })
            .collect(),
    };
    function(args);
    for ((output, lines), values) in outputs.iter().zip(&mut written).zip(&loaded_outputs) {
        if let Some(values) = values {
            convert::store(values, output, lines);
        }
    }
}

fn host(buffer: &Buffer) -> &RwLock<Vec<Line>> {
    match buffer.storage() {
        Storage::Host(lines) => lines,
        _ => unreachable!("the CPU device allocates host memory only"),
    }
}

// Buffers hold numbers: whatever state a panicking thread left them in is valid.
pub(super) fn lock_read(lines: &RwLock<Vec<Line>>) -> RwLockReadGuard<'_, Vec<Line>> {
    lines.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

pub(super) fn lock_write(lines: &RwLock<Vec<Line>>) -> RwLockWriteGuard<'_, Vec<Line>> {
    lines.write().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The layout of the operands of a strided element-wise kernel: the merged axes, and each operand's strides and
/// offset, in elements, as in the kernel's scalars.
pub struct Strided<'a, const N: usize> {
    /// The number of axes in use.
    pub rank: u32,
    /// The extent of each axis.
    pub extents: &'a [u32; 6],
    /// The strides of each operand.
    pub strides: [&'a [u32; 6]; N],
    /// The offset of each operand.
    pub offsets: [u32; N],
}

impl<const N: usize> Strided<'_, N> {
    /// Calls `body(run, starts, steps)` on runs of a row-major `out` along the innermost axis. Element `i` of a run
    /// belongs to element `starts[k] + i·steps[k]` of operand `k`.
    pub fn for_each_run<T: Send>(
        &self,
        out: &mut [T],
        work: usize,
        body: impl Fn(&mut [T], [usize; N], [usize; N]) + Sync,
    ) {
        let offsets = self.offsets.map(|o| o as usize);
        let Some(inner) = (self.rank as usize).checked_sub(1) else {
            return body(out, offsets, [0; N]);
        };
        let steps = self.strides.map(|s| s[inner] as usize);
        if inner == 0 {
            return parallel_rows(out, 1, work, |first, run| {
                body(run, std::array::from_fn(|k| offsets[k] + first * steps[k]), steps);
            });
        }
        let length = self.extents[inner] as usize;
        parallel_rows(out, length, work * length, |first, rows| {
            for (row, run) in rows.chunks_exact_mut(length).enumerate() {
                let mut left = first + row;
                let mut starts = offsets;
                for axis in (0..inner).rev() {
                    let extent = self.extents[axis] as usize;
                    for (start, strides) in starts.iter_mut().zip(self.strides) {
                        *start += left % extent * strides[axis] as usize;
                    }
                    left /= extent;
                }
                body(run, starts, steps);
            }
        });
    }
}
