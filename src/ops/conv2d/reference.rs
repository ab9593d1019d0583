//! The convolution in plain loops, in its three directions, and the fast paths of the CPU device.

use crate::device::cpu::{conv, parallel_rows};
use crate::device::kernel::KernelArgs;
use crate::device::real::Real;
use crate::ops::convolution::ConvParams;
use crate::ops::unary::{Function, apply, finish};

/// `y[n, oy, ox, o] = f(bias[o] + Σ x[n, iy, ix, i]·w[ky, kx, i, o])` over the taps of the window and the inputs of
/// o's group.
pub(super) fn forward<T: Real>(p: &ConvParams, args: KernelArgs<T>) {
    let ([x, w, bias], [y]) = args.reals();
    let (ci, co, inputs) = (p.ci as usize, p.co as usize, p.inputs() as usize);
    parallel_rows(y, co, co * p.taps() as usize, |first, pixels| {
        for (pixel, y) in (first..).zip(pixels.chunks_exact_mut(co)) {
            y.fill(T::ZERO);
            for tap in 0..(p.kh * p.kw) as usize {
                let Some(under) = p.pixel_under(pixel, tap) else { continue };
                for i in 0..ci {
                    let (x, w) = (x[under * ci + i], &w[(tap * inputs + i % inputs) * co..]);
                    let outputs = p.outputs_of(i);
                    y[outputs.clone()].iter_mut().zip(&w[outputs]).for_each(|(y, &w)| *y += x * w);
                }
            }
            for (o, y) in y.iter_mut().enumerate() {
                let bias = if p.has_bias == 1 { bias[o] } else { T::ZERO };
                *y = apply(Function::of(p.function), *y + bias);
            }
        }
    });
}

/// `dx[n, iy, ix, i] = Σ dy[n, oy, ox, o]·w[ky, kx, i, o]`: each product of the forward pass adds one term to the
/// gradient of its input.
pub(super) fn data<T: Real>(p: &ConvParams, args: KernelArgs<T>) {
    let ([dy, _, w], [dx]) = args.reals();
    let (ci, co, inputs) = (p.ci as usize, p.co as usize, p.inputs() as usize);
    let (image, out_image) = ((p.h * p.w) as usize, (p.oh * p.ow) as usize);
    parallel_rows(dx, image * ci, out_image * co * p.taps() as usize, |first, images| {
        images.fill(T::ZERO);
        for pixel in first * out_image..(first + images.len() / (image * ci)) * out_image {
            for tap in 0..(p.kh * p.kw) as usize {
                let Some(under) = p.pixel_under(pixel, tap) else { continue };
                for i in 0..ci {
                    let outputs = p.outputs_of(i);
                    let (dy, w) = (&dy[pixel * co..], &w[(tap * inputs + i % inputs) * co..]);
                    let products = dy[outputs.clone()].iter().zip(&w[outputs]).map(|(&dy, &w)| dy * w);
                    images[(under - first * image) * ci + i] += products.sum();
                }
            }
        }
    });
}

/// `dw[ky, kx, i, o] = Σ x[n, iy, ix, i]·dy[n, oy, ox, o]`, as one sum for each `piece` rows of output pixels.
pub(super) fn weights<T: Real>(p: &ConvParams, args: KernelArgs<T>) {
    let ([x, dy, _], [dw]) = args.reals();
    let (ci, co, inputs) = (p.ci as usize, p.co as usize, p.inputs() as usize);
    let (weights, piece) = (p.taps() as usize * co, (p.piece * p.ow) as usize);
    parallel_rows(dw, weights, weights * piece, |first, pieces| {
        for (split, dw) in (first..).zip(pieces.chunks_exact_mut(weights)) {
            dw.fill(T::ZERO);
            for pixel in split * piece..((split + 1) * piece).min(p.pixels_out() as usize) {
                for tap in 0..(p.kh * p.kw) as usize {
                    let Some(under) = p.pixel_under(pixel, tap) else { continue };
                    for i in 0..ci {
                        let (x, outputs) = (x[under * ci + i], p.outputs_of(i));
                        let dw = &mut dw[(tap * inputs + i % inputs) * co..][outputs.clone()];
                        dw.iter_mut().zip(&dy[pixel * co..][outputs]).for_each(|(dw, &dy)| *dw += x * dy);
                    }
                }
            }
        }
    });
}

pub(super) fn forward_fast(p: &ConvParams, args: KernelArgs<f32>) {
    let ([x, w, bias], [y]) = args.reals();
    let (bias, function) = ((p.has_bias == 1).then_some(bias), Function::of(p.function));
    conv::forward(&p.sizes(), [x, w], y, |pixels| finish(pixels, bias, function));
}

pub(super) fn data_fast(p: &ConvParams, args: KernelArgs<f32>) {
    let ([dy, transposed, _], [dx]) = args.reals();
    conv::data(&p.sizes(), [dy, transposed], dx);
}

pub(super) fn weights_fast(p: &ConvParams, args: KernelArgs<f32>) {
    let ([x, dy, _], [dw]) = args.reals();
    conv::weights(&p.sizes(), p.piece as usize, [x, dy], dw);
}
