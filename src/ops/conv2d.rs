//! 2-D convolution (cross-correlation, as usual in deep learning) of images in NHWC with a kernel in HWIO, with bias
//! and activation in the same dispatch, optionally in groups of channels. `shaders/conv2d.wgsl` has the formulas of
//! the three directions.

mod kernels;
mod reference;

use super::convolution::{ConvOptions, ConvParams, Convolution, check_types, resolve};
use super::padding::Padding;
use super::unary::{Function, Reads};
use crate::autograd::wanted;
use crate::device::variant::Tunable;
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use kernels::{DATA, FORWARD, WEIGHTS};

const OP: &str = "conv2d";

static CONV2D: Convolution = Convolution {
    op: OP,
    forward: |p, inputs, output| inputs[0].buffer.device().run_variant(&FORWARD, p, inputs, &[output]),
    data_gradient,
    weight_sums: |p, x, dy, sums| {
        let inputs = [x.operand(), dy.operand(), dy.operand()];
        x.device().run_variant(&WEIGHTS, p, &inputs, &[sums.operand()])
    },
    splits: |p| {
        let sizes = [p.taps(), p.outputs().into(), p.groups.into()].map(|size| size as usize);
        weight_pieces(sizes, [(p.n * p.oh) as usize, p.ow as usize])
    },
};

/// The number of pieces into which the sums of a kernel's gradient, `[taps, outputs, groups]`, are split over rows
/// and pixels of images. There are enough tiles of 64 × 64 to occupy a GPU, and more pieces where the sums are long
/// enough to pay for adding more results.
pub(crate) fn weight_pieces([taps, outputs, groups]: [usize; 3], [image_rows, pixels]: [usize; 2]) -> u64 {
    const TILE: usize = 64;
    const ENOUGH_TILES: usize = 64;
    const PLENTY_OF_TILES: usize = 256;
    /// Terms.
    const LONG_PIECE: usize = 1024;
    let tiles = taps.div_ceil(TILE) * outputs.div_ceil(TILE) * groups;
    let long = image_rows * pixels / LONG_PIECE;
    ENOUGH_TILES.div_ceil(tiles).max(long.min(PLENTY_OF_TILES / tiles)).min(image_rows) as u64
}

/// The kernels of the three directions, for tuning.
pub(crate) fn families() -> [&'static dyn Tunable; 3] {
    [&FORWARD, &DATA, &WEIGHTS]
}

impl Tensor {
    /// The convolution of `self` `[n, h, w, ci]` with `kernel` `[kh, kw, ci, co]`, plus `bias` `[co]`, through
    /// `function`. The result is `[n, oh, ow, co]`. A function whose derivative reads its input needs a second
    /// dispatch.
    ///
    /// # Errors
    /// [`Error::Shape`] if channels or ranks don't fit; [`Error::Argument`] for strides and kernels that
    /// [`Padding::resolve`] refuses; [`Error::DType`] and [`Error::Placement`] for operands of different types or
    /// devices.
    pub fn conv2d(
        &self,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        strides: [usize; 2],
        padding: Padding,
        function: Function,
    ) -> Result<Tensor> {
        self.conv2d_with(kernel, bias, &ConvOptions { strides, padding, function, ..ConvOptions::default() })
    }

    /// The same in independent
    /// `groups`: the first co/groups output channels read the first ci/groups input channels, and so on. `kernel` is
    /// `[kh, kw, ci/groups, co]`. With one input channel per group, [`depthwise_conv2d`](Tensor::depthwise_conv2d) is
    /// faster.
    ///
    /// # Errors
    /// Errors of [`conv2d`](Tensor::conv2d); [`Error::Argument`] for groups that don't divide ci and co.
    pub fn conv2d_grouped(
        &self,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        groups: usize,
        strides: [usize; 2],
        padding: Padding,
        function: Function,
    ) -> Result<Tensor> {
        let options = ConvOptions { strides, padding, groups, function, ..ConvOptions::default() };
        self.conv2d_with(kernel, bias, &options)
    }

    /// The same with all options, a dilation among them.
    ///
    /// # Errors
    /// Errors of [`conv2d_grouped`](Tensor::conv2d_grouped) and of [`ConvOptions::resolve`].
    pub fn conv2d_with(
        &self,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        options: &ConvOptions,
    ) -> Result<Tensor> {
        check_types(OP, self, kernel, bias)?;
        let function = options.function;
        let geometry = geometry(self, kernel, bias, options)?;
        if is_pointwise(&geometry) {
            let shape = [geometry.n, geometry.h, geometry.w, geometry.co].map(|extent| extent as usize);
            let kernel = kernel.reshape([geometry.ci as usize, geometry.co as usize])?;
            return self.dense(&kernel, bias, function)?.reshape(shape);
        }
        if function.reads() == Reads::Input && wanted(&[self, kernel]) {
            let linear = ConvOptions { function: Function::Linear, ..*options };
            return self.conv2d_with(kernel, bias, &linear)?.map(function);
        }
        CONV2D.apply(geometry, self, kernel, bias, function)
    }
}

/// Whether this is a 1 × 1 kernel that reads every pixel: a dense layer on pixels.
fn is_pointwise(p: &ConvParams) -> bool {
    let size = p.kh * p.kw * p.stride_h * p.stride_w * p.groups;
    size == 1 && p.oh == p.h && p.ow == p.w
}

/// The scalars of all three directions, after checking the shapes.
fn geometry(x: &Tensor, kernel: &Tensor, bias: Option<&Tensor>, options: &ConvOptions) -> Result<ConvParams> {
    let (image, window, groups) = (x.shape(), kernel.shape(), options.groups);
    let ranks = image.rank() == 4 && window.rank() == 4;
    if ranks && !(image[3].is_multiple_of(groups) && window[3].is_multiple_of(groups)) {
        let expected = format!("a divisor of {} input and {} output channels", image[3], window[3]);
        return Err(Error::argument(OP, "groups", groups, expected));
    }
    let fits =
        ranks && image[3] == groups * window[2] && bias.is_none_or(|bias| *bias.shape() == [window[3]]);
    if !fits {
        let mut shapes = vec![image, window];
        shapes.extend(bias.map(|bias| bias.shape()));
        let expected = match groups {
            1 => "[n, h, w, ci], [kh, kw, ci, co] and [co] are needed".to_string(),
            _ => format!("[n, h, w, ci], [kh, kw, ci/{groups}, co] and [co] are needed"),
        };
        return Err(Error::shape(OP, &shapes, expected));
    }
    resolve(OP, image, window, [groups, window[3]], options)
}

fn data_gradient(geometry: &ConvParams, dy: &Tensor, w: &Tensor) -> Result<Tensor> {
    let shape = [geometry.n, geometry.h, geometry.w, geometry.ci].map(|extent| extent as usize);
    let output = Tensor::empty(OP, dy.device(), dy.dtype(), shape.into())?;
    let transposed = w.permute(&[0, 1, 3, 2])?.packed(OP)?;
    let inputs = [dy.operand(), transposed.operand(), w.operand()];
    dy.device().run_variant(&DATA, geometry, &inputs, &[output.operand()])?;
    Ok(output)
}
