//! The matrix product in plain loops, and the fast paths of the CPU device.

use super::MatmulParams;
use crate::device::cpu::{gemm, parallel_chunks, parallel_rows};
use crate::device::kernel::KernelArgs;
use crate::device::real::Real;
use crate::ops::unary::{Function, apply, finish};

/// `c[i][j] = f(Σₖ a[i][k]·b[k][j] + bias[j])` for each result: a matrix of the batch, or a piece of its sums.
pub(crate) fn forward<T: Real>(p: &MatmulParams, args: KernelArgs<T>) {
    let ([a, b, bias], [c]) = args.reals();
    let (m, n, piece, splits) = (p.m as usize, p.n as usize, p.piece as usize, p.splits as usize);
    let (a_row, a_column, a_batch) = (p.a_row as usize, p.a_column as usize, p.a_batch as usize);
    let (b_row, b_column, b_batch) = (p.b_row as usize, p.b_column as usize, p.b_batch as usize);
    parallel_rows(c, n, n * piece, |first, rows| {
        for (row, c) in (first..).zip(rows.chunks_exact_mut(n)) {
            let (result, i) = (row / m, row % m);
            let (matrix, first) = (result / splits, result % splits * piece);
            let (a, b) = (&a[matrix * a_batch + i * a_row..], &b[matrix * b_batch..]);
            c.fill(T::ZERO);
            for k in first..(first + piece).min(p.k as usize) {
                let (a, b) = (a[k * a_column], &b[k * b_row..]);
                for (j, c) in c.iter_mut().enumerate() {
                    *c += a * b[j * b_column];
                }
            }
            for (j, c) in c.iter_mut().enumerate() {
                let bias = if p.has_bias == 1 { bias[j] } else { T::ZERO };
                *c = apply(Function::of(p.function), *c + bias);
            }
        }
    });
}

impl MatmulParams {
    fn sizes(&self) -> gemm::Product {
        gemm::Product {
            m: self.m as usize,
            n: self.n as usize,
            k: self.k as usize,
            a_row: self.a_row as usize,
            a_column: self.a_column as usize,
            b_row: self.b_row as usize,
            b_column: self.b_column as usize,
        }
    }
}

/// The fast path for whole sums.
pub(crate) fn forward_fast(p: &MatmulParams, args: KernelArgs<f32>) {
    let ([a, b, bias], [c]) = args.reals();
    let (sizes, function) = (p.sizes(), Function::of(p.function));
    let gemm::Product { m, n, k, .. } = sizes;
    let bias = (p.has_bias == 1).then_some(bias);
    parallel_chunks(c, m * n, m * n * k / gemm::MACS_PER_WORK, |matrix, c| {
        let (a, b) = (&a[matrix * p.a_batch as usize..], &b[matrix * p.b_batch as usize..]);
        sizes.run(a, b, c, |rows| finish(rows, bias, function));
    });
}

/// The fast path for the pieces of a long sum, each with a result of its own.
pub(super) fn split_fast(p: &MatmulParams, args: KernelArgs<f32>) {
    let ([a, b, _], [c]) = args.reals();
    let (sizes, piece) = (p.sizes(), p.piece as usize);
    let gemm::Product { m, n, k, a_column, b_row, .. } = sizes;
    parallel_chunks(c, m * n, m * n * piece / gemm::MACS_PER_WORK, |i, c| {
        let first = i * piece;
        let terms = gemm::Product { k: (k - first).min(piece), ..sizes };
        terms.run(&a[first * a_column..], &b[first * b_row..], c, |_| ());
    });
}
