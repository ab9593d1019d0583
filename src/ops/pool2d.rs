//! Pooling: the largest element or the mean of each window of an image, and of whole images.
//!
//! Padding is never part of a window: a maximum is always over image elements, and an average divides by their
//! number, as in Keras.

use super::{INDEX, Padding, WORKGROUP, check_float};
use crate::autograd::{record, wanted};
use crate::device::cpu::pool::Pooling;
use crate::device::cpu::{parallel_elements, parallel_rows};
use crate::device::kernel::{Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::reference;
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::ops::Range;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    batch: u32,
    height: u32,
    width: u32,
    channels: u32,
    out_height: u32,
    out_width: u32,
    kernel_h: u32,
    kernel_w: u32,
    stride_h: u32,
    stride_w: u32,
    pad_h: u32,
    pad_w: u32,
}

impl Params {
    /// The number of vectors of four channels in images of this extent.
    fn quads(&self, height: u32, width: u32) -> u64 {
        self.batch as u64 * height as u64 * width as u64 * self.channels.div_ceil(4) as u64
    }

    fn outputs(&self) -> u64 {
        self.batch as u64 * self.out_height as u64 * self.out_width as u64 * self.channels as u64
    }

    fn flops(&self) -> u64 {
        self.outputs() * self.kernel_h as u64 * self.kernel_w as u64
    }

    /// The rows of the image in the windows of output row `o`.
    fn rows_of(&self, o: usize) -> Range<usize> {
        inside(o, self.stride_h, self.kernel_h, self.pad_h, self.height)
    }

    fn columns_of(&self, o: usize) -> Range<usize> {
        inside(o, self.stride_w, self.kernel_w, self.pad_w, self.width)
    }

    /// The number of elements of one image, before and after.
    fn image_lengths(&self) -> (usize, usize) {
        let pixels = |height: u32, width: u32| height as usize * width as usize * self.channels as usize;
        (pixels(self.height, self.width), pixels(self.out_height, self.out_width))
    }

    /// The elements of image row `row` in columns `columns`.
    fn line(&self, row: usize, columns: &Range<usize>) -> Range<usize> {
        let (width, channels) = (self.width as usize, self.channels as usize);
        (row * width + columns.start) * channels..(row * width + columns.end) * channels
    }
}

/// The part of window `o` that lies inside the image, along one axis.
fn inside(o: usize, stride: u32, kernel: u32, pad: u32, extent: u32) -> Range<usize> {
    let start = o * stride as usize;
    start.saturating_sub(pad as usize)..(start + kernel as usize - pad as usize).min(extent as usize)
}

static MAX_FORWARD: Kernel<Params> = Kernel {
    name: "pool2d.max_forward",
    gpu: Shader {
        source: &[INDEX, include_str!("../../shaders/pool2d.wgsl")],
        entry: "max_forward",
        constants: |p| vec![("VECTOR", p.channels.is_multiple_of(4) as u32)],
        groups: |p| p.quads(p.out_height, p.out_width).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: Params::flops,
    reference: reference!(max_forward),
    fast: Some(max_forward_fast),
};
static AVERAGE_FORWARD: Kernel<Params> = Kernel {
    name: "pool2d.average_forward",
    gpu: Shader { entry: "average_forward", ..MAX_FORWARD.gpu },
    reference: reference!(average_forward),
    fast: Some(average_forward_fast),
    ..MAX_FORWARD
};
static MAX_GRADIENT: Kernel<Params> = Kernel {
    name: "pool2d.max_gradient",
    gpu: Shader {
        entry: "max_gradient",
        groups: |p| p.quads(p.height, p.width).div_ceil(WORKGROUP),
        ..MAX_FORWARD.gpu
    },
    reference: reference!(max_gradient),
    fast: Some(max_gradient_fast),
    ..MAX_FORWARD
};
/// For windows that do not overlap.
static MAX_GRADIENT_APART: Kernel<Params> = Kernel {
    name: "pool2d.max_gradient_apart",
    gpu: Shader { entry: "max_gradient_apart", ..MAX_FORWARD.gpu },
    ..MAX_GRADIENT
};
static AVERAGE_GRADIENT: Kernel<Params> = Kernel {
    name: "pool2d.average_gradient",
    gpu: Shader { entry: "average_gradient", ..MAX_GRADIENT.gpu },
    reference: reference!(average_gradient),
    fast: None,
    ..MAX_FORWARD
};

/// y = the largest element of the window; NaN if it contains NaN.
fn max_forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    let larger = |best: T, value: T| if value > best || value.is_nan() { value } else { best };
    p.each_window(x, y, T::NEG_INFINITY, larger, |best, _| best);
}

