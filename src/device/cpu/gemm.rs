//! Matrix products. Products and convolutions share a register tile, the counterpart of `shaders/lib/tile.wgsl` on a
//! GPU.
//!
//! **The tile.** A product C = A·B is computed in tiles of a few rows and [`PANEL`] columns. All sums of a tile are
//! in vector registers. Each step along k loads one row of B's panel and multiplies it by one value of each row of A.
//! Nothing else is loaded, so the speed of the arithmetic units is the limit. The code is plain Rust that the
//! compiler vectorises. Such a loop with a tile of 8 × 32, on operands in the first-level cache, ran at 310 to 330
//! GFLOP/s on two AVX-512 cores.
//!
//! **What is packed.** B is copied into panels of [`PANEL`] columns. The rows of a panel are contiguous, so each step
//! reads consecutive memory. A transposed B is transposed once here, not in every tile. B is not copied if it can be
//! read in place and few rows of A use it. A is read in place if neighbours along k are neighbours in memory;
//! otherwise [`transpose`] makes them so.
//!
//! **Order of sums.** Each element adds its products one by one in the order of k, in pieces of at most [`DEPTH`]
//! terms. Each piece starts at 0 and is added to the element at its end. (The pieces of a convolution are its
//! [`Segment`]s, as many as fit into [`DEPTH`].) A multiplication and addition is rounded once if the processor has
//! an instruction for it. The order does not depend on the number of threads.

use super::{on_every_core, parallel_chunks, with_scratch};
use multiversion::multiversion;

/// Columns of a panel of B, a whole number of vectors. The last panel may have half as many.
pub const PANEL: usize = 32;

/// Steps along k of one piece of a sum. A panel of this depth fits a core's first-level cache.
pub const DEPTH: usize = 192;

/// The most rows of C in a tile. Work is split into multiples of it.
pub const TILE_ROWS: usize = 8;

/// A piece of the sum: `depth` steps along k.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// The first element of A, counted from the start of a row.
    pub a: usize,
    /// The first row of B.
    pub b: usize,
    /// The number of steps.
    pub depth: usize,
}

/// Some columns of B.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a> {
    /// The panel's elements. [`PANEL`] values, or half as many, can be read from the start of each row.
    pub data: &'a [f32],
    /// Elements from the start of a row to the start of the next.
    pub stride: usize,
    /// The panel's first column in B.
    pub first: usize,
    /// The number of columns.
    pub columns: usize,
}

/// The rows of A, with neighbours along k contiguous.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The elements.
    pub data: &'a [f32],
    /// For each row the position of its first element in `data`, to which a segment adds its `a`.
    pub from: &'a [usize],
    /// For each row the position of its first element in C.
    pub to: &'a [usize],
    /// The pieces of the sum.
    pub segments: &'a [Segment],
}

/// The matrix B of a product.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// The elements.
    pub data: &'a [f32],
    /// Elements from a row to the next.
    pub row_stride: usize,
    /// Elements from a column to the next.
    pub column_stride: usize,
}

/// The fewest rows of C for which copying B saves time.
const WORTH_PACKING: usize = 2 * TILE_ROWS;

/// The number of values of scratch space that [`panels`] may need.
pub fn panels_scratch(depth: usize, columns: usize) -> usize {
    depth * columns.next_multiple_of(PANEL / 2)
}

/// Splits `depth` rows and `columns` columns of B into panels, for a product of `rows` rows. Copies them into
/// `scratch`, which has [`panels_scratch`] values, each panel row after row. Does not copy if B can be read in place
/// and `rows` is so small that copying takes longer.
pub fn panels<'a>(
    b: Matrix<'a>,
    depth: usize,
    columns: usize,
    rows: usize,
    scratch: &'a mut [f32],
) -> Vec<Panel<'a>> {
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
    let copy = |(own, stride, first, count): &mut (&mut [f32], usize, usize, usize)| {
        pack(b, *first, *count, own, *stride);
    };
    if depth * columns < 1 << 16 {
        copies.iter_mut().for_each(copy);
    } else {
        on_every_core(copies.iter_mut().collect(), 1, &copy);
    }
    list.extend(copies.into_iter().map(|(own, stride, first, columns)| Panel {
        data: own,
        stride,
        first,
        columns,
    }));
    list
}

