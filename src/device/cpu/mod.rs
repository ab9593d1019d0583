//! The CPU device. It runs a kernel's fast path, or else its reference, on every core.
//!
//! A kernel's reference is a plain loop nest beside its op. The modules here are a small library of fast code for the
//! kernels that take most of the time: matrix products ([`gemm`]), convolutions ([`conv`], [`depthwise`]), functions
//! such as eˣ ([`math`]), rows of logits ([`softmax`]), normalisation ([`norm`], [`sets`]), and passes over memory
//! ([`elementwise`], [`mod@reduce`], [`pool`], [`mod@copy`]). The library takes slices, sizes and strides, computes in f32, and knows no op. Each
//! module says what it copies and in which order it sums. Results do not depend on the number of threads.
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

use super::buffer::{Buffer, Line, Storage};
use super::convert::{self, elements, elements_mut};
use super::kernel::{DType, Element, In, KernelArgs, Operands, Out};
use super::operand::Operand;
use super::real::Real;
use bytemuck::Zeroable;
use rayon::prelude::*;
use std::cell::RefCell;
use std::sync::{Once, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Makes the calling thread one of rayon's threads if it is the program's main thread. It then computes a share of
/// each kernel itself. A thread outside the pool hands over all work and sleeps until it is done, which takes 7 to 25
/// µs per kernel on two cores.
///
/// Other threads do not join, because a thread that ends would then be missing in the pool. The main thread does not
/// join on a single core, where no other thread would run what it passes to `rayon::spawn`.
pub(super) fn join_threads() {
    static ONCE: Once = Once::new();
    if std::thread::current().name() != Some("main") {
        return;
    }
    ONCE.call_once(|| {
        if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
            // An error means that the program has set up the pool already.
            drop(rayon::ThreadPoolBuilder::new().use_current_thread().build_global());
        }
    });
}

/// A loop of fewer scalar operations than this runs on the calling thread: waking other threads takes longer.
const WORTH_A_THREAD: usize = 1 << 15;

/// Calls `body(first, rows)` on pieces that together cover `out`, on every core if there is enough work. A piece is a
/// whole number of rows of `row` elements, and `first` the index of its first row. `work` estimates the scalar
/// operations per row.
///
/// Rows are independent of each other, so the result does not depend on the pieces.
pub fn parallel_rows<T: Send>(out: &mut [T], row: usize, work: usize, body: impl Fn(usize, &mut [T]) + Sync) {
    let (rows, work) = (out.len() / row, work.max(1));
    // A few pieces per thread, so that one thread that is delayed does not delay the whole loop.
    let pieces = (rows.saturating_mul(work) / WORTH_A_THREAD).min(4 * rayon::current_num_threads());
    let rows_per_piece = rows.div_ceil(pieces.max(1)).max(1);
    parallel_chunks(out, rows_per_piece * row, rows_per_piece.saturating_mul(work), |piece, rows| {
        body(piece * rows_per_piece, rows);
    });
}

/// Calls `body(i, chunk)` on the chunks of `out`, `chunk` elements each (the last may be shorter), on every core if
/// there is enough work. `work` estimates the scalar operations per chunk.
pub fn parallel_chunks<T: Send>(
    out: &mut [T],
    chunk: usize,
    work: usize,
    body: impl Fn(usize, &mut [T]) + Sync,
) {
    let chunks = out.len().div_ceil(chunk);
    let parts = out.chunks_mut(chunk).enumerate();
    if chunks < 2 || rayon::current_num_threads() == 1 || chunks.saturating_mul(work) < 2 * WORTH_A_THREAD {
        parts.for_each(|(i, chunk)| body(i, chunk));
    } else {
        on_every_core(parts.collect(), 1, &|(i, chunk)| body(i, chunk));
    }
}

/// Calls `body` on every part of some work, on every core; at least `least` parts on one core.
///
/// `body` is a reference to a closure and no type parameter, because rayon's code is compiled once for each type that it
/// gets, and that takes longer than all the code that calls it here. A part is large enough to hide the indirect call.
pub fn on_every_core<P: Send>(parts: Vec<P>, least: usize, body: &(dyn Fn(P) + Sync)) {
    parts.into_par_iter().with_min_len(least).for_each(body);
}

/// [`parallel_rows`] for single elements: `body(i)` is the value of element `i`.
pub fn parallel_elements<T: Send>(out: &mut [T], work: usize, body: impl Fn(usize) -> T + Sync) {
    parallel_rows(out, 1, work, |first, piece| {
        for (i, value) in piece.iter_mut().enumerate() {
            *value = body(first + i);
        }
    });
}

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

/// Locks the operands' memory and calls a reference or a fast path, whose scalars `function` knows. Converts floats that
/// are stored in another type before and after the call.
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
