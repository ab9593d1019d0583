//! Pooling: rows of windows, all channels of a pixel at a time. Sums run by rows and columns of the window. Gradients
//! run through the windows in order and add to the pixels of each.

use super::parallel_rows;
use multiversion::multiversion;
use std::ops::Range;

/// The sizes of a pooling of images `[n, h, w, c]` to `[n, oh, ow, c]`.
#[derive(Clone, Copy, Debug)]
pub struct Pooling {
    /// The height of the images, in pixels.
    pub h: usize,
    /// The width of the images, in pixels.
    pub w: usize,
    /// The number of channels.
    pub c: usize,
    /// The height of the output, in pixels.
    pub oh: usize,
    /// The width of the output, in pixels.
    pub ow: usize,
    /// The height of a window, in pixels.
    pub kh: usize,
    /// The width of a window, in pixels.
    pub kw: usize,
    /// Rows of the image from one window to the next.
    pub stride_h: usize,
    /// Columns of the image from one window to the next.
    pub stride_w: usize,
    /// Rows above the image that the first window covers.
    pub pad_h: usize,
    /// Columns left of the image that the first window covers.
    pub pad_w: usize,
}

impl Pooling {
    /// The rows of the image in the windows of output row `o`.
    fn rows_of(&self, o: usize) -> Range<usize> {
        inside(o, self.stride_h, self.kh, self.pad_h, self.h)
    }

    fn columns_of(&self, o: usize) -> Range<usize> {
        inside(o, self.stride_w, self.kw, self.pad_w, self.w)
    }

    /// The elements of image row `row` in columns `columns`.
    fn line(&self, row: usize, columns: &Range<usize>) -> Range<usize> {
        (row * self.w + columns.start) * self.c..(row * self.w + columns.end) * self.c
    }

    /// The largest element of each window; NaN if it contains NaN.
    pub fn max(&self, x: &[f32], y: &mut [f32]) {
        let larger = |best: f32, value: f32| if value > best || value.is_nan() { value } else { best };
        self.over_windows(x, y, f32::NEG_INFINITY, larger, |best, _| best);
    }

    /// The mean over the elements of each window that lie inside the image.
    pub fn average(&self, x: &[f32], y: &mut [f32]) {
        self.over_windows(x, y, 0.0, |sum, value| sum + value, |sum, n| sum / n);
    }

    /// Joins the elements of each window, channel by channel. `finish` also gets their number.
    fn over_windows(
        &self,
        x: &[f32],
        y: &mut [f32],
        start: f32,
        join: impl Fn(f32, f32) -> f32 + Copy + Sync,
        finish: impl Fn(f32, f32) -> f32 + Copy + Sync,
    ) {
        let (image, row_length) = (self.h * self.w * self.c, self.ow * self.c);
        parallel_rows(y, row_length, row_length * self.kh * self.kw, |first, rows| {
            for (row, y) in (first..).zip(rows.chunks_exact_mut(row_length)) {
                let x = &x[row / self.oh * image..][..image];
                row_of_windows(self, x, self.rows_of(row % self.oh), y, start, join, finish);
            }
        });
    }

    /// The gradient of [`max`](Pooling::max). It goes to the first of the largest elements of a window.
    pub fn max_gradient(&self, [dy, x, y]: [&[f32]; 3], dx: &mut [f32]) {
        let (image, out_image) = (self.h * self.w * self.c, self.oh * self.ow * self.c);
        parallel_rows(dx, image, 4 * image, |first, images| {
            for (i, dx) in (first..).zip(images.chunks_exact_mut(image)) {
                let of_image = i * out_image..(i + 1) * out_image;
                max_gradient_image(self, &dy[of_image.clone()], &x[i * image..][..image], &y[of_image], dx);
            }
        });
    }
}

/// The part of window `o` that lies inside the image, along one axis.
fn inside(o: usize, stride: usize, kernel: usize, pad: usize, extent: usize) -> Range<usize> {
    let start = o * stride;
    start.saturating_sub(pad)..(start + kernel - pad).min(extent)
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn row_of_windows(
    p: &Pooling,
    x: &[f32],
    lines: Range<usize>,
    y: &mut [f32],
    start: f32,
    join: impl Fn(f32, f32) -> f32,
    finish: impl Fn(f32, f32) -> f32,
) {
    for (column, y) in y.chunks_exact_mut(p.c).enumerate() {
        let columns = p.columns_of(column);
        let n = (lines.len() * columns.len()) as f32;
        y.fill(start);
        for line in lines.clone() {
            for pixel in x[p.line(line, &columns)].chunks_exact(p.c) {
                y.iter_mut().zip(pixel).for_each(|(y, &x)| *y = join(*y, x));
            }
        }
        y.iter_mut().for_each(|y| *y = finish(*y, n));
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn max_gradient_image(p: &Pooling, dy: &[f32], x: &[f32], y: &[f32], dx: &mut [f32]) {
    // The part of a window's gradient that has no receiver yet: the first maximum gets all of it.
    let mut left = vec![0.0; p.c];
    dx.fill(0.0);
    for (window, (dy, y)) in dy.chunks_exact(p.c).zip(y.chunks_exact(p.c)).enumerate() {
        let columns = p.columns_of(window % p.ow);
        left.copy_from_slice(dy);
        for line in p.rows_of(window / p.ow) {
            let line = p.line(line, &columns);
            let dx = dx[line.clone()].chunks_exact_mut(p.c);
            for (dx, x) in dx.zip(x[line].chunks_exact(p.c)) {
                for (((dx, &x), &y), left) in dx.iter_mut().zip(x).zip(y).zip(&mut left) {
                    *dx += if x == y { *left } else { 0.0 };
                    *left = if x == y { 0.0 } else { *left };
                }
            }
        }
    }
}