/// Copies `count` columns of B from `first` on, row by row, with zeros up to `stride`.
fn pack(b: Matrix, first: usize, count: usize, own: &mut [f32], stride: usize) {
    for (k, row) in own.chunks_exact_mut(stride).enumerate() {
        let from = &b.data[k * b.row_stride + first * b.column_stride..];
        let (row, padding) = row.split_at_mut(count);
        if b.column_stride == 1 {
            // For whole rows the compiler knows the length.
            match (row.first_chunk_mut::<PANEL>(), from.first_chunk::<PANEL>()) {
                (Some(row), Some(from)) => *row = *from,
                _ => row.copy_from_slice(&from[..count]),
            }
        } else {
            for (value, &b) in row.iter_mut().zip(from.iter().step_by(b.column_stride)) {
                *value = b;
            }
        }
        padding.fill(0.0);
    }
}

/// Writes the first `rows` columns of a matrix, whose rows are `stride` apart, as rows of `depth` values each.
pub fn transpose(matrix: &[f32], stride: usize, rows: usize, depth: usize, to: &mut [f32]) {
    // One square of values at a time. It stays in registers and first-level cache between its two passes.
    const SIDE: usize = 16;
    for first in (0..depth).step_by(SIDE) {
        let lines = SIDE.min(depth - first);
        for row in (0..rows).step_by(SIDE) {
            let matrix = &matrix[first * stride + row..];
            let to = &mut to[row * depth + first..];
            if lines == SIDE && row + SIDE <= rows {
                let square: [&[f32; SIDE]; SIDE] = std::array::from_fn(|k| {
                    matrix[k * stride..].first_chunk().expect("a whole square has so many columns")
                });
                for r in 0..SIDE {
                    let turned: [f32; SIDE] = std::array::from_fn(|k| square[k][r]);
                    to[r * depth..][..SIDE].copy_from_slice(&turned);
                }
                continue;
            }
            for r in 0..SIDE.min(rows - row) {
                for k in 0..lines {
                    to[r * depth + k] = matrix[k * stride + r];
                }
            }
        }
    }
}

/// C += A·B (or C = A·B if not `add`) for the columns of `panels`, on one thread, with the best tile for the
/// registers of this processor.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
#[allow(clippy::ifs_same_cond)] // Constants, which both are false in the version for other processors.
pub fn tiles(a: &Rows, panels: &[Panel], add: bool, c: &mut [f32]) {
    if multiversion::target::target_cfg_f!(target_feature = "avx512f") {
        product::<8, 32, 16, true>(a, panels, add, c)
    } else if multiversion::target::target_cfg_f!(target_feature = "avx2") {
        product::<6, 16, 16, true>(a, panels, add, c)
    } else {
        product::<4, 8, 8, false>(a, panels, add, c)
    }
}

/// C += A·B (or C = A·B if not `add`) for the columns of `panels`. The tile is `MR` rows of `WIDE` columns, or of
/// `NARROW` in a panel of half the width. `FUSED`: the processor multiplies and adds in one instruction.
#[inline(always)]
fn product<const MR: usize, const WIDE: usize, const NARROW: usize, const FUSED: bool>(
    a: &Rows,
    panels: &[Panel],
    add: bool,
    c: &mut [f32],
) {
    let mut done = 0;
    while done < a.segments.len() || (done == 0 && !add) {
        // As many segments as fit a core's first-level cache together with their part of the panel.
        let mut depth = 0;
        let count = a.segments[done..].iter().take_while(|s| {
            depth += s.depth;
            depth <= DEPTH
        });
        let next = done + count.count().max(1).min(a.segments.len() - done);
        let part = Rows { segments: &a.segments[done..next], ..*a };
        for panel in panels {
            if panel.columns > PANEL / 2 {
                panel_product::<MR, WIDE, FUSED>(&part, panel, add || done > 0, c);
            } else {
                panel_product::<MR, NARROW, FUSED>(&part, panel, add || done > 0, c);
            }
        }
        done = next.max(1);
    }
}

