//! 2-D convolutions as matrix products whose left operand is read directly from the image (implicit GEMM).
//!
//! **What is packed.** For one row of the kernel, the values that an output pixel sums over are `kw·ci` neighbours in
//! the image. So each row of the kernel is a [`Segment`] of the product's sum, and the image is not unfolded. It is
//! copied in bands of about 512 output pixels, with the zeros of the padding around it: the inner loops then need no
//! checks at the borders, and a band stays in a core's cache. The kernel is copied into panels once
//! ([`gemm`](super::gemm)).
//!
//! **Order of sums.** The output is summed by rows of the window, then columns and channels. The gradient of the
//! image is summed by rows and columns of the windows that contain a pixel, then output channels. The gradient of the
//! kernel is summed by images, bands, rows of pixels and pixels. Partial sums are added as in [`gemm`](super::gemm).
//! Padding adds zeros. The order does not depend on the number of threads.

use super::gemm::{MACS_PER_WORK, Matrix, Panel, Rows, Segment, panels, panels_scratch, tiles};
use super::{parallel_chunks, with_scratch};

/// The sizes of a convolution of images `[n, h, w, ci]` with a kernel `[kh, kw, ci/groups, co]` to `[n, oh, ow, co]`.
#[derive(Clone, Copy, Debug)]
pub struct Convolution {
    /// The number of images.
    pub n: usize,
    /// The height of the images, in pixels.
    pub h: usize,
    /// The width of the images, in pixels.
    pub w: usize,
    /// The number of input channels.
    pub ci: usize,
    /// The height of the output, in pixels.
    pub oh: usize,
    /// The width of the output, in pixels.
    pub ow: usize,
    /// The number of output channels.
    pub co: usize,
    /// The height of the kernel, in pixels.
    pub kh: usize,
    /// The width of the kernel, in pixels.
    pub kw: usize,
    /// Rows of the image from one output row to the next.
    pub stride_h: usize,
    /// Columns of the image from one output column to the next.
    pub stride_w: usize,
    /// Rows of zeros above an image.
    pub pad_h: usize,
    /// Columns of zeros to the left of an image.
    pub pad_w: usize,
    /// Groups of channels. An output channel sums over the input channels of its group.
    pub groups: usize,
    /// Rows of the image from one row of the kernel to the next.
    pub dilation_h: usize,
    /// Columns of the image from one column of the kernel to the next.
    pub dilation_w: usize,
}

impl Convolution {
    /// Input channels of a group.
    fn inputs(&self) -> usize {
        self.ci / self.groups
    }

    /// Output channels of a group.
    fn outputs(&self) -> usize {
        self.co / self.groups
    }

    /// The number of values that one value of the output sums over.
    fn taps(&self) -> usize {
        self.kh * self.kw * self.inputs()
    }
}

/// Output pixels of a band.
const BAND: usize = 512;

/// A part of an image: rows from `top` on and columns from `left` on. It may extend beyond the image.
struct Window {
    top: isize,
    left: isize,
    rows: usize,
    columns: usize,
}

impl Window {
    fn len(&self, channels: usize) -> usize {
        self.rows * self.columns * channels
    }

    /// Copies the window from a `height` × `width` image, with zeros outside the image.
    fn copy(&self, image: &[f32], height: usize, width: usize, channels: usize, to: &mut [f32]) {
        let begin = (-self.left).clamp(0, self.columns as isize) as usize;
        let end = (width as isize - self.left).clamp(begin as isize, self.columns as isize) as usize;
        for (row, to) in (self.top..).zip(to.chunks_exact_mut(self.columns * channels)) {
            if row < 0 || row >= height as isize {
                to.fill(0.0);
                continue;
            }
            to[..begin * channels].fill(0.0);
            to[end * channels..].fill(0.0);
            let from = (row as usize * width) as isize + self.left + begin as isize;
            let inside = &image[from as usize * channels..][..(end - begin) * channels];
            to[begin * channels..end * channels].copy_from_slice(inside);
        }
    }
}

