//! 2-D convolution (as deep learning means it: cross-correlation) of images in NHWC with a kernel in HWIO, with
//! bias and activation in the same dispatch, whole or in groups of channels. `shaders/conv2d.wgsl` has the formulas of the three directions.

mod kernels;
mod twin;

use super::check_float;
use super::padding::Padding;
use super::reduce::sum_rows;
use super::unary::{Function, Reads, gradient_of};
use crate::autograd::{record, wanted};
use crate::device::variant::Tunable;
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Params {
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
}

/// `shaders/lib/conv2d.wgsl`: the scalars, which a depthwise convolution shares.
pub(super) const SCALARS: &str = include_str!("../../shaders/lib/conv2d.wgsl");

/// The kernels of the three directions, to be measured against each other.
pub(crate) fn families() -> [&'static dyn Tunable; 3] {
    [&kernels::FORWARD, &variants::DATA, &variants::WEIGHTS]
}

impl Params {
    fn pixels_in(&self) -> u64 {
        self.n as u64 * self.h as u64 * self.w as u64
    }

    pub(super) fn pixels_out(&self) -> u64 {
        self.n as u64 * self.oh as u64 * self.ow as u64
    }

    /// A 1×1 kernel that visits every pixel is a dense layer on pixels.
    fn is_pointwise(&self) -> bool {
        let size = self.kh * self.kw * self.stride_h * self.stride_w * self.groups;
        size == 1 && self.oh == self.h && self.ow == self.w
    }

    /// Input channels of a group.
    fn inputs(&self) -> u32 {
        self.ci / self.groups
    }

    /// Output channels of a group.
    fn outputs(&self) -> u32 {
        self.co / self.groups
    }

    /// Values that one output value of one channel sums over.
    pub(super) fn taps(&self) -> u64 {
        self.kh as u64 * self.kw as u64 * self.inputs() as u64
    }

    pub(super) fn flops(&self) -> u64 {
        2 * self.pixels_out() * self.taps() * self.co as u64
    }
}

impl Tensor {
    /// The convolution of `self` `[n, h, w, ci]` with `kernel` `[kh, kw, ci, co]`, plus `bias` `[co]`, through
    /// `function`: `[n, oh, ow, co]`. (Functions whose derivative reads their input take a second dispatch.)
    ///
    /// # Errors
    /// [`Error::Shape`] where channels or ranks don't fit, [`Error::Argument`] for strides and kernels that
    /// [`Padding::resolve`] refuses.
    pub fn conv2d(
        &self,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        strides: [usize; 2],
        padding: Padding,
        function: Function,
    ) -> Result<Tensor> {
        self.conv2d_grouped(kernel, bias, 1, strides, padding, function)
    }

    /// The same in `groups` that know nothing of each other: the first ci/groups input channels reach the first
    /// co/groups output channels, and so on; `kernel` is `[kh, kw, ci/groups, co]`. With one input channel a group,
    /// [`depthwise_conv2d`](Tensor::depthwise_conv2d) is faster.
    ///
    /// # Errors
    /// As [`conv2d`](Tensor::conv2d), and [`Error::Argument`] for groups that don't divide ci and co.
    pub fn conv2d_grouped(
        &self,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        groups: usize,
        strides: [usize; 2],
        padding: Padding,
        function: Function,
    ) -> Result<Tensor> {
        check_float("conv2d", self, self)?;
        check_float("conv2d", kernel, self)?;
        let geometry = geometry(self, kernel, bias, groups, strides, padding)?;
        if geometry.is_pointwise() {
            let shape = [geometry.n, geometry.h, geometry.w, geometry.co].map(|extent| extent as usize);
            let kernel = kernel.reshape([geometry.ci as usize, geometry.co as usize])?;
            return self.dense(&kernel, bias, function)?.reshape(shape);
        }
        if function.reads() == Reads::Input && wanted(&[self, kernel]) {
            let z = self.conv2d_grouped(kernel, bias, groups, strides, padding, Function::Linear)?;
            return z.map(function);
        }
        let params = Params { function: function as u32, has_bias: bias.is_some() as u32, ..geometry };
        let (x, w) = (self.packed("conv2d")?, kernel.packed("conv2d")?);
        let packed_bias = bias.map(|bias| bias.packed("conv2d")).transpose()?;
        let shape = [params.n, params.oh, params.ow, params.co].map(|extent| extent as usize);
        let output = Tensor::empty("conv2d", x.device(), x.dtype(), shape.into())?;
        // Without a bias something has to be bound in its place; it is not read.
        let third = packed_bias.as_ref().unwrap_or(&w).operand();
        x.device().run_variant(
            &kernels::FORWARD,
            &params,
            &[x.operand(), w.operand(), third],
            &[output.operand()],
        )?;
        let tensors: Vec<&Tensor> = [self, kernel].into_iter().chain(bias).collect();
        if !wanted(&tensors) {
            return Ok(output);
        }
        let kept_output = output.detach();
        Ok(record("conv2d", output, &tensors, move |flow| {
            let dy = flow.gradient();
            let dz = match function {
                Function::Linear => dy.packed("conv2d")?,
                _ => gradient_of(function, &dy, &kept_output)?,
            };
            drop((dy, kept_output));
            if flow.inputs() == 3 && flow.wants(2) {
                let rows = dz.reshape([geometry.pixels_out() as usize, geometry.co as usize])?;
                flow.give(2, sum_rows("conv2d", &rows, flow.slot(2))?)?;
            }
            if flow.wants(1) {
                flow.give(1, weight_gradient(&geometry, &x, &dz, w.shape(), flow.slot(1))?)?;
            }
            drop(x);
            if flow.wants(0) {
                flow.give(0, data_gradient(&geometry, &dz, &w)?)?;
            }
            Ok(())
        }))
    }
}