#[inline(always)]
fn panel_product<const MR: usize, const W: usize, const FUSED: bool>(
    a: &Rows,
    panel: &Panel,
    add: bool,
    c: &mut [f32],
) {
    let Some(last) = a.from.len().checked_sub(1) else { return };
    for column in (0..panel.columns).step_by(W) {
        for first in (0..=last).step_by(MR) {
            // Rows beyond the last repeat it and are not stored.
            let from: [usize; MR] = std::array::from_fn(|r| a.from[(first + r).min(last)]);
            let sums = tile::<MR, W, FUSED>(a, &from, panel, column);
            for (sums, &to) in sums.iter().zip(&a.to[first..]) {
                store(sums, panel, column, add, &mut c[to..]);
            }
        }
    }
}

#[inline(always)]
fn tile<const MR: usize, const W: usize, const FUSED: bool>(
    a: &Rows,
    from: &[usize; MR],
    panel: &Panel,
    column: usize,
) -> [[f32; W]; MR] {
    let mut sums = [[0.0; W]; MR];
    for segment in a.segments {
        let rows: [&[f32]; MR] = std::array::from_fn(|r| &a.data[from[r] + segment.a..][..segment.depth]);
        let b = &panel.data[segment.b * panel.stride + column..];
        for k in 0..segment.depth {
            let b: &[f32; W] = b[k * panel.stride..].first_chunk().expect("a panel's rows are whole");
            for r in 0..MR {
                accumulate::<W, FUSED>(&mut sums[r], rows[r][k], b);
            }
        }
    }
    sums
}

#[inline(always)]
fn accumulate<const W: usize, const FUSED: bool>(sums: &mut [f32; W], a: f32, b: &[f32; W]) {
    for j in 0..W {
        sums[j] = if FUSED { a.mul_add(b[j], sums[j]) } else { sums[j] + a * b[j] };
    }
}

/// Writes one row of a tile into the row of C that begins at `c[0]`.
#[inline(always)]
fn store<const W: usize>(sums: &[f32; W], panel: &Panel, column: usize, add: bool, c: &mut [f32]) {
    let c = &mut c[panel.first + column..];
    // For whole rows the compiler knows the length.
    match c.first_chunk_mut::<W>() {
        Some(c) if column + W <= panel.columns => write(sums, add, c),
        _ => write(sums, add, &mut c[..panel.columns - column]),
    }
}

#[inline(always)]
fn write(sums: &[f32], add: bool, c: &mut [f32]) {
    if add {
        c.iter_mut().zip(sums).for_each(|(c, &sum)| *c += sum);
    } else {
        c.iter_mut().zip(sums).for_each(|(c, &sum)| *c = sum);
    }
}

/// Multiply-adds of the tile that take the time of one scalar operation.
pub const MACS_PER_WORK: usize = 16;

/// Columns of [`DEPTH`] values of B that are copied into panels at a time.
const COPIED: usize = (1 << 21) / DEPTH;

/// The most rows of A, [`DEPTH`] values long, and of the result that pass through all panels before the next rows.
const BLOCK: usize = 96;

/// The sizes of a product of an m × k and a k × n matrix, and the strides of the factors. The result is row-major.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// Rows of A and of the result.
    pub m: usize,
    /// Columns of B and of the result.
    pub n: usize,
    /// Columns of A and rows of B.
    pub k: usize,
    /// Elements from a row of A to the next.
    pub a_row: usize,
    /// Elements from a column of A to the next.
    pub a_column: usize,
    /// Elements from a row of B to the next.
    pub b_row: usize,
    /// Elements from a column of B to the next.
    pub b_column: usize,
}