/// The window that `count` output rows from `first` on read.
fn window_under(p: &Convolution, first: usize, count: usize) -> Window {
    Window {
        top: (first * p.stride_h) as isize - p.pad_h as isize,
        left: -(p.pad_w as isize),
        rows: (count - 1) * p.stride_h + (p.kh - 1) * p.dilation_h + 1,
        columns: (p.ow - 1) * p.stride_w + (p.kw - 1) * p.dilation_w + 1,
    }
}

fn band_rows(width: usize, height: usize) -> usize {
    (BAND / width).clamp(1, height)
}

/// The convolution `y` of `x` with `w`. Calls `finish` with the channels of whole pixels of `y` as soon as they are
/// computed.
pub fn forward(p: &Convolution, [x, w]: [&[f32]; 2], y: &mut [f32], finish: impl Fn(&mut [f32]) + Sync) {
    let (h, width, ci, oh, ow, co) = (p.h, p.w, p.ci, p.oh, p.ow, p.co);
    let (taps, groups, inputs, outputs) = (p.taps(), p.groups, p.inputs(), p.outputs());
    // With one group and no dilation the taps of a row are neighbours in the image; otherwise only the channels of a
    // tap in its group are.
    let (strips, strip) = if groups == 1 && p.dilation_w == 1 { (1, p.kw * ci) } else { (p.kw, inputs) };
    let tap =
        |row: usize, column: usize, pitch: usize| row * p.dilation_h * pitch + column * p.dilation_w * ci;
    let (band, work) = (band_rows(ow, oh), ow * co * taps / MACS_PER_WORK);
    let scratch = panels_scratch(taps, outputs);
    with_scratch(groups * scratch, |all| {
        let kernels: Vec<Vec<Panel>> = (all.chunks_mut(scratch).enumerate())
            .map(|(group, scratch)| {
                let kernel = Matrix { data: &w[group * outputs..], row_stride: co, column_stride: 1 };
                panels(kernel, taps, outputs, p.n * oh * ow, scratch)
            })
            .collect();
        parallel_chunks(y, oh * ow * co, oh * work, |image, y| {
            let x = &x[image * h * width * ci..][..h * width * ci];
            parallel_chunks(y, band * ow * co, band * work, |i, y| {
                let rows = y.len() / (ow * co);
                let window = window_under(p, i * band, rows);
                let pitch = window.columns * ci;
                let pixels = || (0..rows).flat_map(|row| (0..ow).map(move |column| (row, column)));
                let place = |(row, column)| row * p.stride_h * pitch + column * p.stride_w * ci;
                let from: Vec<usize> = pixels().map(place).collect();
                with_scratch(window.len(ci), |data| {
                    window.copy(x, h, width, ci, data);
                    for (group, panels) in kernels.iter().enumerate() {
                        let to: Vec<usize> = (0..rows * ow).map(|i| i * co + group * outputs).collect();
                        let segments: Vec<Segment> = (0..p.kh * strips)
                            .map(|i| (tap(i / strips, i % strips, pitch) + group * inputs, i * strip))
                            .map(|(a, b)| Segment { a, b, depth: strip })
                            .collect();
                        let rows = Rows { data, from: &from, to: &to, segments: &segments };
                        tiles(&rows, panels, false, y);
                    }
                });
                finish(y);
            });
        });
    });
}