/// y = the mean of the window's elements that lie inside the image.
fn average_forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    p.each_window(x, y, T::ZERO, |sum, value| sum + value, |sum, n| sum / n);
}

impl Params {
    /// Joins the elements of each window of a channel. `finish` also gets their number.
    fn each_window<T: Real>(
        &self,
        x: &[T],
        y: &mut [T],
        start: T,
        join: impl Fn(T, T) -> T + Sync,
        finish: impl Fn(T, T) -> T + Sync,
    ) {
        let (channels, out_height, out_width) =
            (self.channels as usize, self.out_height as usize, self.out_width as usize);
        parallel_elements(y, (self.kernel_h * self.kernel_w) as usize, |i| {
            let (pixel, channel) = (i / channels, i % channels);
            let image = &x[pixel / out_width / out_height * self.image_lengths().0..];
            let (rows, columns) =
                (self.rows_of(pixel / out_width % out_height), self.columns_of(pixel % out_width));
            let n = T::of((rows.len() * columns.len()) as f64);
            let mut value = start;
            for row in rows {
                for column in columns.clone() {
                    value = join(value, image[(row * self.width as usize + column) * channels + channel]);
                }
            }
            finish(value, n)
        });
    }
}

/// dx += dy at the first element of each window that is its largest.
fn max_gradient<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([dy, x, y], [dx]) = args.reals();
    let (channels, out_width) = (p.channels as usize, p.out_width as usize);
    let (image, out_image) = p.image_lengths();
    parallel_rows(dx, image, 4 * image, |first, images| {
        for (i, dx) in (first..).zip(images.chunks_exact_mut(image)) {
            let x = &x[i * image..];
            dx.fill(T::ZERO);
            for window in 0..out_image {
                let (pixel, channel) = (window / channels, window % channels);
                let columns = p.columns_of(pixel % out_width);
                let at = |row, column| (row * p.width as usize + column) * channels + channel;
                let mut places = p
                    .rows_of(pixel / out_width)
                    .flat_map(|row| columns.clone().map(move |column| at(row, column)));
                if let Some(place) = places.find(|&place| x[place] == y[i * out_image + window]) {
                    dx[place] += dy[i * out_image + window];
                }
            }
        }
    });
}

/// dx += dy / n at each of the n elements of each window.
fn average_gradient<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([dy], [dx]) = args.reals();
    let (channels, out_width) = (p.channels as usize, p.out_width as usize);
    let (image, out_image) = p.image_lengths();
    parallel_rows(dx, image, 4 * image, |first, images| {
        for (i, dx) in (first..).zip(images.chunks_exact_mut(image)) {
            dx.fill(T::ZERO);
            for (window, dy) in dy[i * out_image..][..out_image].chunks_exact(channels).enumerate() {
                let (lines, columns) = (p.rows_of(window / out_width), p.columns_of(window % out_width));
                let n = T::of((lines.len() * columns.len()) as f64);
                for line in lines {
                    for dx in dx[p.line(line, &columns)].chunks_exact_mut(channels) {
                        dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy / n);
                    }
                }
            }
        }
    });
}

impl Params {
    fn sizes(&self) -> Pooling {
        Pooling {
            h: self.height as usize,
            w: self.width as usize,
            c: self.channels as usize,
            oh: self.out_height as usize,
            ow: self.out_width as usize,
            kh: self.kernel_h as usize,
            kw: self.kernel_w as usize,
            stride_h: self.stride_h as usize,
            stride_w: self.stride_w as usize,
            pad_h: self.pad_h as usize,
            pad_w: self.pad_w as usize,
        }
    }
}

fn max_forward_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x], [y]) = args.reals();
    p.sizes().max(x, y);
}

fn average_forward_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x], [y]) = args.reals();
    p.sizes().average(x, y);
}

fn max_gradient_fast(p: &Params, args: KernelArgs<f32>) {
    let ([dy, x, y], [dx]) = args.reals();
    p.sizes().max_gradient([dy, x, y], dx);
}

