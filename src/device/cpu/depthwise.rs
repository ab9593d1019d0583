//! Depthwise convolutions. All three directions are sums of products of two operands, of which one moves from sum to
//! sum and the other is fixed. The output sums image × weights over the taps of a window. The gradient of the image
//! sums gradient × weights over the windows that contain a pixel. The gradient of the weights sums image × gradient
//! over the pixels of a row.
//!
//! **What is packed.** Nothing. Channels are neighbours in both operands, so vectors of channels are read in place.
//! Up to four neighbouring sums of a vector of channels are kept in registers over all terms.
//!
//! **Order of sums.** Term by term. The output is summed by rows and columns of the window. The gradient of the image
//! is summed by windows from the last to the first, then by the outputs of a channel. The gradient of the weights is
//! summed by rows of output pixels; each row's sum starts at 0 and is then added. The order does not depend on the
//! number of threads.

use super::conv::Convolution;
use super::math::has_fused;
use super::parallel_rows;
use multiversion::multiversion;
use std::ops::Range;

/// The number of sums that are kept in registers together. [`Sums::write`] has a case for each number up to it.
const SUMS: usize = 4;

/// One product of a sum: the positions of its factors in the first sum.
struct Term {
    moving: usize,
    fixed: usize,
}

/// Neighbouring sums over the same terms, for all channels. In sum i the positions of the moving factors are `i·step`
/// larger. Each image channel has `multiplier` output channels, which are those of `fixed`.
struct Sums<'a> {
    terms: &'a [Term],
    moving: &'a [f32],
    step: usize,
    fixed: &'a [f32],
    count: usize,
    channels: usize,
    multiplier: usize,
    /// Whether there is one result for each image channel. `moving` then has all output channels too, and a result
    /// sums over those of its image channel; the terms are those of the first channel, one for each output channel.
    /// Otherwise there is one result for each output channel.
    narrow: bool,
}

impl Sums<'_> {
    /// Writes sum i to element `i·step` of `to`, channel by channel, or adds it.
    #[inline(always)]
    fn write<const FUSED: bool>(&self, to: &mut [f32], step: usize, add: bool) {
        for first in (0..self.count).step_by(SUMS) {
            let to = &mut to[first * step..];
            match self.count - first {
                1 => self.channels::<1, FUSED>(first, to, step, add),
                2 => self.channels::<2, FUSED>(first, to, step, add),
                3 => self.channels::<3, FUSED>(first, to, step, add),
                _ => self.channels::<SUMS, FUSED>(first, to, step, add),
            }
        }
    }

    /// `P` sums, the first of which is `first`, one vector of channels at a time.
    #[inline(always)]
    fn channels<const P: usize, const FUSED: bool>(
        &self,
        first: usize,
        to: &mut [f32],
        step: usize,
        add: bool,
    ) {
        if self.multiplier > 1 {
            for channel in 0..self.channels {
                let wide = channel * self.multiplier;
                if self.narrow {
                    self.vector::<P, 1, FUSED>(first, [wide, wide], &mut to[channel..], step, add);
                    continue;
                }
                for output in wide..wide + self.multiplier {
                    self.vector::<P, 1, FUSED>(first, [channel, output], &mut to[output..], step, add);
                }
            }
            return;
        }
        let mut channel = 0;
        while channel < self.channels {
            let (at, to) = ([channel, channel], &mut to[channel..]);
            channel += match self.channels - channel {
                16.. => self.vector::<P, 16, FUSED>(first, at, to, step, add),
                8.. => self.vector::<P, 8, FUSED>(first, at, to, step, add),
                _ => self.vector::<P, 1, FUSED>(first, at, to, step, add),
            };
        }
    }

    /// `P` sums of `W` channels, starting at the given channels of `moving` and `fixed`. Returns `W`.
    #[inline(always)]
    fn vector<const P: usize, const W: usize, const FUSED: bool>(
        &self,
        first: usize,
        [moving, fixed]: [usize; 2],
        to: &mut [f32],
        step: usize,
        add: bool,
    ) -> usize {
        const WHOLE: &str = "a pixel has all of its channels";
        let moving = &self.moving[first * self.step + moving..];
        let fixed = &self.fixed[fixed..];
        let mut sums = [[0.0; W]; P];
        for term in self.terms {
            let fixed: &[f32; W] = fixed[term.fixed..].first_chunk().expect(WHOLE);
            for (p, sums) in sums.iter_mut().enumerate() {
                let moving: &[f32; W] = moving[term.moving + p * self.step..].first_chunk().expect(WHOLE);
                for c in 0..W {
                    sums[c] = if FUSED {
                        moving[c].mul_add(fixed[c], sums[c])
                    } else {
                        sums[c] + moving[c] * fixed[c]
                    };
                }
            }
        }
        for (p, sums) in sums.iter().enumerate() {
            let to: &mut [f32; W] = to[p * step..].first_chunk_mut().expect(WHOLE);
            for c in 0..W {
                to[c] = if add { to[c] + sums[c] } else { sums[c] };
            }
        }
        W
    }
}

