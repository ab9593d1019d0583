//! The references of the products: rows of A and panels of B, by the register tile of [`crate::device::tile`].

use super::MatmulParams;
use crate::device::cpu::{parallel_chunks, with_scratch};
use crate::device::kernel::KernelArgs;
use crate::device::real::Real;
use crate::device::tile::{DEPTH, Matrix, Rows, Segment, TILE_ROWS, panels, panels_scratch, transpose};
use crate::ops::unary::{Function, apply};
use multiversion::multiversion;

pub(crate) fn forward<T: Real>(p: &MatmulParams, args: KernelArgs<T>) {
    let ([a, b, bias], [c]) = args.reals();
    let (m, n, k) = (p.m as usize, p.n as usize, p.k as usize);
    parallel_chunks(c, m * n, m * n * k / MACS_PER_WORK, |matrix, c| {
        product(p, &a[matrix * p.a_batch as usize..], &b[matrix * p.b_batch as usize..], bias, c);
    });
}

/// The pieces of a long sum, each with a result of its own.
pub(super) fn split<T: Real>(p: &MatmulParams, args: KernelArgs<T>) {
    let ([a, b, _], [c]) = args.reals();
    let (m, n, piece) = (p.m as usize, p.n as usize, p.piece as usize);
    parallel_chunks(c, m * n, m * n * piece / MACS_PER_WORK, |i, c| {
        let first = i * piece;
        let terms = MatmulParams { k: (p.k - first as u32).min(p.piece), ..*p };
        product(&terms, &a[first * p.a_column as usize..], &b[first * p.b_row as usize..], &[], c);
    });
}

/// Values of B, in columns of [`DEPTH`], that are copied into panels at a time.
const COPIED: usize = (1 << 21) / DEPTH;

/// The most rows of A, in columns of [`DEPTH`], and of the result that go through all panels before the next.
const BLOCK: usize = 96;

/// Multiplications that the tile does in the time of one scalar operation.
const MACS_PER_WORK: usize = 16;

/// One matrix of the batch.
fn product<T: Real>(p: &MatmulParams, a: &[T], b: &[T], bias: &[T], c: &mut [T]) {
    let (m, n, k) = (p.m as usize, p.n as usize, p.k as usize);
    let (a_row, a_column, b_row) = (p.a_row as usize, p.a_column as usize, p.b_row as usize);
    let function = Function::ALL[p.function as usize];
    let bias = (p.has_bias == 1).then_some(bias);
    // Two blocks of rows or more for each core, all of one size, and few enough rows that they stay in its cache.
    let share = m.div_ceil(2 * rayon::current_num_threads());
    let block = share.div_ceil(share.div_ceil(BLOCK)).next_multiple_of(TILE_ROWS);
    // What is copied of B at a time stays in the cores' common cache.
    let piece = (COPIED / n).clamp(1, k.div_ceil(DEPTH)) * DEPTH;
    for first in (0..k).step_by(piece) {
        let depth = piece.min(k - first);
        let b = Matrix { data: &b[first * b_row..], row_stride: b_row, column_stride: p.b_column as usize };
        let segments: Vec<Segment> = (0..depth)
            .step_by(DEPTH)
            .map(|at| Segment { a: at, b: at, depth: DEPTH.min(depth - at) })
            .collect();
        with_scratch(panels_scratch(depth, n), |scratch| {
            let panels = panels(b, depth, n, m, scratch);
            parallel_chunks(c, block * n, block * n * depth / MACS_PER_WORK, |i, c| {
                let (row, rows) = (i * block, c.len() / n);
                let to: Vec<usize> = (0..rows).map(|r| r * n).collect();
                let rows_times_panels = |data: &[T], stride: usize, c: &mut [T]| {
                    let from: Vec<usize> = (0..rows).map(|r| r * stride).collect();
                    let a = Rows { data, from: &from, to: &to, segments: &segments };
                    T::product(&a, &panels, first > 0, c);
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
                    epilogue(c, n, bias, function);
                }
            });
        });
    }
}

/// Adds the bias to each row and applies the function, while the rows are in cache.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub(crate) fn epilogue<T: Real>(c: &mut [T], n: usize, bias: Option<&[T]>, function: Function) {
    if let Some(bias) = bias {
        for row in c.chunks_exact_mut(n) {
            row.iter_mut().zip(bias).for_each(|(z, &b)| *z += b);
        }
    }
    match function {
        Function::Linear => {}
        // The common one is a loop without calls, so that it becomes vector instructions.
        Function::Relu => c.iter_mut().for_each(|z| *z = apply(Function::Relu, *z)),
        _ => c.iter_mut().for_each(|z| *z = apply(function, *z)),
    }
}
