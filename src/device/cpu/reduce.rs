//! Sums and maxima.
//!
//! **Order of sums.** Neighbours are summed in 32 interleaved chains: chain i takes the elements i, i + 32, i + 64, …
//! With so many chains no addition waits for the last one's result, and short chains round less. The chains are then
//! joined in halves, and the elements after the last whole block of 32 are added. If neighbours belong to different
//! results, each result adds its elements one by one. The order does not depend on the number of threads.

use super::parallel_rows;
use multiversion::multiversion;

/// The number of chains of a reduction.
const CHAINS: usize = 32;

/// A reduction over the middle axis of `[outer, extent, inner]`, in `splits` pieces of `piece` elements each (the
/// last may be shorter). The results are `[outer, splits, inner]`.
#[derive(Clone, Copy, Debug)]
pub struct Reduction {
    /// The extent of the middle axis.
    pub extent: usize,
    /// The extent of the axes after it.
    pub inner: usize,
    /// The number of pieces of the middle axis.
    pub splits: usize,
    /// The elements of a piece.
    pub piece: usize,
}

impl Reduction {
    /// The sums, divided by `divisor`.
    pub fn sum(&self, divisor: f32, x: &[f32], y: &mut [f32]) {
        self.reduce(x, y, 0.0, |a, b| a + b, |a| a / divisor);
    }

    /// The largest elements; NaN where an element is.
    pub fn max(&self, x: &[f32], y: &mut [f32]) {
        let larger = |a: f32, b: f32| if a > b || a.is_nan() { a } else { b };
        self.reduce(x, y, f32::NEG_INFINITY, larger, |a| a);
    }

    fn reduce(
        &self,
        x: &[f32],
        y: &mut [f32],
        start: f32,
        join: impl Fn(f32, f32) -> f32 + Copy + Sync,
        finish: impl Fn(f32) -> f32 + Sync,
    ) {
        let &Reduction { extent, inner, splits, piece } = self;
        parallel_rows(y, inner, piece * inner, |first, rows| {
            for (i, results) in rows.chunks_exact_mut(inner).enumerate() {
                let (row, split) = ((first + i) / splits, (first + i) % splits);
                let (from, to) = ((split * piece).min(extent), ((split + 1) * piece).min(extent));
                let x = &x[(row * extent + from) * inner..(row * extent + to) * inner];
                reduce_piece(x, results, start, join);
                results.iter_mut().for_each(|result| *result = finish(*result));
            }
        });
    }
}

/// Joins the rows of `x`, each as long as `results`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn reduce_piece(x: &[f32], results: &mut [f32], start: f32, join: impl Fn(f32, f32) -> f32 + Copy) {
    if let [result] = results {
        *result = along(x, start, |x| x, join);
        return;
    }
    results.fill(start);
    for values in x.chunks_exact(results.len()) {
        results.iter_mut().zip(values).for_each(|(a, &b)| *a = join(*a, b));
    }
}

/// Σ x.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub fn sum(x: &[f32]) -> f32 {
    along(x, 0.0, |x| x, |a, b| a + b)
}

/// Σ x².
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub fn sum_of_squares(x: &[f32]) -> f32 {
    along(x, 0.0, |x| x * x, |a, b| a + b)
}

#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Reduces the mapped neighbours in chains.
#[inline(always)]
pub(super) fn along(x: &[f32], start: f32, map: impl Fn(f32) -> f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut chains = [start; CHAINS];
    let blocks = x.chunks_exact(CHAINS);
    let rest = blocks.remainder().iter().fold(start, |a, &b| join(a, map(b)));
    for block in blocks {
        for (chain, &value) in chains.iter_mut().zip(block) {
            *chain = join(*chain, map(value));
        }
    }
    join(join_chains(chains, &join), rest)
}

/// Sets `y = map(x)` and returns the sum of `y`, in chains.
#[inline(always)]
pub(super) fn map_and_sum(x: &[f32], y: &mut [f32], map: impl Fn(f32) -> f32) -> f32 {
    let mut chains = [0.0; CHAINS];
    let (x_blocks, mut y_blocks) = (x.chunks_exact(CHAINS), y.chunks_exact_mut(CHAINS));
    let x_rest = x_blocks.remainder();
    for (x, y) in x_blocks.zip(&mut y_blocks) {
        for ((y, &x), chain) in y.iter_mut().zip(x).zip(&mut chains) {
            *y = map(x);
            *chain += *y;
        }
    }
    let mut sum = join_chains(chains, |a, b| a + b);
    for (y, &x) in y_blocks.into_remainder().iter_mut().zip(x_rest) {
        *y = map(x);
        sum += *y;
    }
    sum
}

#[inline(always)]
fn join_chains(mut chains: [f32; CHAINS], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = CHAINS;
    while width > 1 {
        width /= 2;
        let (lower, upper) = chains.split_at_mut(width);
        lower.iter_mut().zip(upper).for_each(|(a, &mut b)| *a = join(*a, b));
    }
    chains[0]
}
