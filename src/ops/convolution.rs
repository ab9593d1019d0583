//! The common part of all 2-D convolutions: scalars, positions of windows, the steps of the backward pass.

use super::check_float;
use super::padding::Padding;
use super::reduce::sum_rows;
use super::unary::{Function, gradient_of};
use crate::autograd::{record, wanted};
use crate::device::Operand;
use crate::device::cpu::conv;
use crate::error::{Error, Result};
use crate::shape::{Layout, Shape};
use crate::tensor::Tensor;
use std::ops::Range;

/// The same scalars in WGSL: `shaders/lib/conv2d.wgsl`.
pub(super) const SCALARS: &str = include_str!("../../shaders/lib/conv2d.wgsl");

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct ConvParams {
    pub(super) n: u32,
    pub(super) h: u32,
    pub(super) w: u32,
    pub(super) ci: u32,
    pub(super) oh: u32,
    pub(super) ow: u32,
    pub(super) co: u32,
    pub(super) kh: u32,
    pub(super) kw: u32,
    pub(super) stride_h: u32,
    pub(super) stride_w: u32,
    pub(super) pad_h: u32,
    pub(super) pad_w: u32,
    pub(super) groups: u32,
    pub(super) function: u32,
    pub(super) has_bias: u32,
    pub(super) splits: u32,
    pub(super) piece: u32,
    pub(super) dilation_h: u32,
    pub(super) dilation_w: u32,
}

/// How a convolution reads an image. [`Tensor::conv2d_with`] and [`Tensor::depthwise_conv2d_with`] take it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConvOptions {
    /// Rows and columns of the image from one window to the next.
    pub strides: [usize; 2],
    /// Rows and columns of the image from one element of the kernel to the next; 1 for neighbours. A kernel of k
    /// elements reaches over (k − 1)·dilation + 1 pixels.
    pub dilation: [usize; 2],
    /// What surrounds the image.
    pub padding: Padding,
    /// The groups of channels. A depthwise convolution has none to choose: it ignores them.
    pub groups: usize,
    /// The function that the result passes through.
    pub function: Function,
}

impl Default for ConvOptions {
    /// Windows at every pixel, neighbouring pixels, no padding, one group, linear.
    fn default() -> ConvOptions {
        let (strides, dilation) = ([1, 1], [1, 1]);
        ConvOptions { strides, dilation, padding: Padding::Valid, groups: 1, function: Function::Linear }
    }
}

impl ConvOptions {
    /// The number of output rows (axis 0) or columns (axis 1) for so many of the input and a kernel of so many
    /// elements, and the number of zeros before the first.
    ///
    /// # Errors
    /// Those of [`Padding::resolve`], with the reach of the dilated kernel; [`Error::Argument`] for a dilation of 0,
    /// and for one with which the kernel reaches over more than 65,535 pixels.
    pub fn resolve(
        &self,
        op: &'static str,
        axis: usize,
        input: usize,
        kernel: usize,
    ) -> Result<(usize, usize)> {
        /// Kernels compute positions in 32 bits.
        const LONGEST: usize = 65_535;
        let dilation = self.dilation[axis];
        let reach = kernel.saturating_sub(1).saturating_mul(dilation);
        if dilation == 0 || reach >= LONGEST && dilation > 1 {
            let expected =
                format!("at least 1, and such that {kernel} elements reach over at most {LONGEST} pixels");
            return Err(Error::argument(op, "dilation", dilation, expected));
        }
        let reach = if kernel == 0 { 0 } else { reach + 1 };
        self.padding.resolve(op, axis, input, reach, self.strides[axis])
    }
}

impl ConvParams {
    /// The number of pairs of remainders that rows and columns of an image have modulo the stride.
    pub(super) fn phases(&self) -> u32 {
        self.stride_h * self.stride_w
    }

    pub(super) fn pixels_out(&self) -> u64 {
        self.n as u64 * self.oh as u64 * self.ow as u64
    }

    /// The pixel of the images that output pixel `pixel` reads under tap `tap` of its window; `None` for padding.
    /// Pixels are counted over the whole batch, taps row by row.
    pub(super) fn pixel_under(&self, pixel: usize, tap: usize) -> Option<usize> {
        let along = |out: usize, tap: usize, [stride, dilation, pad, extent]: [u32; 4]| {
            let at = (out * stride as usize + tap * dilation as usize).checked_sub(pad as usize)?;
            (at < extent as usize).then_some(at)
        };
        let (oh, ow, kw) = (self.oh as usize, self.ow as usize, self.kw as usize);
        let row = along(pixel / ow % oh, tap / kw, [self.stride_h, self.dilation_h, self.pad_h, self.h])?;
        let column = along(pixel % ow, tap % kw, [self.stride_w, self.dilation_w, self.pad_w, self.w])?;
        Some((pixel / ow / oh * self.h as usize + row) * self.w as usize + column)
    }