/// The gradient `dx` of the images, from `dy` and the kernel with its channels exchanged, `[kh, kw, co, ci/groups]`.
///
/// Output pixels read an input pixel under every `stride`-th tap, from tap `(pixel + pad) % stride` on. The output
/// pixels of successive such taps are neighbours. So the input pixels with the same remainder are the rows of a
/// matrix product, which sums over the taps of that remainder.
///
/// Along an axis with a dilation the stride must be 1: all taps have the remainder 0, and the output pixels of
/// successive taps are a dilation apart.
pub fn data(p: &Convolution, [dy, w]: [&[f32]; 2], dx: &mut [f32]) {
    let (h, width, ci, oh, ow, co) = (p.h, p.w, p.ci, p.oh, p.ow, p.co);
    let (kh, kw, sh, sw) = (p.kh, p.kw, p.stride_h, p.stride_w);
    let (pad_h, pad_w) = (p.pad_h, p.pad_w);
    let (groups, inputs, outputs) = (p.groups, p.inputs(), p.outputs());
    let depth = kh * kw * co;
    let transposed = Matrix { data: w, row_stride: inputs, column_stride: 1 };
    let (band, work) = (band_rows(width, h), width * inputs * depth / (sh * sw * MACS_PER_WORK));
    // The largest number of taps of one remainder, along each axis.
    let (most_h, most_w) = (kh.div_ceil(sh), kw.div_ceil(sw));
    let (dh, dw) = (p.dilation_h, p.dilation_w);
    debug_assert!((sh == 1 || dh == 1) && (sw == 1 || dw == 1), "no axis has a stride and a dilation");
    // Output pixels from the first to the last of them.
    let (reach_h, reach_w) = ((most_h - 1) * dh + 1, (most_w - 1) * dw + 1);
    with_scratch(panels_scratch(depth, inputs), |scratch| {
        let panels = panels(transposed, depth, inputs, h * width, scratch);
        parallel_chunks(dx, h * width * ci, h * work, |image, dx| {
            let dy = &dy[image * oh * ow * co..][..oh * ow * co];
            parallel_chunks(dx, band * width * ci, band * work, |i, dx| {
                let (first, rows) = (i * band, dx.len() / (width * ci));
                let begin = (first + pad_h) / sh;
                let window = Window {
                    top: begin as isize - (reach_h as isize - 1),
                    left: (pad_w / sw) as isize - (reach_w as isize - 1),
                    rows: (first + rows - 1 + pad_h) / sh - begin + reach_h,
                    columns: (width - 1 + pad_w) / sw - pad_w / sw + reach_w,
                };
                let pitch = window.columns * co;
                with_scratch(window.len(co), |data| {
                    window.copy(dy, oh, ow, co, data);
                    let remainders = (0..sh).flat_map(|ry| (0..sw).map(move |rx| (ry, rx)));
                    for ((ry, rx), group) in remainders.flat_map(|r| (0..groups).map(move |g| (r, g))) {
                        let (taps_h, taps_w) =
                            (kh.saturating_sub(ry).div_ceil(sh), kw.saturating_sub(rx).div_ceil(sw));
                        // The first output pixel that reads an input pixel reads it under the last tap.
                        let segments: Vec<Segment> = (0..taps_h)
                            .flat_map(|row| (0..taps_w).map(move |column| (row, column)))
                            .map(|(row, column)| {
                                let tap_y = ry + (taps_h - 1 - row) * sh;
                                let tap_x = rx + (taps_w - 1 - column) * sw;
                                let (down, across) = (row + most_h - taps_h, column + most_w - taps_w);
                                let at = down * dh * pitch + across * dw * co;
                                let first = group * outputs;
                                Segment {
                                    a: at + first,
                                    b: (tap_y * kw + tap_x) * co + first,
                                    depth: outputs,
                                }
                            })
                            .collect();
                        let lines = || (first..first + rows).filter(|y| (y + pad_h) % sh == ry);
                        let columns = || (0..width).filter(|x| (x + pad_w) % sw == rx);
                        let pixels = || lines().flat_map(|y| columns().map(move |x| (y, x)));
                        let from: Vec<usize> = pixels()
                            .map(|(y, x)| {
                                ((y + pad_h) / sh - begin) * pitch + ((x + pad_w) / sw - pad_w / sw) * co
                            })
                            .collect();
                        let to: Vec<usize> =
                            pixels().map(|(y, x)| ((y - first) * width + x) * ci + group * inputs).collect();
                        let rows = Rows { data, from: &from, to: &to, segments: &segments };
                        tiles(&rows, &panels, false, dx);
                    }
                });
            });
        });
    });
}

