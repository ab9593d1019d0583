//! `resize2d`: images with other numbers of rows and columns, by the nearest pixel or by two lines (bilinear).
//!
//! The centre of output pixel o is at (o + ½)·input/output − ½ in the image, measured in pixels from the centre of its
//! first: ONNX's `half_pixel`, PyTorch's `align_corners=False`. Positions are quotients of integers, so they have no
//! rounding.

use super::{INDEX, WORKGROUP, check_float, no_constants};
use crate::autograd::record;
use crate::device::cpu::parallel_rows;
use crate::device::kernel::{Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::reference;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How pixels between those of an image are computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Interpolation {
    /// The nearest pixel; of two, the upper or left one (ONNX's `round_prefer_floor`).
    #[default]
    Nearest,
    /// The four pixels around the position, by their distances along both axes. Beyond the centres of the outermost
    /// pixels, those pixels.
    Bilinear,
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    oh: u32,
    ow: u32,
    bilinear: u32,
}

static FORWARD: Kernel<Params> = Kernel {
    name: "resize.forward",
    gpu: Shader {
        source: &[INDEX, include_str!("../../shaders/resize.wgsl")],
        entry: "forward",
        constants: no_constants,
        groups: |p| (p.n as u64 * p.oh as u64 * p.ow as u64 * p.c as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |p| 8 * p.n as u64 * p.oh as u64 * p.ow as u64 * p.c as u64,
    reference: reference!(forward),
    fast: None,
};
static GRADIENT: Kernel<Params> = Kernel {
    name: "resize.gradient",
    gpu: Shader {
        entry: "gradient",
        groups: |p| (p.n as u64 * p.h as u64 * p.w as u64 * p.c as u64).div_ceil(WORKGROUP),
        ..FORWARD.gpu
    },
    reference: reference!(gradient),
    ..FORWARD
};

/// The pixels that an output reads along an axis: `(1 − part)` of `first` and `part` of `first + 1`.
struct Taps<T> {
    first: usize,
    part: T,
}

fn taps<T: Real>(p: &Params, o: usize, [input, output]: [u32; 2]) -> Taps<T> {
    let [o, input, output] = [o as u64, input.into(), output.into()];
    if p.bilinear == 0 {
        return Taps { first: (((2 * o + 1) * input - 1) / (2 * output)) as usize, part: T::ZERO };
    }
    let place = ((2 * o + 1) * input).saturating_sub(output);
    let first = place / (2 * output);
    let part = if first + 1 < input { (place % (2 * output)) as f64 / (2 * output) as f64 } else { 0.0 };
    Taps { first: first as usize, part: T::of(part) }
}

impl<T: Real> Taps<T> {
    /// The pixels with their weights.
    fn each(&self) -> impl Iterator<Item = (usize, T)> + Clone + use<T> {
        let all = [(self.first, T::ONE - self.part), (self.first + 1, self.part)];
        all.into_iter().filter(|(_, weight)| *weight != T::ZERO)
    }
}

/// `y[n, oy, ox, c] = Σ weight·x[n, iy, ix, c]` over the pixels around the position.
fn forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    let (w, c, oh, ow) = (p.w as usize, p.c as usize, p.oh as usize, p.ow as usize);
    parallel_rows(y, ow * c, 8 * ow * c, |first, rows| {
        for (row, y) in (first..).zip(rows.chunks_exact_mut(ow * c)) {
            let down = taps::<T>(p, row % oh, [p.h, p.oh]);
            y.fill(T::ZERO);
            for (ox, y) in y.chunks_exact_mut(c).enumerate() {
                let across = taps::<T>(p, ox, [p.w, p.ow]);
                for (iy, of_row) in down.each() {
                    for (ix, of_column) in across.each() {
                        let from = &x[((row / oh * p.h as usize + iy) * w + ix) * c..][..c];
                        y.iter_mut().zip(from).for_each(|(y, &x)| *y += of_row * of_column * x);
                    }
                }
            }
        }
    });
}

/// `dx[n, iy, ix, c] = Σ weight·dy[n, oy, ox, c]`: each product of the forward pass adds one term.
fn gradient<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([dy], [dx]) = args.reals();
    let (w, c, oh, ow) = (p.w as usize, p.c as usize, p.oh as usize, p.ow as usize);
    let image = p.h as usize * w * c;
    parallel_rows(dx, image, 8 * oh * ow * c, |first, images| {
        images.fill(T::ZERO);
        for (n, dx) in (first..).zip(images.chunks_exact_mut(image)) {
            for (oy, ox) in (0..oh).flat_map(|oy| (0..ow).map(move |ox| (oy, ox))) {
                let dy = &dy[((n * oh + oy) * ow + ox) * c..][..c];
                let across = taps::<T>(p, ox, [p.w, p.ow]);
                for (iy, of_row) in taps::<T>(p, oy, [p.h, p.oh]).each() {
                    for (ix, of_column) in across.each() {
                        let to = &mut dx[(iy * w + ix) * c..][..c];
                        to.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += of_row * of_column * dy);
                    }
                }
            }
        }
    });
}

impl Tensor {
    /// Images `[n, h, w, c]` resized to `size` = [rows, columns]: `[n, rows, columns, c]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of axes; [`Error::Argument`] for a size of 0 or above 32,767, or of an image
    /// above that; [`Error::DType`] for u32.
    pub fn resize2d(&self, size: [usize; 2], interpolation: Interpolation) -> Result<Tensor> {
        const OP: &str = "resize2d";
        /// Kernels multiply two extents and 2 in 32 bits.
        const LARGEST: usize = 32_767;
        check_float(OP, self, self)?;
        let shape = self.shape();
        if shape.rank() != 4 {
            return Err(Error::shape(OP, &[shape], "[n, h, w, c] is needed"));
        }
        let [n, h, w, c] = [shape[0], shape[1], shape[2], shape[3]];
        if size.contains(&0) || [h, w, size[0], size[1]].iter().any(|&extent| extent > LARGEST) {
            let found = format!("{h} × {w} to {} × {}", size[0], size[1]);
            return Err(Error::argument(OP, "size", found, format!("from 1 to {LARGEST} rows and columns")));
        }
        let params = Params {
            n: n as u32,
            h: h as u32,
            w: w as u32,
            c: c as u32,
            oh: size[0] as u32,
            ow: size[1] as u32,
            bilinear: (interpolation == Interpolation::Bilinear) as u32,
        };
        let x = self.packed(OP)?;
        let output = Tensor::empty(OP, self.device(), self.dtype(), Shape::from([n, size[0], size[1], c]))?;
        self.device().run(&FORWARD, &params, &[x.operand()], &[output.operand()])?;
        Ok(record(OP, output, &[self], move |context| {
            let dy = context.gradient().packed(OP)?;
            let dx = Tensor::empty(OP, dy.device(), dy.dtype(), shape)?;
            dy.device().run(&GRADIENT, &params, &[dy.operand()], &[dx.operand()])?;
            context.accumulate(0, dx)
        }))
    }
}
