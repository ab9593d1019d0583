//! Element-wise functions of one number and constants: `y = f(x)`, `dx = dy·f′(x)`. One kernel computes all of them:
//! the function and its constants are scalars.

use super::{INDEX, MATH, MergedAxes, POWER, WORKGROUP, check_float, no_constants};
use crate::autograd::{record, wanted};
use crate::device::cpu::Strided;
use crate::device::kernel::{Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::error::{Error, Result};
use crate::reference;
use crate::tensor::Tensor;

/// A function with its constants.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Parametric {
    /// From one bound to the other.
    Clamp(f32, f32),
    /// The exponent.
    Power(f32),
    /// The slope below 0.
    LeakyRelu(f32),
    /// The factor of the exponential below 0.
    Elu(f32),
}

impl Parametric {
    /// Its name, its code in `shaders/parametric.wgsl`, and its constants.
    fn parts(self) -> (&'static str, u32, [f32; 2]) {
        match self {
            Parametric::Clamp(low, high) => ("clamp", 0, [low, high]),
            Parametric::Power(exponent) => ("powf", 1, [exponent, 0.0]),
            Parametric::LeakyRelu(slope) => ("leaky_relu_with", 2, [slope, 0.0]),
            Parametric::Elu(scale) => ("elu_with", 3, [scale, 0.0]),
        }
    }
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rank: u32,
    function: u32,
    first: f32,
    second: f32,
    offset_a: u32,
    offset_b: u32,
    extents: [u32; 6],
    strides_a: [u32; 6],
    strides_b: [u32; 6],
}

static FORWARD: Kernel<Params> = Kernel {
    name: "parametric.forward",
    gpu: Shader {
        source: &[INDEX, MATH, POWER, include_str!("../../shaders/parametric.wgsl")],
        entry: "forward",
        constants: no_constants,
        groups: |p| (p.count as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |p| p.count as u64,
    reference: reference!(forward),
    fast: None,
};
static GRADIENT: Kernel<Params> = Kernel {
    name: "parametric.gradient",
    gpu: Shader { entry: "gradient", ..FORWARD.gpu },
    flops: |p| 2 * p.count as u64,
    reference: reference!(gradient),
    ..FORWARD
};

impl Params {
    fn constants<T: Real>(&self) -> [T; 2] {
        [self.first, self.second].map(|constant| T::of(constant.into()))
    }
}

/// f(x).
fn apply<T: Real>(function: u32, [first, second]: [T; 2], x: T) -> T {
    match function {
        0 if x < first => first,
        0 if x > second => second,
        1 => x.powf(first),
        2 if x <= T::ZERO => first * x,
        3 if x <= T::ZERO => first * x.exp_m1(),
        _ => x,
    }
}

/// f′(x).
fn derivative<T: Real>(function: u32, [first, second]: [T; 2], x: T) -> T {
    match function {
        0 if x >= first && x <= second => T::ONE,
        0 => T::ZERO,
        1 => power_slope(x, first),
        2 if x <= T::ZERO => first,
        3 if x <= T::ZERO => first * x.exp(),
        _ => T::ONE,
    }
}

/// c·x^(c − 1), and 0 where c is 0.
pub(super) fn power_slope<T: Real>(x: T, c: T) -> T {
    if c == T::ZERO { T::ZERO } else { c * x.powf(c - T::ONE) }
}

/// y = f(x).
fn forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    let axes = Strided { rank: p.rank, extents: &p.extents, strides: [&p.strides_a], offsets: [p.offset_a] };
    axes.for_each_run(y, 8, |run, [start], [step]| {
        run.iter_mut()
            .enumerate()
            .for_each(|(i, y)| *y = apply(p.function, p.constants(), x[start + i * step]));
    });
}

/// dx = dy·f′(x).
fn gradient<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([dy, x], [dx]) = args.reals();
    let strides = [&p.strides_a, &p.strides_b];
    let axes = Strided { rank: p.rank, extents: &p.extents, strides, offsets: [p.offset_a, p.offset_b] };
    axes.for_each_run(dx, 8, |run, [a, b], [a_step, b_step]| {
        for (i, dx) in run.iter_mut().enumerate() {
            *dx = dy[a + i * a_step] * derivative(p.function, p.constants(), x[b + i * b_step]);
        }
    });
}