/// The gradient of the kernel, from `x` and `dy`, as one sum for each `piece` rows of output pixels.
///
/// A row of the kernel's gradient belongs to one tap and channel and is a sum over output pixels. So the band is
/// stored channel by channel, which makes the pixels of a row neighbours. Where output pixels are `stride` apart in
/// the image, the columns of each remainder are stored together.
pub fn weights(p: &Convolution, piece: usize, [x, dy]: [&[f32]; 2], dw: &mut [f32]) {
    let (h, width, ci, oh, ow, co) = (p.h, p.w, p.ci, p.oh, p.ow, p.co);
    let (kh, kw, sh, sw) = (p.kh, p.kw, p.stride_h, p.stride_w);
    let (taps, band) = (p.taps(), band_rows(ow, oh));
    let (groups, inputs, outputs) = (p.groups, p.inputs(), p.outputs());
    parallel_chunks(dw, taps * co, piece * ow * co * taps / MACS_PER_WORK, |split, dw| {
        let mut row = split * piece;
        let last = (row + piece).min(p.n * oh);
        let mut add = false;
        while row < last {
            // A band lies inside one image.
            let (image, first) = (row / oh, row % oh);
            let rows = band.min(oh - first).min(last - row);
            let window = window_under(p, first, rows);
            let remainder = window.columns.div_ceil(sw);
            let (line, plane) = (sw * remainder, window.rows * sw * remainder);
            let place = |ky: usize, kx: usize, channel: usize| {
                let x = kx * p.dilation_w;
                channel * plane + ky * p.dilation_h * line + x % sw * remainder + x / sw
            };
            let segments: Vec<Segment> =
                (0..rows).map(|y| Segment { a: y * sh * line, b: y * ow, depth: ow }).collect();
            let (copied, outside) = (window.len(ci), plane * ci);
            with_scratch(copied + outside + panels_scratch(rows * ow, outputs), |scratch| {
                let (copy, rest) = scratch.split_at_mut(copied);
                let (data, rest) = rest.split_at_mut(outside);
                window.copy(&x[image * h * width * ci..][..h * width * ci], h, width, ci, copy);
                for (y, copy) in copy.chunks_exact(window.columns * ci).enumerate() {
                    channels_outside(copy, ci, sw, remainder, plane, &mut data[y * line..]);
                }
                for group in 0..groups {
                    let dy = &dy[row * ow * co + group * outputs..(row + rows) * ow * co];
                    let b = Matrix { data: dy, row_stride: co, column_stride: 1 };
                    let panels = panels(b, rows * ow, outputs, taps, rest);
                    let from: Vec<usize> = (0..kh)
                        .flat_map(|ky| (0..kw).map(move |kx| (ky, kx)))
                        .flat_map(|(ky, kx)| (0..inputs).map(move |i| place(ky, kx, group * inputs + i)))
                        .collect();
                    let to: Vec<usize> = (0..taps).map(|row| row * co + group * outputs).collect();
                    let a = Rows { data, from: &from, to: &to, segments: &segments };
                    tiles(&a, &panels, add, dw);
                }
            });
            add = true;
            row += rows;
        }
    });
}

/// Stores a row of pixels as one row per channel, `plane` elements apart. Within a row, the columns of each remainder
/// of `stride` are stored together, `remainder` elements apart.
fn channels_outside(
    pixels: &[f32],
    channels: usize,
    stride: usize,
    remainder: usize,
    plane: usize,
    to: &mut [f32],
) {
    for (channel, to) in to.chunks_mut(plane).take(channels).enumerate() {
        for first in 0..stride {
            let column = pixels.iter().skip(first * channels + channel).step_by(stride * channels);
            to[first * remainder..].iter_mut().zip(column).for_each(|(to, &value)| *to = value);
        }
    }
}
