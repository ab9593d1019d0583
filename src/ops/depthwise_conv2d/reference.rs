//! The depthwise convolution in plain loops, in its three directions, and the fast paths of the CPU device.

use crate::device::cpu::{depthwise, parallel_rows};
use crate::device::kernel::KernelArgs;
use crate::device::real::Real;
use crate::ops::convolution::ConvParams;
use crate::ops::unary::{Function, apply, finish};

/// `y[n, oy, ox, o] = f(bias[o] + Σ x[n, iy, ix, o / multiplier]·w[ky, kx, o])` over the taps of the window.
pub(super) fn forward<T: Real>(p: &ConvParams, args: KernelArgs<T>) {
    let ([x, w, bias], [y]) = args.reals();
    let (ci, co, multiplier) = (p.ci as usize, p.co as usize, (p.co / p.ci) as usize);
    parallel_rows(y, co, co * (p.kh * p.kw) as usize, |first, pixels| {
        for (pixel, y) in (first..).zip(pixels.chunks_exact_mut(co)) {
            y.fill(T::ZERO);
            for tap in 0..(p.kh * p.kw) as usize {
                let Some(under) = p.pixel_under(pixel, tap) else { continue };
                for (o, y) in y.iter_mut().enumerate() {
                    *y += x[under * ci + o / multiplier] * w[tap * co + o];
                }
            }
            for (o, y) in y.iter_mut().enumerate() {
                let bias = if p.has_bias == 1 { bias[o] } else { T::ZERO };
                *y = apply(Function::of(p.function), *y + bias);
            }
        }
    });
}

/// `dx[n, iy, ix, o / multiplier] = Σ dy[n, oy, ox, o]·w[ky, kx, o]`: each product of the forward pass adds one term
/// to the gradient of its input.
pub(super) fn data<T: Real>(p: &ConvParams, args: KernelArgs<T>) {
    let ([dy, w], [dx]) = args.reals();
    let (ci, co, multiplier) = (p.ci as usize, p.co as usize, (p.co / p.ci) as usize);
    let (image, out_image) = ((p.h * p.w) as usize, (p.oh * p.ow) as usize);
    parallel_rows(dx, image * ci, out_image * co * (p.kh * p.kw) as usize, |first, images| {
        images.fill(T::ZERO);
        for pixel in first * out_image..(first + images.len() / (image * ci)) * out_image {
            for tap in 0..(p.kh * p.kw) as usize {
                let Some(under) = p.pixel_under(pixel, tap) else { continue };
                for o in 0..co {
                    images[(under - first * image) * ci + o / multiplier] +=
                        dy[pixel * co + o] * w[tap * co + o];
                }
            }
        }
    });
}

/// `dw[ky, kx, o] = Σ x[n, iy, ix, o / multiplier]·dy[n, oy, ox, o]`, as one sum for each `piece` rows of output
/// pixels.
pub(super) fn weights<T: Real>(p: &ConvParams, args: KernelArgs<T>) {
    let ([x, dy], [dw]) = args.reals();
    let (ci, co, multiplier) = (p.ci as usize, p.co as usize, (p.co / p.ci) as usize);
    let (weights, piece) = ((p.kh * p.kw) as usize * co, (p.piece * p.ow) as usize);
    parallel_rows(dw, weights, weights * piece, |first, pieces| {
        for (split, dw) in (first..).zip(pieces.chunks_exact_mut(weights)) {
            dw.fill(T::ZERO);
            for pixel in split * piece..((split + 1) * piece).min(p.pixels_out() as usize) {
                for tap in 0..(p.kh * p.kw) as usize {
                    let Some(under) = p.pixel_under(pixel, tap) else { continue };
                    for o in 0..co {
                        dw[tap * co + o] += x[under * ci + o / multiplier] * dy[pixel * co + o];
                    }
                }
            }
        }
    });
}

pub(super) fn forward_fast(p: &ConvParams, args: KernelArgs<f32>) {
    let ([x, w, bias], [y]) = args.reals();
    let (bias, function) = ((p.has_bias == 1).then_some(bias), Function::of(p.function));
    depthwise::forward(&p.sizes(), [x, w], y, |pixels| finish(pixels, bias, function));
}

pub(super) fn data_fast(p: &ConvParams, args: KernelArgs<f32>) {
    let ([dy, w], [dx]) = args.reals();
    depthwise::data(&p.sizes(), [dy, w], dx);
}

pub(super) fn weights_fast(p: &ConvParams, args: KernelArgs<f32>) {
    let ([x, dy], [dw]) = args.reals();
    depthwise::weights(&p.sizes(), p.piece as usize, [x, dy], dw);
}