impl Product {
    /// C = A·B on every core. Either stride of A is 1. Calls `finish` with whole rows of C as soon as they are
    /// computed, while they are in cache.
    pub fn run(&self, a: &[f32], b: &[f32], c: &mut [f32], finish: impl Fn(&mut [f32]) + Sync) {
        let &Product { m, n, k, a_row, a_column, b_row, b_column } = self;
        // At least two blocks of rows for each core, of equal size, and small enough for its cache.
        let share = m.div_ceil(2 * rayon::current_num_threads());
        let block = share.div_ceil(share.div_ceil(BLOCK)).next_multiple_of(TILE_ROWS);
        // The part of B that is copied at a time fits the cache that the cores share.
        let piece = (COPIED / n).clamp(1, k.div_ceil(DEPTH)) * DEPTH;
        for first in (0..k).step_by(piece) {
            let depth = piece.min(k - first);
            let b = Matrix { data: &b[first * b_row..], row_stride: b_row, column_stride: b_column };
            let segments: Vec<Segment> = (0..depth)
                .step_by(DEPTH)
                .map(|at| Segment { a: at, b: at, depth: DEPTH.min(depth - at) })
                .collect();
            with_scratch(panels_scratch(depth, n), |scratch| {
                let panels = panels(b, depth, n, m, scratch);
                parallel_chunks(c, block * n, block * n * depth / MACS_PER_WORK, |i, c| {
                    let (row, rows) = (i * block, c.len() / n);
                    let to: Vec<usize> = (0..rows).map(|r| r * n).collect();
                    let rows_times_panels = |data: &[f32], stride: usize, c: &mut [f32]| {
                        let from: Vec<usize> = (0..rows).map(|r| r * stride).collect();
                        let a = Rows { data, from: &from, to: &to, segments: &segments };
                        tiles(&a, &panels, first > 0, c);
                    };
                    if a_column == 1 {
                        rows_times_panels(&a[row * a_row + first..], a_row, c);
                    } else {
                        with_scratch(rows * depth, |scratch| {
                            transpose(&a[first * a_column + row..], a_column, rows, depth, scratch);
                            rows_times_panels(scratch, depth, c);
                        });
                    }
                    if first + depth == k {
                        finish(c);
                    }
                });
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A processor runs only its own version of [`tiles`]. The values are such that no version rounds.
    #[test]
    fn the_tiles_of_every_processor_are_right() {
        let (m, n, k) = (13, 45, 300);
        let values =
            |count: usize| -> Vec<f32> { (0..count).map(|i| (i * 37 % 101) as f32 - 50.0).collect() };
        let (a, b) = (values(m * k), values(k * n));
        let product_of = |row: usize, column: usize| (0..k).map(|i| a[row * k + i] * b[i * n + column]).sum();
        let want: Vec<f32> = (0..m * n).map(|at| product_of(at / n, at % n)).collect();
        let mut scratch = vec![0.0; panels_scratch(k, n)];
        let panels = panels(Matrix { data: &b, row_stride: n, column_stride: 1 }, k, n, m, &mut scratch);
        let (from, to): (Vec<_>, Vec<_>) = (0..m).map(|row| (row * k, row * n)).unzip();
        let segments = [(0, DEPTH), (DEPTH, k - DEPTH)].map(|(at, depth)| Segment { a: at, b: at, depth });
        let rows = Rows { data: &a, from: &from, to: &to, segments: &segments };
        for version in [product::<8, 32, 16, true>, product::<6, 16, 16, true>, product::<4, 8, 8, false>] {
            let mut c = vec![f32::NAN; m * n];
            version(&rows, &panels, false, &mut c);
            assert_eq!(c, want);
        }
    }
}