impl Tensor {
    /// min(max(x, `low`), `high`). The derivative is 1 from `low` to `high`, the bounds included, and 0 outside, as in
    /// PyTorch. NaN stays NaN. An infinite bound has no effect.
    ///
    /// # Errors
    /// [`Error::Argument`] for a `low` above `high`, and for bounds that are NaN; [`Error::DType`] for u32.
    pub fn clamp(&self, low: f32, high: f32) -> Result<Tensor> {
        if low.is_nan() || high.is_nan() || low > high {
            let expected = "two numbers of which the first is not the larger";
            return Err(Error::argument("clamp", "range", format!("{low} to {high}"), expected));
        }
        self.parametric(Parametric::Clamp(low, high))
    }

    /// x to the power of `exponent`: NaN for a negative x unless the exponent is whole; 1 for the exponent 0.
    /// [`pow`](Tensor::pow) takes a tensor of exponents.
    ///
    /// # Errors
    /// [`Error::Argument`] for an exponent that is not finite; [`Error::DType`] for u32.
    pub fn powf(&self, exponent: f32) -> Result<Tensor> {
        finite("powf", "exponent", exponent)?;
        self.parametric(Parametric::Power(exponent))
    }

    /// x above 0, `slope`·x elsewhere. [`leaky_relu`](Tensor::leaky_relu) has the slope 0.01.
    ///
    /// # Errors
    /// [`Error::Argument`] for a slope that is not finite; [`Error::DType`] for u32.
    pub fn leaky_relu_with(&self, slope: f32) -> Result<Tensor> {
        finite("leaky_relu_with", "slope", slope)?;
        self.parametric(Parametric::LeakyRelu(slope))
    }

    /// x above 0, `scale`·(eˣ - 1) elsewhere. [`elu`](Tensor::elu) has the scale 1.
    ///
    /// # Errors
    /// [`Error::Argument`] for a scale that is not finite; [`Error::DType`] for u32.
    pub fn elu_with(&self, scale: f32) -> Result<Tensor> {
        finite("elu_with", "scale", scale)?;
        self.parametric(Parametric::Elu(scale))
    }

    fn parametric(&self, function: Parametric) -> Result<Tensor> {
        let name = function.parts().0;
        check_float(name, self, self)?;
        let output = launch(function, &[self])?;
        if !wanted(&[self]) {
            return Ok(output);
        }
        let x = self.detach();
        Ok(record(name, output, &[self], move |context| {
            context.accumulate(0, launch(function, &[&context.gradient(), &x])?)
        }))
    }
}

fn finite(op: &'static str, argument: &'static str, value: f32) -> Result<()> {
    if value.is_finite() { Ok(()) } else { Err(Error::argument(op, argument, value, "finite")) }
}

/// Runs the kernel for one operand (forward) or two (gradient).
fn launch(function: Parametric, operands: &[&Tensor]) -> Result<Tensor> {
    let (name, code, [first, second]) = function.parts();
    let (a, b) = (operands[0], operands[operands.len() - 1]);
    let output = Tensor::empty(name, a.device(), a.dtype(), a.shape())?;
    let axes = MergedAxes::new(&[*a.layout(), *b.layout()]);
    let operands: Vec<_> = operands.iter().map(|t| t.strided_operand()).collect();
    let params = Params {
        count: a.shape().elements() as u32,
        rank: axes.rank,
        function: code,
        first,
        second,
        offset_a: operands[0].1 as u32,
        offset_b: operands[operands.len() - 1].1 as u32,
        extents: axes.extents,
        strides_a: axes.strides[0],
        strides_b: axes.strides[1],
    };
    let kernel = if operands.len() == 1 { &FORWARD } else { &GRADIENT };
    let inputs: Vec<_> = operands.into_iter().map(|(operand, _)| operand).collect();
    a.device().run(kernel, &params, &inputs, &[output.operand()])?;
    Ok(output)
}
