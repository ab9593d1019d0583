//! The register tile of the CPU device, which products and convolutions share: what `shaders/lib/tile.wgsl` is on
//! a GPU.
//!
//! A product C = A·B is computed a few rows and [`PANEL`] columns at a time, all sums of the tile in vector
//! registers. Each step along k loads one row of B's panel and multiplies it by one value of each row of A. Nothing
//! else is loaded, so the arithmetic units are the limit, in plain Rust that the compiler turns into vector
//! instructions: a loop of this form with a tile of 8 × 32, on operands in the first-level cache, ran at 310 to 330
//! GFLOP/s on two AVX-512 cores.
//!
//! The sum over k may come in pieces, [`Segment`]s: a convolution reads a strip of the image per row of its kernel.
//! That makes it a product without unfolding the image first. A is read where it lies if neighbours along k are
//! neighbours in memory; else [`transpose`] makes it so.

use super::real::Real;
use rayon::prelude::*;

/// Columns of a panel of B, a whole number of vectors; the last panel may have half as many.
pub const PANEL: usize = 32;

/// Steps along k at a time: so much of a panel stays in a core's first-level cache.
pub const DEPTH: usize = 192;

/// Rows of C that a tile has at most, so that work is cut into multiples of it.
pub const TILE_ROWS: usize = 8;

/// A piece of the sum: `depth` steps, from A's element `a` (counted from where a row begins) and B's row `b` on.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    pub a: usize,
    pub b: usize,
    pub depth: usize,
}

/// Columns `first..first + columns` of B. Row k begins at `data[k·stride]`, and [`PANEL`] or half as many values
/// can be read from there.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a, T> {
    pub data: &'a [T],
    pub stride: usize,
    pub first: usize,
    pub columns: usize,
}

/// A with neighbours along k: row r of the product reads from `data[from[r] + segment.a]` on and is written from
/// element `to[r]` of C on.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    pub data: &'a [T],
    pub from: &'a [usize],
    pub to: &'a [usize],
    pub segments: &'a [Segment],
}

/// The matrix B of a product, inside a slice.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    pub data: &'a [T],
    pub row_stride: usize,
    pub column_stride: usize,
}

/// Fewer rows of C than this do not pay for copying B first.
const WORTH_PACKING: usize = 2 * TILE_ROWS;

/// How many values [`panels`] may need as scratch space.
pub fn panels_scratch(depth: usize, columns: usize) -> usize {
    depth * columns.next_multiple_of(PANEL / 2)
}

/// Cuts `depth` rows and `columns` columns of B into panels for a product of `rows` rows. They are copied into
/// `scratch` (of [`panels_scratch`] values), each with its rows one after the other, unless B can be read in place
/// and is read too seldom for that to pay.
pub fn panels<'a, T: Real>(
    b: Matrix<'a, T>,
    depth: usize,
    columns: usize,
    rows: usize,
    scratch: &'a mut [T],
) -> Vec<Panel<'a, T>> {
    let mut list = Vec::with_capacity(columns.div_ceil(PANEL));
    let mut copies = Vec::with_capacity(columns.div_ceil(PANEL));
    let mut free = scratch;
    for first in (0..columns).step_by(PANEL) {
        let count = PANEL.min(columns - first);
        if count == PANEL && b.column_stride == 1 && rows < WORTH_PACKING {
            list.push(Panel { data: &b.data[first..], stride: b.row_stride, first, columns: count });
            continue;
        }
        let stride = count.next_multiple_of(PANEL / 2);
        let (own, rest) = free.split_at_mut(depth * stride);
        free = rest;
        copies.push((own, stride, first, count));
    }
    let copy = |(own, stride, first, count): &mut (&mut [T], usize, usize, usize)| {
        pack(b, *first, *count, own, *stride);
    };
    if depth * columns < 1 << 16 {
        copies.iter_mut().for_each(copy);
    } else {
        copies.par_iter_mut().for_each(copy);
    }
    list.extend(copies.into_iter().map(|(own, stride, first, columns)| Panel {
        data: own,
        stride,
        first,
        columns,
    }));
    list
}

/// Copies `count` columns of B from `first` on, row by row, zeros up to `stride`.
fn pack<T: Real>(b: Matrix<T>, first: usize, count: usize, own: &mut [T], stride: usize) {
    for (k, row) in own.chunks_exact_mut(stride).enumerate() {
        let from = &b.data[k * b.row_stride + first * b.column_stride..];
        let (row, padding) = row.split_at_mut(count);
        if b.column_stride == 1 {
            // Whole rows have a length that the compiler knows.
            match (row.first_chunk_mut::<PANEL>(), from.first_chunk::<PANEL>()) {
                (Some(row), Some(from)) => *row = *from,
                _ => row.copy_from_slice(&from[..count]),
            }
        } else {
            for (value, &b) in row.iter_mut().zip(from.iter().step_by(b.column_stride)) {
                *value = b;
            }
        }
        padding.fill(T::ZERO);
    }
}

