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

/// Writes the columns of the output pixels from `first` on: for each pixel the values under its window in the
/// channels of `group`, zero outside the image.
fn unfold<T: Real>(p: &Params, x: &[T], group: usize, first: usize, columns: &mut [T]) {
    let (h, w, ci, oh, ow) = (p.h as usize, p.w as usize, p.ci as usize, p.oh as usize, p.ow as usize);
    let (kh, kw, inputs) = (p.kh as usize, p.kw as usize, p.inputs() as usize);
    for (pixel, row) in (first..).zip(columns.chunks_exact_mut(kh * kw * inputs)) {
        let (image, oy, ox) = (pixel / (oh * ow), pixel / ow % oh, pixel % ow);
        let left = (ox * p.stride_w as usize) as isize - p.pad_w as isize;
        // The part of the window's width that lies inside, the same for each of its rows.
        let begin = (-left).clamp(0, kw as isize) as usize;
        let end = (w as isize - left).clamp(begin as isize, kw as isize) as usize;
        for (ky, row) in row.chunks_exact_mut(kw * inputs).enumerate() {
            let y = (oy * p.stride_h as usize + ky) as isize - p.pad_h as isize;
            if y < 0 || y >= h as isize || begin == end {
                row.fill(T::ZERO);
                continue;
            }
            row[..begin * inputs].fill(T::ZERO);
            row[end * inputs..].fill(T::ZERO);
            let from = ((image * h + y as usize) * w + (left + begin as isize) as usize) * ci;
            let pixels = &x[from..from + (end - begin) * ci];
            let row = &mut row[begin * inputs..end * inputs];
            if inputs == ci {
                row.copy_from_slice(pixels);
                continue;
            }
            for (row, pixel) in row.chunks_exact_mut(inputs).zip(pixels.chunks_exact(ci)) {
                row.copy_from_slice(&pixel[group * inputs..][..inputs]);
            }
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

/// Calls `body` with the columns of `count` output pixels from `first` on, and with the elements from one pixel's to
/// the next one's.
fn with_columns<T: Real>(
    p: &Params,
    x: &[T],
    group: usize,
    first: usize,
    count: usize,
    body: impl FnOnce(&[T], usize),
) {
    let (taps, ci) = (p.taps() as usize, p.ci as usize);
    if is_pointwise(p) {
        return body(&x[first * ci + group * p.inputs() as usize..(first + count) * ci], ci);
    }
    with_scratch(count * taps, |columns| {
        unfold(p, x, group, first, columns);
        body(columns, taps);
    });
}

pub(super) fn forward<T: Real>(p: &Params, call: Call<T>) {
    let ([x, w, bias], [y]) = call.reals();
    let (taps, co, outputs) = (p.taps() as usize, p.co as usize, p.outputs() as usize);
    let function = Function::ALL[p.function as usize];
    let chunk = chunk(p.pixels_out() as usize);
    y.par_chunks_mut(chunk * co).enumerate().for_each(|(i, y)| {
        let count = y.len() / co;
        for group in 0..p.groups as usize {
            with_columns(p, x, group, i * chunk, count, |data, row_stride| {
                let a = Matrix { data, row_stride, column_stride: 1 };
                let kernel = Matrix { data: &w[group * outputs..], row_stride: co, column_stride: 1 };
                let data = &mut y[group * outputs..];
                let target = MatrixMut { data, row_stride: co, column_stride: 1 };
                T::gemm(count, taps, outputs, T::ONE, a, kernel, T::ZERO, target);
            });
        }
        matmul::epilogue(y, co, (p.has_bias == 1).then_some(bias), function);
    });
}

/// dY·Wᵀ gives every window's contribution to the pixels under it; they are added up where windows overlap. An
/// image belongs to one thread, so the order of the sums is fixed.
pub(super) fn data<T: Real>(p: &Params, call: Call<T>) {
    let ([dy, _, w], [dx]) = call.reals();
    let (h, width, ci, ow) = (p.h as usize, p.w as usize, p.ci as usize, p.ow as usize);
    let (taps, co, outputs) = (p.taps() as usize, p.co as usize, p.outputs() as usize);
    let pixels = p.oh as usize * ow;
    dx.par_chunks_mut(h * width * ci).enumerate().for_each(|(image, dx)| {
        dx.fill(T::ZERO);
        for (first, group) in (0..pixels)
            .step_by(CHUNK)
            .flat_map(|first| (0..p.groups as usize).map(move |group| (first, group)))
        {
            let count = CHUNK.min(pixels - first);
            with_scratch(count * taps, |columns| {
                let (from, to) = ((image * pixels + first) * co, (image * pixels + first + count) * co);
                let data = &dy[from + group * outputs..to];
                let a = Matrix { data, row_stride: co, column_stride: 1 };
                let transposed = Matrix { data: &w[group * outputs..], row_stride: 1, column_stride: co };
                let target = MatrixMut { data: &mut *columns, row_stride: taps, column_stride: 1 };
                T::gemm(count, outputs, taps, T::ONE, a, transposed, T::ZERO, target);
                for (pixel, column) in (first..).zip(columns.chunks_exact(taps)) {
                    fold(p, group, pixel / ow, pixel % ow, column, dx);
                }
            });
        }
    });
}

/// Adds one output pixel's column to the channels of `group` in the image, leaving out what lies outside.
fn fold<T: Real>(p: &Params, group: usize, oy: usize, ox: usize, column: &[T], dx: &mut [T]) {
    let (h, w, ci, kw, inputs) =
        (p.h as usize, p.w as usize, p.ci as usize, p.kw as usize, p.inputs() as usize);
    let left = (ox * p.stride_w as usize) as isize - p.pad_w as isize;
    let begin = (-left).clamp(0, kw as isize) as usize;
    let end = (w as isize - left).clamp(begin as isize, kw as isize) as usize;
    for (ky, row) in column.chunks_exact(kw * inputs).enumerate() {
        let y = (oy * p.stride_h as usize + ky) as isize - p.pad_h as isize;
        if y < 0 || y >= h as isize || begin == end {
            continue;
        }
        let to = (y as usize * w + (left + begin as isize) as usize) * ci;
        let (pixels, row) = (&mut dx[to..to + (end - begin) * ci], &row[begin * inputs..]);
        if inputs == ci {
            pixels.iter_mut().zip(row).for_each(|(d, &v)| *d += v);
            continue;
        }
        for (pixel, row) in pixels.chunks_exact_mut(ci).zip(row.chunks_exact(inputs)) {
            pixel[group * inputs..].iter_mut().zip(row).for_each(|(d, &v)| *d += v);
        }
    }
}

pub(super) fn weights<T: Real>(p: &Params, call: Call<T>) {
    let ([x, dy, _], [dw]) = call.reals();
    let (taps, co, outputs) = (p.taps() as usize, p.co as usize, p.outputs() as usize);
    let piece = p.piece as usize * p.ow as usize;
    dw.par_chunks_mut(taps * co).enumerate().for_each(|(split, dw)| {
        let (begin, end) = (split * piece, ((split + 1) * piece).min(p.pixels_out() as usize));
        dw.fill(T::ZERO);
        for (first, group) in (begin..end)
            .step_by(CHUNK)
            .flat_map(|first| (0..p.groups as usize).map(move |group| (first, group)))
        {
            let count = CHUNK.min(end - first);
            with_columns(p, x, group, first, count, |data, column_stride| {
                let a = Matrix { data, row_stride: 1, column_stride };
                let data = &dy[first * co + group * outputs..(first + count) * co];
                let b = Matrix { data, row_stride: co, column_stride: 1 };
                let data = &mut dw[group * outputs..];
                let target = MatrixMut { data, row_stride: co, column_stride: 1 };
                T::gemm(taps, count, outputs, T::ONE, a, b, T::ONE, target);
            });
        }
    });
}