    /// The sizes for the fast paths of the CPU device.
    pub(super) fn sizes(&self) -> conv::Convolution {
        conv::Convolution {
            n: self.n as usize,
            h: self.h as usize,
            w: self.w as usize,
            ci: self.ci as usize,
            oh: self.oh as usize,
            ow: self.ow as usize,
            co: self.co as usize,
            kh: self.kh as usize,
            kw: self.kw as usize,
            stride_h: self.stride_h as usize,
            stride_w: self.stride_w as usize,
            pad_h: self.pad_h as usize,
            pad_w: self.pad_w as usize,
            groups: self.groups as usize,
            dilation_h: self.dilation_h as usize,
            dilation_w: self.dilation_w as usize,
        }
    }

    /// Input channels of a group.
    pub(super) fn inputs(&self) -> u32 {
        self.ci / self.groups
    }

    /// The output channels that read input channel `i`: those of its group.
    pub(super) fn outputs_of(&self, i: usize) -> Range<usize> {
        let (group, outputs) = (i / self.inputs() as usize, self.outputs() as usize);
        group * outputs..(group + 1) * outputs
    }

    /// Output channels of a group.
    pub(super) fn outputs(&self) -> u32 {
        self.co / self.groups
    }

    /// The number of values that one value of the output sums over.
    pub(super) fn taps(&self) -> u64 {
        self.kh as u64 * self.kw as u64 * self.inputs() as u64
    }

    pub(super) fn flops(&self) -> u64 {
        2 * self.pixels_out() * self.taps() * self.co as u64
    }
}

/// Computes the scalars of all kernels from the shapes and the options. `channels` are the groups and the output
/// channels.
pub(super) fn resolve(
    op: &'static str,
    image: Shape,
    window: Shape,
    channels: [usize; 2],
    options: &ConvOptions,
) -> Result<ConvParams> {
    let (oh, pad_h) = options.resolve(op, 0, image[1], window[0])?;
    let (ow, pad_w) = options.resolve(op, 1, image[2], window[1])?;
    let strides = options.strides;
    // A single element has no neighbour, however far.
    let dilation = |axis: usize| if window[axis] == 1 { 1 } else { options.dilation[axis] as u32 };
    Ok(ConvParams {
        n: image[0] as u32,
        h: image[1] as u32,
        w: image[2] as u32,
        ci: image[3] as u32,
        oh: oh as u32,
        ow: ow as u32,
        co: channels[1] as u32,
        kh: window[0] as u32,
        kw: window[1] as u32,
        stride_h: strides[0] as u32,
        stride_w: strides[1] as u32,
        pad_h: pad_h as u32,
        pad_w: pad_w as u32,
        groups: channels[0] as u32,
        function: Function::Linear as u32,
        has_bias: 0,
        splits: 1,
        piece: (image[0] * oh) as u32,
        dilation_h: dilation(0),
        dilation_w: dilation(1),
    })
}

/// The gradient with respect to the images, from dy and w, by the kernel that `data_gradient` runs.
///
/// Along an axis with a stride and a dilation that kernel would have to find the taps whose multiples of the dilation
/// have a remainder modulo the stride. dy with zeros between its pixels is the gradient of the same convolution without
/// a stride, so such an axis gets these zeros.
fn input_gradient(
    data_gradient: fn(&ConvParams, &Tensor, &Tensor) -> Result<Tensor>,
    p: &ConvParams,
    dy: &Tensor,
    w: &Tensor,
) -> Result<Tensor> {
    let spread = |stride: u32, dilation: u32| if dilation > 1 { stride } else { 1 };
    let steps = [spread(p.stride_h, p.dilation_h), spread(p.stride_w, p.dilation_w)];
    if steps == [1, 1] {
        return data_gradient(p, dy, w);
    }
    let [rows, columns] = [(p.oh - 1) * steps[0] + 1, (p.ow - 1) * steps[1] + 1];
    let shape = Shape::from([p.n, rows, columns, p.co].map(|extent| extent as usize));
    let wide = Tensor::full(dy.device(), dy.dtype(), shape, 0.0)?;
    let mut layout = Layout { shape: dy.shape(), ..*wide.layout() };
    layout.strides[1] *= steps[0] as usize;
    layout.strides[2] *= steps[1] as usize;
    dy.copy_into(&wide.with_layout(layout))?;
    let [stride_h, stride_w] = [p.stride_h / steps[0], p.stride_w / steps[1]];
    data_gradient(&ConvParams { oh: rows, ow: columns, stride_h, stride_w, ..*p }, &wide, w)
}