/// Writes the first `rows` columns of a matrix, whose rows lie `stride` apart, as rows of `depth` values each.
pub fn transpose<T: Real>(matrix: &[T], stride: usize, rows: usize, depth: usize, to: &mut [T]) {
    // As many lines of the matrix at a time as stay in cache until all of their values were used.
    const LINES: usize = 16;
    for first in (0..depth).step_by(LINES) {
        let lines = LINES.min(depth - first);
        let matrix = &matrix[first * stride..];
        for (row, to) in to.chunks_exact_mut(depth).take(rows).enumerate() {
            for (k, value) in to[first..first + lines].iter_mut().enumerate() {
                *value = matrix[k * stride + row];
            }
        }
    }
}

/// C += A·B, or C = A·B without `add`, for the columns of `panels`. The tile is `MR` rows of `WIDE` columns, of
/// `NARROW` in a panel of half the width; `FUSED` says that multiplying and adding is one instruction.
#[inline(always)]
pub(super) fn product<T: Real, const MR: usize, const WIDE: usize, const NARROW: usize, const FUSED: bool>(
    a: &Rows<T>,
    panels: &[Panel<T>],
    add: bool,
    c: &mut [T],
) {
    let mut done = 0;
    while done < a.segments.len() || (done == 0 && !add) {
        // As many segments as fit a core's first-level cache with their part of the panel.
        let mut depth = 0;
        let count = a.segments[done..].iter().take_while(|s| {
            depth += s.depth;
            depth <= DEPTH
        });
        let next = done + count.count().max(1).min(a.segments.len() - done);
        let part = Rows { segments: &a.segments[done..next], ..*a };
        for panel in panels {
            if panel.columns > PANEL / 2 {
                panel_product::<T, MR, WIDE, FUSED>(&part, panel, add || done > 0, c);
            } else {
                panel_product::<T, MR, NARROW, FUSED>(&part, panel, add || done > 0, c);
            }
        }
        done = next.max(1);
    }
}

#[inline(always)]
fn panel_product<T: Real, const MR: usize, const W: usize, const FUSED: bool>(
    a: &Rows<T>,
    panel: &Panel<T>,
    add: bool,
    c: &mut [T],
) {
    let Some(last) = a.from.len().checked_sub(1) else { return };
    for column in (0..panel.columns).step_by(W) {
        for first in (0..=last).step_by(MR) {
            // Rows beyond the last repeat it and are not stored.
            let from: [usize; MR] = std::array::from_fn(|r| a.from[(first + r).min(last)]);
            let sums = tile::<T, MR, W, FUSED>(a, &from, panel, column);
            for (sums, &to) in sums.iter().zip(&a.to[first..]) {
                store(sums, panel, column, add, &mut c[to..]);
            }
        }
    }
}

#[inline(always)]
fn tile<T: Real, const MR: usize, const W: usize, const FUSED: bool>(
    a: &Rows<T>,
    from: &[usize; MR],
    panel: &Panel<T>,
    column: usize,
) -> [[T; W]; MR] {
    let mut sums = [[T::ZERO; W]; MR];
    for segment in a.segments {
        let rows: [&[T]; MR] = std::array::from_fn(|r| &a.data[from[r] + segment.a..][..segment.depth]);
        let b = &panel.data[segment.b * panel.stride + column..];
        for k in 0..segment.depth {
            let b: &[T; W] = b[k * panel.stride..].first_chunk().expect("a panel's rows are whole");
            for r in 0..MR {
                accumulate::<T, W, FUSED>(&mut sums[r], rows[r][k], b);
            }
        }
    }
    sums
}

#[inline(always)]
fn accumulate<T: Real, const W: usize, const FUSED: bool>(sums: &mut [T; W], a: T, b: &[T; W]) {
    for j in 0..W {
        sums[j] = if FUSED { a.mul_add(b[j], sums[j]) } else { sums[j] + a * b[j] };
    }
}

/// Writes one row of a tile into the row of C that begins at `c[0]`.
#[inline(always)]
fn store<T: Real, const W: usize>(sums: &[T; W], panel: &Panel<T>, column: usize, add: bool, c: &mut [T]) {
    let c = &mut c[panel.first + column..];
    // Whole rows have a length that the compiler knows.
    match c.first_chunk_mut::<W>() {
        Some(c) if column + W <= panel.columns => write(sums, add, c),
        _ => write(sums, add, &mut c[..panel.columns - column]),
    }
}

#[inline(always)]
fn write<T: Real>(sums: &[T], add: bool, c: &mut [T]) {
    if add {
        c.iter_mut().zip(sums).for_each(|(c, &sum)| *c += sum);
    } else {
        c.iter_mut().zip(sums).for_each(|(c, &sum)| *c = sum);
    }
}