/// The scalars that all three directions share, from shapes that fit.
fn geometry(
    x: &Tensor,
    kernel: &Tensor,
    bias: Option<&Tensor>,
    groups: usize,
    strides: [usize; 2],
    padding: Padding,
) -> Result<Params> {
    let (image, window) = (x.shape(), kernel.shape());
    let ranks = image.rank() == 4 && window.rank() == 4;
    if ranks && !(image[3].is_multiple_of(groups) && window[3].is_multiple_of(groups)) {
        let expected = format!("a divisor of {} input and {} output channels", image[3], window[3]);
        return Err(Error::argument("conv2d", "groups", groups, expected));
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
        return Err(Error::shape("conv2d", &shapes, expected));
    }
    if let Some(bias) = bias {
        check_float("conv2d", bias, x)?;
    }
    resolve("conv2d", image, window, [groups, window[3]], strides, padding)
}

/// Where the windows lie, and everything else that the kernels ask for; `channels` are the groups and the output
/// channels.
pub(super) fn resolve(
    op: &'static str,
    image: Shape,
    window: Shape,
    channels: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
) -> Result<Params> {
    let (oh, pad_h) = padding.resolve(op, 0, image[1], window[0], strides[0])?;
    let (ow, pad_w) = padding.resolve(op, 1, image[2], window[1], strides[1])?;
    Ok(Params {
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
    })
}

fn data_gradient(geometry: &Params, dy: &Tensor, w: &Tensor) -> Result<Tensor> {
    let shape = [geometry.n, geometry.h, geometry.w, geometry.ci].map(|extent| extent as usize);
    let output = Tensor::empty("conv2d", dy.device(), dy.dtype(), shape.into())?;
    let transposed = w.permute(&[0, 1, 3, 2])?.packed("conv2d")?;
    let inputs = [dy.operand(), transposed.operand(), w.operand()];
    dy.device().run_variant(&kernels::DATA, geometry, &inputs, &[output.operand()])?;
    Ok(output)
}

/// The sum over all pixels is cut so that at least this many tiles of so many rows and columns keep the machine busy.
const ENOUGH_TILES: u64 = 64;
const TILE: u64 = 64;

fn weight_gradient(
    geometry: &Params,
    x: &Tensor,
    dy: &Tensor,
    shape: Shape,
    slot: Option<Tensor>,
) -> Result<Tensor> {
    let tiles = geometry.taps().div_ceil(TILE) * (geometry.outputs() as u64).div_ceil(TILE);
    let tiles = tiles * geometry.groups as u64;
    let image_rows = geometry.n * geometry.oh;
    let piece = image_rows.div_ceil((ENOUGH_TILES.div_ceil(tiles) as u32).min(image_rows));
    let params = Params { splits: image_rows.div_ceil(piece), piece, ..*geometry };
    let splits = params.splits as usize;
    let output = match (&slot, splits) {
        (Some(slot), 1) => slot.clone(),
        (_, 1) => Tensor::empty("conv2d", x.device(), x.dtype(), [1, shape.elements()].into())?,
        _ => Tensor::empty("conv2d", x.device(), x.dtype().of_sums(), [splits, shape.elements()].into())?,
    };
    x.device().run_variant(
        &kernels::WEIGHTS,
        &params,
        &[x.operand(), dy.operand(), dy.operand()],
        &[output.operand()],
    )?;
    match splits {
        1 => output.reshape(shape),
        _ => sum_rows("conv2d", &output, slot)?.cast(x.dtype())?.reshape(shape),
    }
}