/// Checks that the operands are floats of one type.
pub(super) fn check_types(op: &'static str, x: &Tensor, w: &Tensor, bias: Option<&Tensor>) -> Result<()> {
    [x, w].into_iter().chain(bias).try_for_each(|tensor| check_float(op, tensor, x))
}

/// A kind of convolution: its kernels.
pub(super) struct Convolution {
    pub(super) op: &'static str,
    /// Runs the forward kernel. Its inputs are x, w and bias, its output y.
    pub(super) forward: fn(&ConvParams, &[Operand], Operand) -> Result<()>,
    /// Computes the gradient with respect to x, from dy and w.
    pub(super) data_gradient: fn(&ConvParams, &Tensor, &Tensor) -> Result<Tensor>,
    /// Computes the gradient with respect to w, from x and dy, as `splits` sums.
    pub(super) weight_sums: fn(&ConvParams, &Tensor, &Tensor, &Tensor) -> Result<()>,
    /// The number of sums that this gradient is split into, if the batch has enough rows.
    pub(super) splits: fn(&ConvParams) -> u64,
}

impl Convolution {
    /// The convolution of `x` with `w`, floats of one type, with the scalars `geometry`. The derivative of the
    /// function must read its output.
    pub(super) fn apply(
        &'static self,
        geometry: ConvParams,
        x: &Tensor,
        w: &Tensor,
        bias: Option<&Tensor>,
        function: Function,
    ) -> Result<Tensor> {
        let op = self.op;
        let tensors: Vec<&Tensor> = [x, w].into_iter().chain(bias).collect();
        let params = ConvParams { function: function as u32, has_bias: bias.is_some() as u32, ..geometry };
        let (packed_x, packed_w) = (x.packed(op)?, w.packed(op)?);
        let packed_bias = bias.map(|bias| bias.packed(op)).transpose()?;
        let shape = [params.n, params.oh, params.ow, params.co].map(|extent| extent as usize);
        let output = Tensor::empty(op, x.device(), x.dtype(), shape.into())?;
        // Without a bias another operand is bound in its place. The kernel does not read it.
        let third = packed_bias.as_ref().unwrap_or(&packed_w).operand();
        let inputs = [packed_x.operand(), packed_w.operand(), third];
        (self.forward)(&params, &inputs, output.operand())?;
        if !wanted(&tensors) {
            return Ok(output);
        }
        let kept_output = output.detach();
        let (x, w) = (packed_x, packed_w);
        Ok(record(op, output, &tensors, move |context| {
            let dy = context.take_gradient();
            let dz = match function {
                Function::Linear => dy.packed(op)?,
                _ => gradient_of(function, dy, &kept_output)?,
            };
            drop(kept_output);
            if context.inputs() == 3 && context.wants(2) {
                let rows = dz.reshape([geometry.pixels_out() as usize, geometry.co as usize])?;
                context.accumulate(2, sum_rows(op, &rows, context.slot(2))?)?;
            }
            if context.wants(1) {
                context
                    .accumulate(1, self.weight_gradient(&geometry, &x, &dz, w.shape(), context.slot(1))?)?;
            }
            drop(x);
            if context.wants(0) {
                context.accumulate(0, input_gradient(self.data_gradient, &geometry, &dz, &w)?)?;
            }
            Ok(())
        }))
    }

    /// The gradient with respect to the kernel, of `shape`, written to `slot` if there is one. It sums over all
    /// pixels of the batch: in pieces of whole rows of pixels, which are then added in order.
    fn weight_gradient(
        &self,
        geometry: &ConvParams,
        x: &Tensor,
        dy: &Tensor,
        shape: Shape,
        slot: Option<Tensor>,
    ) -> Result<Tensor> {
        let image_rows = geometry.n * geometry.oh;
        let piece = image_rows.div_ceil((self.splits)(geometry).min(image_rows.into()) as u32);
        let params = ConvParams { splits: image_rows.div_ceil(piece), piece, ..*geometry };
        let splits = params.splits as usize;
        let output = match (&slot, splits) {
            (Some(slot), 1) => slot.clone(),
            (_, 1) => Tensor::empty(self.op, x.device(), x.dtype(), [1, shape.elements()].into())?,
            _ => {
                let shape = [splits, shape.elements()];
                Tensor::empty(self.op, x.device(), x.dtype().of_sums(), shape.into())?
            }
        };
        (self.weight_sums)(&params, x, dy, &output)?;
        match splits {
            1 => output.reshape(shape),
            _ => sum_rows(self.op, &output, slot)?.cast(x.dtype())?.reshape(shape),
        }
    }
}
