//! The twins of the depthwise kernels. All three directions are the same loop: pixels in a row, of which one operand
//! gets the products of the other two added, channel by channel.

use crate::device::cpu::parallel_rows;
use crate::device::kernel::Call;
use crate::device::real::Real;
use crate::ops::convolution::Params;
use crate::ops::matmul::epilogue;
use crate::ops::unary::Function;
use multiversion::multiversion;

/// Neighbouring output pixels of a row whose windows have the same column over image pixels.
struct Run {
    /// Of the window.
    column: usize,
    /// The first of them.
    output: usize,
    /// The image pixel under it; the next lie a stride apart.
    image: usize,
    count: usize,
}

/// The runs of an image row, one for each column of the window.
fn runs(p: &Params) -> impl Iterator<Item = Run> {
    let (stride, pad, width) = (p.stride_w as usize, p.pad_w as usize, p.w as usize);
    let outputs = p.ow as usize;
    (0..p.kw as usize).filter_map(move |column| {
        let output = pad.saturating_sub(column).div_ceil(stride);
        let end = (width + pad).saturating_sub(column).div_ceil(stride).min(outputs);
        let count = end.checked_sub(output).filter(|&count| count > 0)?;
        Some(Run { column, output, image: output * stride + column - pad, count })
    })
}

/// The image row that output row `oy` sees under row `ky` of the window, if there is one.
fn row_under(p: &Params, oy: usize, ky: usize) -> Option<usize> {
    let y = (oy * p.stride_h as usize + ky).checked_sub(p.pad_h as usize)?;
    (y < p.h as usize).then_some(y)
}

/// An operand of [`add_products`]: its elements from the first pixel on, how many lie between two pixels, and
/// whether it has all output channels or the image's.
struct Line<S> {
    elements: S,
    step: usize,
    wide: bool,
}

/// to += a · b at `count` pixels. Each image channel goes with `multiplier` output channels.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn add_products<T: Real>(
    [count, channels, multiplier]: [usize; 3],
    to: Line<&mut [T]>,
    a: Line<&[T]>,
    b: Line<&[T]>,
) {
    for pixel in 0..count {
        let to_pixel = &mut to.elements[pixel * to.step..];
        let (a_pixel, b_pixel) = (&a.elements[pixel * a.step..], &b.elements[pixel * b.step..]);
        if multiplier > 1 {
            let at = |wide: bool, channel: usize, m: usize| {
                if wide { channel * multiplier + m } else { channel }
            };
            for (channel, m) in (0..channels).flat_map(|c| (0..multiplier).map(move |m| (c, m))) {
                to_pixel[at(to.wide, channel, m)] +=
                    a_pixel[at(a.wide, channel, m)] * b_pixel[at(b.wide, channel, m)];
            }
            continue;
        }
        let to_pixel = &mut to_pixel[..channels];
        for ((to, &a), &b) in to_pixel.iter_mut().zip(&a_pixel[..channels]).zip(&b_pixel[..channels]) {
            *to += a * b;
        }
    }
}

/// Scalar operations of so many output elements.
fn work(p: &Params, elements: usize) -> usize {
    2 * elements * (p.kh * p.kw) as usize
}

pub(super) fn forward<T: Real>(p: &Params, call: Call<T>) {
    let ([x, w, bias], [y]) = call.reals();
    let (ci, co, kw, oh) = (p.ci as usize, p.co as usize, p.kw as usize, p.oh as usize);
    let row = p.ow as usize * co;
    let function = Function::ALL[p.function as usize];
    parallel_rows(y, row, work(p, row), |first, rows| {
        for (i, y) in (first..).zip(rows.chunks_exact_mut(row)) {
            y.fill(T::ZERO);
            for ky in 0..p.kh as usize {
                let Some(above) = row_under(p, i % oh, ky) else { continue };
                let x = &x[(i / oh * p.h as usize + above) * p.w as usize * ci..];
                for run in runs(p) {
                    let to = Line { elements: &mut y[run.output * co..], step: co, wide: true };
                    let x = &x[run.image * ci..];
                    let x = Line { elements: x, step: p.stride_w as usize * ci, wide: false };
                    let w = Line { elements: &w[(ky * kw + run.column) * co..], step: 0, wide: true };
                    add_products([run.count, ci, co / ci], to, x, w);
                }
            }
            epilogue(y, co, (p.has_bias == 1).then_some(bias), function);
        }
    });
}

pub(super) fn data<T: Real>(p: &Params, call: Call<T>) {
    let ([dy, w], [dx]) = call.reals();
    let (ci, co, kw, h) = (p.ci as usize, p.co as usize, p.kw as usize, p.h as usize);
    let row = p.w as usize * ci;
    let stride = p.stride_h as usize;
    parallel_rows(dx, row, work(p, p.w as usize * co), |first, rows| {
        for (i, dx) in (first..).zip(rows.chunks_exact_mut(row)) {
            dx.fill(T::ZERO);
            let y = i % h + p.pad_h as usize;
            for ky in (y % stride..p.kh as usize).step_by(stride) {
                let Some(oy) = y.checked_sub(ky).map(|y| y / stride).filter(|&oy| oy < p.oh as usize) else {
                    continue;
                };
                let dy = &dy[(i / h * p.oh as usize + oy) * p.ow as usize * co..];
                for run in runs(p) {
                    let to = &mut dx[run.image * ci..];
                    let to = Line { elements: to, step: p.stride_w as usize * ci, wide: false };
                    let dy = Line { elements: &dy[run.output * co..], step: co, wide: true };
                    let w = Line { elements: &w[(ky * kw + run.column) * co..], step: 0, wide: true };
                    add_products([run.count, ci, co / ci], to, dy, w);
                }
            }
        }
    });
}

pub(super) fn weights<T: Real>(p: &Params, call: Call<T>) {
    let ([x, dy], [dw]) = call.reals();
    let (ci, co, kw, oh) = (p.ci as usize, p.co as usize, p.kw as usize, p.oh as usize);
    let (taps, piece) = ((p.kh * p.kw) as usize * co, p.piece as usize);
    parallel_rows(dw, taps, work(p, piece * p.ow as usize * co), |first, pieces| {
        for (split, dw) in (first..).zip(pieces.chunks_exact_mut(taps)) {
            dw.fill(T::ZERO);
            for row in split * piece..((split + 1) * piece).min(p.n as usize * oh) {
                let dy = &dy[row * p.ow as usize * co..];
                for ky in 0..p.kh as usize {
                    let Some(above) = row_under(p, row % oh, ky) else { continue };
                    let x = &x[(row / oh * p.h as usize + above) * p.w as usize * ci..];
                    for run in runs(p) {
                        let to = &mut dw[(ky * kw + run.column) * co..];
                        let to = Line { elements: to, step: 0, wide: true };
                        let x = &x[run.image * ci..];
                        let x = Line { elements: x, step: p.stride_w as usize * ci, wide: false };
                        let dy = Line { elements: &dy[run.output * co..], step: co, wide: true };
                        add_products([run.count, ci, co / ci], to, x, dy);
                    }
                }
            }
        }
    });
}