/// [`Sums::write`], compiled for the widest vectors of the processor.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn write(sums: &Sums, to: &mut [f32], step: usize, add: bool) {
    if has_fused!() {
        sums.write::<true>(to, step, add);
    } else {
        sums.write::<false>(to, step, add);
    }
}

/// Consecutive positions along an axis that read the same range along the other.
struct Run {
    first: usize,
    count: usize,
    seen: Range<usize>,
}

/// Splits `0..count` into runs. `seen` returns the range that a position reads.
fn runs(count: usize, seen: impl Fn(usize) -> Range<usize>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, seen) in (0..count).map(|at| (at, seen(at))) {
        match runs.last_mut() {
            Some(run) if run.seen == seen => run.count += 1,
            _ => runs.push(Run { first: at, count: 1, seen }),
        }
    }
    runs
}

/// Windows along one axis of an image.
#[derive(Clone, Copy)]
struct Axis {
    stride: usize,
    dilation: usize,
    pad: usize,
    taps: usize,
    /// Pixels of the image.
    extent: usize,
    /// Pixels of the output.
    outputs: usize,
}

impl Axis {
    fn rows(p: &Convolution) -> Axis {
        let (stride, dilation, pad) = (p.stride_h, p.dilation_h, p.pad_h);
        Axis { stride, dilation, pad, taps: p.kh, extent: p.h, outputs: p.oh }
    }

    fn columns(p: &Convolution) -> Axis {
        let (stride, dilation, pad) = (p.stride_w, p.dilation_w, p.pad_w);
        Axis { stride, dilation, pad, taps: p.kw, extent: p.w, outputs: p.ow }
    }

    /// The taps of the window of output pixel `at` that lie inside the image.
    fn taps_inside(&self, at: usize) -> Range<usize> {
        let start = at * self.stride;
        let end = (self.extent + self.pad).saturating_sub(start).div_ceil(self.dilation).min(self.taps);
        self.pad.saturating_sub(start).div_ceil(self.dilation).min(end)..end
    }

    /// The windows that contain pixel `at`. With a dilation the stride must be 1.
    fn windows_over(&self, at: usize) -> Windows {
        let place = at + self.pad;
        let (window, tap) = (place / self.stride, place % self.stride);
        let last = self.taps.saturating_sub(tap).div_ceil(self.stride).min(window / self.dilation + 1);
        let first = (window + 1).saturating_sub(self.outputs).div_ceil(self.dilation).min(last);
        Windows { window, tap, before: first..last }
    }
}

/// Runs of output pixels of a row that read the same columns of the window.
fn runs_of_outputs(p: &Convolution) -> Vec<Run> {
    runs(p.ow, |at| Axis::columns(p).taps_inside(at))
}

/// The windows along an axis that contain a pixel: window `window − j·dilation` contains it under tap `tap + j·stride`,
/// for each j in `before`.
struct Windows {
    window: usize,
    tap: usize,
    before: Range<usize>,
}

/// Scalar operations of this many output elements.
fn work(p: &Convolution, elements: usize) -> usize {
    2 * elements * p.kh * p.kw
}

/// The convolution `y` of `x` with `w`, `[kh, kw, ci, co/ci]`. Calls `finish` with the channels of whole pixels of
/// `y` as soon as they are computed.
pub fn forward(p: &Convolution, [x, w]: [&[f32]; 2], y: &mut [f32], finish: impl Fn(&mut [f32]) + Sync) {
    let (ci, co, kw, oh) = (p.ci, p.co, p.kw, p.oh);
    let (row, stride) = (p.ow * co, p.stride_w);
    let runs = runs_of_outputs(p);
    parallel_rows(y, row, work(p, row), |first, rows| {
        let mut terms = Vec::new();
        for (i, y) in (first..).zip(rows.chunks_exact_mut(row)) {
            let top = i % oh * p.stride_h;
            for run in &runs {
                terms.clear();
                for ky in Axis::rows(p).taps_inside(i % oh) {
                    let above = i / oh * p.h + top + ky * p.dilation_h - p.pad_h;
                    terms.extend(run.seen.clone().map(|kx| Term {
                        moving: (above * p.w + run.first * stride + kx * p.dilation_w - p.pad_w) * ci,
                        fixed: (ky * kw + kx) * co,
                    }));
                }
                let sums = Sums {
                    terms: &terms,
                    moving: x,
                    step: stride * ci,
                    fixed: w,
                    count: run.count,
                    channels: ci,
                    multiplier: co / ci,
                    narrow: false,
                };
                write(&sums, &mut y[run.first * co..], co, false);
            }
            finish(y);
        }
    });
}

