//! Operators on images. ONNX's lie `[n, channels, height, width]`, and a row of pixels is `[n, channels, width]`.

use crate::call::Call;
use allometry::nn::Padding;
use allometry::ops::{ConvOptions, Interpolation};
use allometry::{Result, Shape, Tensor};

/// As `[n, height, width, channels]`. A row of pixels has the height 1.
pub fn channels_last(x: &Tensor) -> Result<Tensor> {
    two_dimensional(x)?.permute(&[0, 2, 3, 1])
}

/// Back to ONNX's layout, with `rank` axes.
pub fn channels_first(y: &Tensor, rank: usize) -> Result<Tensor> {
    let y = y.permute(&[0, 3, 1, 2])?;
    let shape = y.shape();
    if rank == 3 { y.reshape([shape[0], shape[1], shape[3]]) } else { Ok(y) }
}

fn two_dimensional(x: &Tensor) -> Result<Tensor> {
    let shape = x.shape();
    match shape.rank() {
        3 => x.reshape([shape[0], shape[1], 1, shape[2]]),
        _ => Ok(x.clone()),
    }
}

/// A value for rows and one for columns.
fn pair(list: Option<Vec<usize>>, default: usize) -> [usize; 2] {
    match list.as_deref() {
        None => [default; 2],
        Some([columns]) => [1, *columns],
        Some(other) => [other[0], other[1]],
    }
}

fn padding(call: &Call, image: [usize; 2], kernel: [usize; 2], strides: [usize; 2]) -> Padding {
    match (call.text("auto_pad", "NOTSET"), call.sizes("pads").as_deref()) {
        ("VALID", _) => Padding::Valid,
        ("SAME_UPPER", _) => Padding::Same,
        ("SAME_LOWER", _) => Padding::Explicit([0, 1].map(|axis| {
            let covered = (image[axis].div_ceil(strides[axis]) - 1) * strides[axis] + kernel[axis];
            let total = covered.saturating_sub(image[axis]);
            [total - total / 2, total / 2]
        })),
        (_, Some(&[left, right])) => Padding::Explicit([[0, 0], [left, right]]),
        (_, Some(&[top, left, bottom, right])) => Padding::Explicit([[top, bottom], [left, right]]),
        _ => Padding::Valid,
    }
}

pub fn pool(
    call: &Call,
    op: impl Fn(&Tensor, [usize; 2], [usize; 2], Padding) -> Result<Tensor>,
) -> Result<Tensor> {
    let x = channels_last(call.x(0))?;
    let (kernel, strides) = (pair(call.sizes("kernel_shape"), 1), pair(call.sizes("strides"), 1));
    let padding = padding(call, [x.shape()[1], x.shape()[2]], kernel, strides);
    channels_first(&op(&x, kernel, strides, padding)?, call.x(0).shape().rank())
}

pub fn global(call: &Call, op: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let shape = call.x(0).shape();
    let mut extents = vec![1; shape.rank()];
    extents[..2].copy_from_slice(&shape[..2]);
    op(&channels_last(call.x(0))?)?.reshape(Shape::new(&extents)?)
}

pub fn conv(call: &Call) -> Result<Tensor> {
    let x = channels_last(call.x(0))?;
    let kernel = two_dimensional(call.x(1))?.permute(&[2, 3, 1, 0])?;
    let (strides, groups) = (pair(call.sizes("strides"), 1), call.integer("group", 1) as usize);
    let (shape, window) = (x.shape(), kernel.shape());
    let dilation = pair(call.sizes("dilations"), 1);
    let reach = [0, 1].map(|axis| (window[axis] - 1) * dilation[axis] + 1);
    let padding = padding(call, [shape[1], shape[2]], reach, strides);
    let bias = call.optional(2);
    let options = ConvOptions { strides, dilation, padding, groups, ..ConvOptions::default() };
    let y = if groups > 1 && groups == shape[3] {
        let kernel = kernel.reshape([window[0], window[1], groups, window[3] / groups])?;
        x.depthwise_conv2d_with(&kernel, bias, &options)
    } else {
        x.conv2d_with(&kernel, bias, &options)
    };
    channels_first(&y?, call.x(0).shape().rank())
}

/// To the sizes of input 3, or by the scales of the input before it. `Upsample` has only the scales, as input 1.
pub fn resize(call: &Call) -> Result<Tensor> {
    let x = channels_last(call.x(0))?;
    let rank = call.x(0).shape().rank();
    let axes = call.integers("axes").unwrap_or_else(|| (0..rank as i64).collect());
    let mut size = [x.shape()[1], x.shape()[2]];
    let scales = call.optional(if call.node.op == "Upsample" { 1 } else { 2 });
    let scales = scales.map(Tensor::to_f64).transpose()?;
    for (i, &axis) in axes.iter().enumerate() {
        let Some(place) = (axis as usize).checked_sub(2) else { continue };
        size[place] = match (call.indices(3), &scales) {
            (Some((sizes, _)), _) => sizes[i] as usize,
            (None, Some(scales)) => (size[place] as f64 * scales[i]) as usize,
            (None, None) => panic!("neither sizes nor scales"),
        };
    }
    let interpolation = match call.text("mode", "nearest") {
        "linear" => Interpolation::Bilinear,
        _ => Interpolation::Nearest,
    };
    channels_first(&x.resize2d(size, interpolation)?, rank)
}
