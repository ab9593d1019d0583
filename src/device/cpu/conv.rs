//! 2-D convolutions as products whose left operand is read straight from the image (an implicit GEMM).
//!
//! **What is packed.** For one row of the kernel, what an output pixel sums over is one strip of the image, `kw·ci`
//! neighbours; so each row is a [`Segment`] of the product's sum, and nothing is unfolded. The image comes in bands of
//! about 512 output pixels, copied with the zeros around it, which keeps the borders out of the loops and the band in
//! a core's cache. The kernel is copied into panels once ([`gemm`](super::gemm)).
//!
//! **In which order sums run.** Forward by rows of the window, then its columns and channels; the gradient of the image
//! by rows and columns of the windows that hold a pixel, then output channels; that of the kernel by images, bands, rows
//! of pixels and pixels. Pieces of these sums are added up as in [`gemm`](super::gemm). Padding adds zeros. Nothing
//! depends on the number of threads.

use super::gemm::{MACS_PER_WORK, Matrix, Panel, Rows, Segment, panels, panels_scratch, tiles};
use super::{parallel_chunks, with_scratch};

/// The sizes of a convolution of images `[n, h, w, ci]` with a kernel `[kh, kw, ci/groups, co]` to `[n, oh, ow, co]`.
#[derive(Clone, Copy, Debug)]
pub struct Convolution {
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub ci: usize,
    pub oh: usize,
    pub ow: usize,
    pub co: usize,
    pub kh: usize,
    pub kw: usize,
    pub stride_h: usize,
    pub stride_w: usize,
    /// Zeros above and left of an image.
    pub pad_h: usize,
    pub pad_w: usize,
    pub groups: usize,
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

    /// Values that one output value of one channel sums over.
    fn taps(&self) -> usize {
        self.kh * self.kw * self.inputs()
    }
}

/// Pixels of a band.
const BAND: usize = 512;

/// Part of an image: rows from `top` and columns from `left` on, either of which may lie outside.
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

    /// Copies the window of a `height` × `width` image, zeros where it reaches beyond.
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

/// The window that the output rows from `first` on read, `count` of them.
fn window_under(p: &Convolution, first: usize, count: usize) -> Window {
    Window {
        top: (first * p.stride_h) as isize - p.pad_h as isize,
        left: -(p.pad_w as isize),
        rows: (count - 1) * p.stride_h + p.kh,
        columns: (p.ow - 1) * p.stride_w + p.kw,
    }
}

fn band_rows(width: usize, height: usize) -> usize {
    (BAND / width).clamp(1, height)
}

/// The convolution `y` of `x` with `w`. `finish` is called with the channels of whole pixels of `y` as soon as they are
/// done.
pub fn forward(p: &Convolution, [x, w]: [&[f32]; 2], y: &mut [f32], finish: impl Fn(&mut [f32]) + Sync) {
    let (h, width, ci, oh, ow, co) = (p.h, p.w, p.ci, p.oh, p.ow, p.co);
    let (taps, groups, inputs, outputs) = (p.taps(), p.groups, p.inputs(), p.outputs());
    // With one group the taps of a row are neighbours in the image, else their channels of a group are.
    let (strips, strip) = if groups == 1 { (1, p.kw * ci) } else { (p.kw, inputs) };
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
                            .map(|i| (i / strips * pitch + i % strips * ci + group * inputs, i * strip))
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
/// An input pixel was used under every `stride`-th tap from `(pixel + pad) % stride` on, by output pixels that
/// follow each other. So the pixels of one remainder are the rows of a product, its sum the taps of that remainder.
pub fn data(p: &Convolution, [dy, w]: [&[f32]; 2], dx: &mut [f32]) {
    let (h, width, ci, oh, ow, co) = (p.h, p.w, p.ci, p.oh, p.ow, p.co);
    let (kh, kw, sh, sw) = (p.kh, p.kw, p.stride_h, p.stride_w);
    let (pad_h, pad_w) = (p.pad_h, p.pad_w);
    let (groups, inputs, outputs) = (p.groups, p.inputs(), p.outputs());
    let depth = kh * kw * co;
    let transposed = Matrix { data: w, row_stride: inputs, column_stride: 1 };
    let (band, work) = (band_rows(width, h), width * inputs * depth / (sh * sw * MACS_PER_WORK));
    // Taps of a remainder at most, along each axis.
    let (most_h, most_w) = (kh.div_ceil(sh), kw.div_ceil(sw));
    with_scratch(panels_scratch(depth, inputs), |scratch| {
        let panels = panels(transposed, depth, inputs, h * width, scratch);
        parallel_chunks(dx, h * width * ci, h * work, |image, dx| {
            let dy = &dy[image * oh * ow * co..][..oh * ow * co];
            parallel_chunks(dx, band * width * ci, band * work, |i, dx| {
                let (first, rows) = (i * band, dx.len() / (width * ci));
                let begin = (first + pad_h) / sh;
                let window = Window {
                    top: begin as isize - (most_h as isize - 1),
                    left: (pad_w / sw) as isize - (most_w as isize - 1),
                    rows: (first + rows - 1 + pad_h) / sh - begin + most_h,
                    columns: (width - 1 + pad_w) / sw - pad_w / sw + most_w,
                };
                let pitch = window.columns * co;
                with_scratch(window.len(co), |data| {
                    window.copy(dy, oh, ow, co, data);
                    let remainders = (0..sh).flat_map(|ry| (0..sw).map(move |rx| (ry, rx)));
                    for ((ry, rx), group) in remainders.flat_map(|r| (0..groups).map(move |g| (r, g))) {
                        let (taps_h, taps_w) =
                            (kh.saturating_sub(ry).div_ceil(sh), kw.saturating_sub(rx).div_ceil(sw));
                        // The first output pixel that used a pixel did so under the last tap.
                        let segments: Vec<Segment> = (0..taps_h)
                            .flat_map(|row| (0..taps_w).map(move |column| (row, column)))
                            .map(|(row, column)| {
                                let tap_y = ry + (taps_h - 1 - row) * sh;
                                let tap_x = rx + (taps_w - 1 - column) * sw;
                                let at = (row + most_h - taps_h) * pitch + (column + most_w - taps_w) * co;
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
/// A row of the kernel's gradient belongs to a tap and a channel, its sum runs over the output pixels. So the band is
/// stored with the channels outside, which makes the pixels of a row neighbours; where output pixels lie `stride`
/// apart in the image, so do the columns of one remainder.
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
            // A band stays within an image.
            let (image, first) = (row / oh, row % oh);
            let rows = band.min(oh - first).min(last - row);
            let window = window_under(p, first, rows);
            let remainder = window.columns.div_ceil(sw);
            let (line, plane) = (sw * remainder, window.rows * sw * remainder);
            let place = |ky: usize, kx: usize, channel: usize| {
                channel * plane + ky * line + kx % sw * remainder + kx / sw
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

/// Stores a line of pixels as one line per channel, `plane` apart, the columns of each remainder of `stride`
/// together, `remainder` apart.
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