/// The gradient `dx` of the images, from `dy` and `w`.
pub fn data(p: &Convolution, [dy, w]: [&[f32]; 2], dx: &mut [f32]) {
    let (ci, co, kw, h) = (p.ci, p.co, p.kw, p.h);
    let (width, stride) = (p.w, p.stride_w);
    let row = width * ci;
    let across = |x| Axis::columns(p).windows_over(x);
    // Except at the edges, pixels a stride apart lie under the same taps. Each run has its first pixel.
    let runs: Vec<(usize, Run)> = (0..stride.min(width))
        .flat_map(|phase| {
            let places = (width - phase).div_ceil(stride);
            let runs = runs(places, |place| across(phase + place * stride).before);
            runs.into_iter().map(move |run| (phase + run.first * stride, run))
        })
        .collect();
    parallel_rows(dx, row, work(p, width * co), |first, rows| {
        let mut terms = Vec::new();
        for (i, dx) in (first..).zip(rows.chunks_exact_mut(row)) {
            let down = Axis::rows(p).windows_over(i % h);
            for (x, run) in &runs {
                let across = across(*x);
                terms.clear();
                for j in down.before.clone() {
                    let line = (i / h * p.oh + down.window - j * p.dilation_h) * p.ow;
                    let ky = down.tap + j * p.stride_h;
                    for k in across.before.clone() {
                        let moving = (line + across.window - k * p.dilation_w) * co;
                        let fixed = (ky * kw + across.tap + k * stride) * co;
                        terms.extend((0..co / ci).map(|m| Term { moving: moving + m, fixed: fixed + m }));
                    }
                }
                let sums = Sums {
                    terms: &terms,
                    moving: dy,
                    step: co,
                    fixed: w,
                    count: run.count,
                    channels: ci,
                    multiplier: co / ci,
                    narrow: true,
                };
                write(&sums, &mut dx[x * ci..], stride * ci, false);
            }
        }
    });
}

/// The gradient of the kernel, from `x` and `dy`, as one sum for each `piece` rows of output pixels.
pub fn weights(p: &Convolution, piece: usize, [x, dy]: [&[f32]; 2], dw: &mut [f32]) {
    let (ci, co, kw, oh) = (p.ci, p.co, p.kw, p.oh);
    let taps = p.kh * p.kw * co;
    let runs = runs_of_outputs(p);
    parallel_rows(dw, taps, work(p, piece * p.ow * co), |first, pieces| {
        let mut terms = Vec::new();
        for (split, dw) in (first..).zip(pieces.chunks_exact_mut(taps)) {
            dw.fill(0.0);
            for row in split * piece..((split + 1) * piece).min(p.n * oh) {
                let top = row % oh * p.stride_h;
                for ky in Axis::rows(p).taps_inside(row % oh) {
                    let above = row / oh * p.h + top + ky * p.dilation_h - p.pad_h;
                    for run in runs.iter().filter(|run| !run.seen.is_empty()) {
                        let kx = run.seen.start;
                        terms.clear();
                        terms.extend((run.first..run.first + run.count).map(|ox| Term {
                            moving: (above * p.w + ox * p.stride_w + kx * p.dilation_w - p.pad_w) * ci,
                            fixed: (row * p.ow + ox) * co,
                        }));
                        let sums = Sums {
                            terms: &terms,
                            moving: x,
                            step: p.dilation_w * ci,
                            fixed: dy,
                            count: run.seen.len(),
                            channels: ci,
                            multiplier: co / ci,
                            narrow: false,
                        };
                        write(&sums, &mut dw[(ky * kw + kx) * co..], co, true);
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A processor runs only its own version of [`write`]. The values are such that no version rounds.
    #[test]
    fn the_sums_of_every_processor_are_right() {
        let values =
            |count: usize| -> Vec<f32> { (0..count).map(|i| (i * 37 % 101) as f32 - 50.0).collect() };
        let (channels, count) = (27, 7);
        let (moving, fixed) = (values((count + 2) * channels), values(3 * channels));
        let terms: Vec<Term> =
            (0..3).map(|i| i * channels).map(|at| Term { moving: at, fixed: at }).collect();
        let (step, multiplier) = (channels, 1);
        let sums = Sums {
            terms: &terms,
            moving: &moving,
            step,
            fixed: &fixed,
            count,
            channels,
            multiplier,
            narrow: false,
        };
        let sum_of = |at: usize| (0..3).map(|i| moving[at + i * step] * fixed[at % step + i * step]).sum();
        let want: Vec<f32> = (0..count * channels).map(sum_of).collect();
        for version in [Sums::write::<true>, Sums::write::<false>] {
            let mut to = vec![f32::NAN; count * channels];
            version(&sums, &mut to, step, false);
            assert_eq!(to, want);
        }
    }
}
