//! Depthwise 2-D convolution: every channel of an image has kernels of its own, and its outputs read no other
//! channel. `shaders/depthwise_conv2d.wgsl` has the formulas of the three directions. The scalars are those of all
//! convolutions.

mod reference;

use super::convolution::{ConvOptions, ConvParams, Convolution, SCALARS, check_types, resolve};
use super::padding::Padding;
use super::unary::{Function, Reads};
use super::{FUNCTIONS, INDEX, MATH};
use crate::autograd::wanted;
use crate::device::kernel::{Constants, FastPath, Kernel, Reference, Shader};
use crate::error::{Error, Result};
use crate::reference;
use crate::tensor::Tensor;
use reference::{data, data_fast, forward, forward_fast, weights, weights_fast};

const OP: &str = "depthwise_conv2d";
const SOURCE: &[&str] =
    &[INDEX, MATH, FUNCTIONS, SCALARS, include_str!("../../shaders/depthwise_conv2d.wgsl")];

/// Invocations of a workgroup.
const GROUP: u32 = 64;

static FORWARD: Kernel<ConvParams> =
    direction("depthwise_conv2d.forward", "forward", reference!(forward), forward_fast, |p| {
        workgroups(p.n as u64 * p.oh as u64 * (p.ow as u64).div_ceil(neighbours(p) as u64), p.co)
    });
static DATA: Kernel<ConvParams> =
    direction("depthwise_conv2d.data", "data", reference!(data), data_fast, |p| {
        // Pixels that are a stride apart, from the position of the first in the padded row to that of the last.
        let places = (p.w - 1 + p.pad_w) / p.stride_w - p.pad_w / p.stride_w + 1;
        workgroups(p.n as u64 * p.h as u64 * p.stride_w as u64 * places.div_ceil(neighbours(p)) as u64, p.ci)
    });
static WEIGHTS: Kernel<ConvParams> =
    direction("depthwise_conv2d.weights", "weights", reference!(weights), weights_fast, |p| {
        workgroups(p.splits as u64 * p.kh as u64, p.co)
    });

const fn direction(
    name: &'static str,
    entry: &'static str,
    reference: Reference<ConvParams>,
    fast: FastPath<ConvParams>,
    groups: fn(&ConvParams) -> u64,
) -> Kernel<ConvParams> {
    let gpu = Shader { source: SOURCE, entry, constants, groups };
    Kernel { name, gpu, cooperative: None, flops: ConvParams::flops, reference, fast: Some(fast) }
}

/// The number of workgroups, if each four channels have this many pieces of work.
fn workgroups(pieces: u64, channels: u32) -> u64 {
    (pieces * quads(channels)).div_ceil(GROUP as u64)
}

/// The number of vectors of four channels.
fn quads(channels: u32) -> u64 {
    channels.div_ceil(4) as u64
}

/// The number of pixels of a row that one invocation computes. If their windows are close, they share most values.
fn neighbours(p: &ConvParams) -> u32 {
    if p.stride_w <= 4 && p.dilation_w == 1 { 4 } else { 1 }
}

fn constants(p: &ConvParams) -> Constants {
    vec![
        ("FUNCTION", p.function),
        ("HAS_BIAS", p.has_bias),
        ("VECTOR", (p.ci == p.co && p.ci.is_multiple_of(4)) as u32),
        ("KW", p.kw),
        ("STRIDE", p.stride_w),
        ("DILATION", p.dilation_w),
        ("PIXELS", neighbours(p)),
        ("GROUP", GROUP),
    ]
}

static DEPTHWISE: Convolution = Convolution {
    op: OP,
    forward: |p, inputs, output| inputs[0].buffer.device().run(&FORWARD, p, inputs, &[output]),
    data_gradient: |p, dy, w| {
        let shape = [p.n, p.h, p.w, p.ci].map(|extent| extent as usize);
        let dx = Tensor::empty(OP, dy.device(), dy.dtype(), shape.into())?;
        dy.device().run(&DATA, p, &[dy.operand(), w.operand()], &[dx.operand()])?;
        Ok(dx)
    },
    weight_sums: |p, x, dy, sums| {
        x.device().run(&WEIGHTS, p, &[x.operand(), dy.operand()], &[sums.operand()])
    },
    splits: |p| {
        /// The sum is split into pieces for at least this many invocations in all,
        const ENOUGH_INVOCATIONS: u64 = 4096;
        /// and of at most this many pixels each.
        const FEW_PIXELS: u64 = 512;
        let invocations = p.kh as u64 * quads(p.co);
        ENOUGH_INVOCATIONS.div_ceil(invocations).max(p.pixels_out() / FEW_PIXELS)
    },
};

impl Tensor {
    /// The convolution of each channel of `self` `[n, h, w, c]` with its own kernels of `kernel`
    /// `[kh, kw, c, multiplier]`, plus `bias` `[c·multiplier]`, through `function`. The result is
    /// `[n, oh, ow, c·multiplier]`. Its channel `c·multiplier + m` is channel c convolved with its m-th kernel, as in
    /// Keras. A function whose derivative reads its input needs a second dispatch.
    ///
    /// # Errors
    /// [`Error::Shape`] if channels or ranks don't fit; [`Error::Argument`] for strides and kernels that
    /// [`Padding::resolve`] refuses; [`Error::DType`] and [`Error::Placement`] for operands of different types or
    /// devices.
    pub fn depthwise_conv2d(
        &self,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        strides: [usize; 2],
        padding: Padding,
        function: Function,
    ) -> Result<Tensor> {
        let options = ConvOptions { strides, padding, function, ..ConvOptions::default() };
        self.depthwise_conv2d_with(kernel, bias, &options)
    }

    /// The same with all options, a dilation among them.
    ///
    /// # Errors
    /// Errors of [`depthwise_conv2d`](Tensor::depthwise_conv2d) and of [`ConvOptions::resolve`].
    pub fn depthwise_conv2d_with(
        &self,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        options: &ConvOptions,
    ) -> Result<Tensor> {
        check_types(OP, self, kernel, bias)?;
        let function = options.function;
        let geometry = geometry(self, kernel, bias, options)?;
        if function.reads() == Reads::Input && wanted(&[self, kernel]) {
            let linear = ConvOptions { function: Function::Linear, ..*options };
            return self.depthwise_conv2d_with(kernel, bias, &linear)?.map(function);
        }
        DEPTHWISE.apply(geometry, self, kernel, bias, function)
    }
}

/// The scalars, after checking the shapes.
fn geometry(x: &Tensor, kernel: &Tensor, bias: Option<&Tensor>, options: &ConvOptions) -> Result<ConvParams> {
    let (image, window) = (x.shape(), kernel.shape());
    let fits = image.rank() == 4
        && window.rank() == 4
        && image[3] == window[2]
        && bias.is_none_or(|bias| *bias.shape() == [window[2] * window[3]]);
    if !fits {
        let mut shapes = vec![image, window];
        shapes.extend(bias.map(|bias| bias.shape()));
        let expected = "[n, h, w, c], [kh, kw, c, multiplier] and [c·multiplier] are needed";
        return Err(Error::shape(OP, &shapes, expected));
    }
    resolve(OP, image, window, [image[3], window[2] * window[3]], options)
}
