//! Loops on every core. Their parts are independent of each other, so results do not depend on how a loop is split.

use rayon::prelude::*;
use std::sync::Once;

/// Makes the calling thread one of rayon's threads if it is the program's main thread. It then computes a share of
/// each kernel itself. A thread outside the pool hands over all work and sleeps until it is done, which takes 7 to 25
/// µs per kernel on two cores.
///
/// Other threads do not join, because a thread that ends would then be missing in the pool. The main thread does not
/// join on a single core, where no other thread would run what it passes to `rayon::spawn`.
pub(in crate::device) fn join_threads() {
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
pub(super) const WORTH_A_THREAD: usize = 1 << 15;

/// Calls `body(first, rows)` on pieces that together cover `out`, on every core if there is enough work. A piece is a
/// whole number of rows of `row` elements, and `first` the index of its first row. `work` estimates the scalar
/// operations per row.
///
/// Rows are independent of each other, so the result does not depend on the pieces.
pub fn parallel_rows<T: Send>(out: &mut [T], row: usize, work: usize, body: impl Fn(usize, &mut [T]) + Sync) {
    let (rows, work) = (out.len() / row, work.max(1));
    let worthwhile = rows.saturating_mul(work) / WORTH_A_THREAD;
    // A few pieces per thread, so that one thread that is delayed does not delay the whole loop. A small loop is not
    // split, and does not ask for the number of threads, which is slow beside it.
    let pieces = if worthwhile < 2 { 1 } else { worthwhile.min(4 * rayon::current_num_threads()) };
    let rows_per_piece = rows.div_ceil(pieces).max(1);
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
