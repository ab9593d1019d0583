//! The twins of the convolution kernels: columns of pixels in a core's cache, and products of those.

use super::Params;
use crate::device::cpu::with_scratch;
use crate::device::kernel::Call;
use crate::device::real::{Matrix, MatrixMut, Real};
use crate::ops::matmul;
use crate::ops::unary::Function;
use rayon::prelude::*;

/// Output pixels that a thread unfolds at a time on the CPU: their columns stay in its second-level cache.
const CHUNK: usize = 384;

/// Writes the columns of the output pixels from `first` on: for each pixel the `kh·kw·ci` values under its window,
/// zero outside the image.
fn unfold<T: Real>(p: &Params, x: &[T], first: usize, columns: &mut [T]) {
    let (h, w, ci, oh, ow) = (p.h as usize, p.w as usize, p.ci as usize, p.oh as usize, p.ow as usize);
    let (kh, kw) = (p.kh as usize, p.kw as usize);
    for (pixel, row) in (first..).zip(columns.chunks_exact_mut(kh * kw * ci)) {
        let (image, oy, ox) = (pixel / (oh * ow), pixel / ow % oh, pixel % ow);
        let left = (ox * p.stride_w as usize) as isize - p.pad_w as isize;
        // The part of the window's width that lies inside, the same for each of its rows.
        let begin = (-left).clamp(0, kw as isize) as usize;
        let end = (w as isize - left).clamp(begin as isize, kw as isize) as usize;
        for (ky, row) in row.chunks_exact_mut(kw * ci).enumerate() {
            let y = (oy * p.stride_h as usize + ky) as isize - p.pad_h as isize;
            if y < 0 || y >= h as isize || begin == end {
                row.fill(T::ZERO);
                continue;
            }
            row[..begin * ci].fill(T::ZERO);
            row[end * ci..].fill(T::ZERO);
            let from = ((image * h + y as usize) * w + (left + begin as isize) as usize) * ci;
            row[begin * ci..end * ci].copy_from_slice(&x[from..from + (end - begin) * ci]);
        }
    }
}

/// A one-by-one kernel that visits every pixel: its columns are the image itself.
fn is_pointwise(p: &Params) -> bool {
    p.kh * p.kw * p.stride_h * p.stride_w == 1
}

/// Pixels per piece of work: a chunk, or less where there is not enough for all threads.
fn chunk(pixels: usize) -> usize {
    pixels.div_ceil(rayon::current_num_threads()).clamp(1, CHUNK)
}

/// Calls `body` with the columns of `count` output pixels from `first` on.
fn with_columns<T: Real>(p: &Params, x: &[T], first: usize, count: usize, body: impl FnOnce(&[T])) {
    let taps = p.taps() as usize;
    if is_pointwise(p) {
        return body(&x[first * taps..(first + count) * taps]);
    }
    with_scratch(count * taps, |columns| {
        unfold(p, x, first, columns);
        body(columns);
    });
}

pub(super) fn forward<T: Real>(p: &Params, call: Call<T>) {
    let ([x, w, bias], [y]) = call.reals();
    let (taps, co) = (p.taps() as usize, p.co as usize);
    let function = Function::ALL[p.function as usize];
    let kernel = Matrix { data: w, row_stride: co, column_stride: 1 };
    let chunk = chunk(p.pixels_out() as usize);
    y.par_chunks_mut(chunk * co).enumerate().for_each(|(i, y)| {
        let count = y.len() / co;
        with_columns(p, x, i * chunk, count, |data| {
            let a = Matrix { data, row_stride: taps, column_stride: 1 };
            let target = MatrixMut { data: &mut *y, row_stride: co, column_stride: 1 };
            T::gemm(count, taps, co, T::ONE, a, kernel, T::ZERO, target);
        });
        matmul::epilogue(y, co, (p.has_bias == 1).then_some(bias), function);
    });
}

/// dY·Wᵀ gives every window's contribution to the pixels under it; they are added up where windows overlap. An
/// image belongs to one thread, so the order of the sums is fixed.
pub(super) fn data<T: Real>(p: &Params, call: Call<T>) {
    let ([dy, _, w], [dx]) = call.reals();
    let (h, width, ci, ow) = (p.h as usize, p.w as usize, p.ci as usize, p.ow as usize);
    let (taps, co, pixels) = (p.taps() as usize, p.co as usize, p.oh as usize * ow);
    let transposed = Matrix { data: w, row_stride: 1, column_stride: co };
    dx.par_chunks_mut(h * width * ci).enumerate().for_each(|(image, dx)| {
        dx.fill(T::ZERO);
        for first in (0..pixels).step_by(CHUNK) {
            let count = CHUNK.min(pixels - first);
            with_scratch(count * taps, |columns| {
                let from = (image * pixels + first) * co;
                let a = Matrix { data: &dy[from..from + count * co], row_stride: co, column_stride: 1 };
                let target = MatrixMut { data: &mut *columns, row_stride: taps, column_stride: 1 };
                T::gemm(count, co, taps, T::ONE, a, transposed, T::ZERO, target);
                for (pixel, column) in (first..).zip(columns.chunks_exact(taps)) {
                    fold(p, pixel / ow, pixel % ow, column, dx);
                }
            });
        }
    });
}

/// Adds one output pixel's column to the image, leaving out what lies outside.
fn fold<T: Real>(p: &Params, oy: usize, ox: usize, column: &[T], dx: &mut [T]) {
    let (h, w, ci, kw) = (p.h as usize, p.w as usize, p.ci as usize, p.kw as usize);
    let left = (ox * p.stride_w as usize) as isize - p.pad_w as isize;
    let begin = (-left).clamp(0, kw as isize) as usize;
    let end = (w as isize - left).clamp(begin as isize, kw as isize) as usize;
    for (ky, row) in column.chunks_exact(kw * ci).enumerate() {
        let y = (oy * p.stride_h as usize + ky) as isize - p.pad_h as isize;
        if y < 0 || y >= h as isize || begin == end {
            continue;
        }
        let to = (y as usize * w + (left + begin as isize) as usize) * ci;
        dx[to..to + (end - begin) * ci].iter_mut().zip(&row[begin * ci..]).for_each(|(d, &v)| *d += v);
    }
}

pub(super) fn weights<T: Real>(p: &Params, call: Call<T>) {
    let ([x, dy, _], [dw]) = call.reals();
    let (taps, co) = (p.taps() as usize, p.co as usize);
    let piece = p.piece as usize * p.ow as usize;
    dw.par_chunks_mut(taps * co).enumerate().for_each(|(split, dw)| {
        let (begin, end) = (split * piece, ((split + 1) * piece).min(p.pixels_out() as usize));
        dw.fill(T::ZERO);
        for first in (begin..end).step_by(CHUNK) {
            let count = CHUNK.min(end - first);
            with_columns(p, x, first, count, |data| {
                let a = Matrix { data, row_stride: 1, column_stride: taps };
                let b =
                    Matrix { data: &dy[first * co..(first + count) * co], row_stride: co, column_stride: 1 };
                let target = MatrixMut { data: &mut *dw, row_stride: co, column_stride: 1 };
                T::gemm(taps, count, co, T::ONE, a, b, T::ONE, target);
            });
        }
    });
}