impl Tensor {
    /// The largest element of each window, channel by channel: `[n, height, width, c]` to
    /// `[n, out_height, out_width, c]`. [`Padding::resolve`] computes the extents. If several elements of a window
    /// are largest, the first in row-major order gets the gradient, as in PyTorch.
    ///
    /// # Errors
    /// [`Error::Shape`] for another rank than four; errors of [`Padding::resolve`].
    pub fn max_pool2d(&self, kernel: [usize; 2], strides: [usize; 2], padding: Padding) -> Result<Tensor> {
        const OP: &str = "max_pool2d";
        let (params, shape) = plan(OP, self, kernel, strides, padding)?;
        let x = self.packed(OP)?;
        let output = Tensor::empty(OP, x.device(), x.dtype(), shape)?;
        x.device().run(&MAX_FORWARD, &params, &[x.operand()], &[output.operand()])?;
        if !wanted(&[self]) {
            return Ok(output);
        }
        let y = output.detach();
        Ok(record(OP, output, &[self], move |context| {
            let dy = context.gradient().packed(OP)?;
            let dx = Tensor::empty(OP, x.device(), x.dtype(), x.shape())?;
            let inputs = [dy.operand(), x.operand(), y.operand()];
            let apart = params.stride_h >= params.kernel_h && params.stride_w >= params.kernel_w;
            let kernel = if apart { &MAX_GRADIENT_APART } else { &MAX_GRADIENT };
            x.device().run(kernel, &params, &inputs, &[dx.operand()])?;
            context.accumulate(0, dx)
        }))
    }

    /// The mean of each window, channel by channel, over the elements that lie inside the image. Shapes as in
    /// [`max_pool2d`](Tensor::max_pool2d). The graph keeps no elements.
    ///
    /// # Errors
    /// [`Error::Shape`] for another rank than four; errors of [`Padding::resolve`].
    pub fn average_pool2d(
        &self,
        kernel: [usize; 2],
        strides: [usize; 2],
        padding: Padding,
    ) -> Result<Tensor> {
        const OP: &str = "average_pool2d";
        let (params, shape) = plan(OP, self, kernel, strides, padding)?;
        let x = self.packed(OP)?;
        let output = Tensor::empty(OP, x.device(), x.dtype(), shape)?;
        x.device().run(&AVERAGE_FORWARD, &params, &[x.operand()], &[output.operand()])?;
        let shape = x.shape();
        Ok(record(OP, output, &[self], move |context| {
            let dy = context.gradient().packed(OP)?;
            let dx = Tensor::empty(OP, dy.device(), dy.dtype(), shape)?;
            dy.device().run(&AVERAGE_GRADIENT, &params, &[dy.operand()], &[dx.operand()])?;
            context.accumulate(0, dx)
        }))
    }

    /// The mean of each channel of each image: `[n, height, width, c]` to `[n, c]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for another rank than four.
    pub fn global_average_pool2d(&self) -> Result<Tensor> {
        check_images("global_average_pool2d", self)?;
        self.mean(&[1, 2], false)
    }

    /// The largest element of each channel of each image: `[n, height, width, c]` to `[n, c]`. If several are
    /// largest, they share the gradient.
    ///
    /// # Errors
    /// [`Error::Shape`] for another rank than four.
    pub fn global_max_pool2d(&self) -> Result<Tensor> {
        check_images("global_max_pool2d", self)?;
        self.max(&[1, 2], false)
    }
}

fn check_images(op: &'static str, x: &Tensor) -> Result<()> {
    check_float(op, x, x)?;
    if x.shape().rank() == 4 {
        Ok(())
    } else {
        Err(Error::shape(op, &[x.shape()], "images must be [n, height, width, channels]"))
    }
}

/// Computes the kernels' scalars and the shape of the result.
fn plan(
    op: &'static str,
    x: &Tensor,
    kernel: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
) -> Result<(Params, Shape)> {
    // The kernels add a position, a pad and an extent in u32.
    const LARGEST: usize = 1 << 30;
    check_images(op, x)?;
    for (argument, value) in [("kernel", kernel), ("stride", strides)] {
        if value.into_iter().any(|v| v > LARGEST) {
            return Err(Error::argument(op, argument, format!("{value:?}"), format!("at most {LARGEST}")));
        }
    }
    let shape = x.shape();
    let (out_height, pad_h) = padding.resolve(op, 0, shape[1], kernel[0], strides[0])?;
    let (out_width, pad_w) = padding.resolve(op, 1, shape[2], kernel[1], strides[1])?;
    let params = Params {
        batch: shape[0] as u32,
        height: shape[1] as u32,
        width: shape[2] as u32,
        channels: shape[3] as u32,
        out_height: out_height as u32,
        out_width: out_width as u32,
        kernel_h: kernel[0] as u32,
        kernel_w: kernel[1] as u32,
        stride_h: strides[0] as u32,
        stride_w: strides[1] as u32,
        pad_h: pad_h as u32,
        pad_w: pad_w as u32,
    };
    Ok((params, shape.with(1, out_height).with(2, out_width)))
}
