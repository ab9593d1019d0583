//! Element-wise functions of one number: `y = f(x)`, `dx = dy · f′`.

use super::{FUNCTIONS, INDEX, MergedAxes, WORKGROUP, check_float};
use crate::autograd::{record, wanted};
use crate::device::cpu::norm::Slope;
use crate::device::cpu::{Strided, elementwise, parallel_elements, parallel_rows};
use crate::device::kernel::{Constants, Kernel, KernelArgs, Shader};
use crate::device::real::Real;
use crate::error::Result;
use crate::reference;
use crate::shape::place;
use crate::tensor::Tensor;
use bytemuck::Zeroable;

/// The value that a derivative is a function of. The graph keeps only this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reads {
    /// The input x.
    Input,
    /// The output f(x).
    Output,
}

/// Declares the functions. The number of a variant is its code in `shaders/lib/functions.wgsl`. The row
/// `/// x². ⏎ Square = 9, square, Input, |x| x * x, |s| s + s;` becomes
///
/// ```ignore
/// pub enum Function {
///     /// x².
///     Square = 9,
/// }
///
/// impl Function {
///     pub const ALL: &[Function] = &[Function::Square];
///     pub fn name(self) -> &'static str {
///         match self { Function::Square => "square" }
///     }
///     pub fn reads(self) -> Reads {
///         match self { Function::Square => Reads::Input }
///     }
/// }
///
/// pub(crate) fn apply<T: Real>(function: Function, x: T) -> T {
///     match function { Function::Square => x * x }
/// }
///
/// fn derivative<T: Real>(function: Function, s: T) -> T {
///     match function { Function::Square => s + s }
/// }
///
/// // Loops with the function as a constant, so that their bodies have no branch on it. (Generic, so that `x.tanh()` is
/// // that of `Real` and not the standard library's.)
/// fn map<T: Real>(function: Function, run: &mut [T], x: &[T], step: usize) {
///     match function { Function::Square => elementwise::map(run, x, step, |x| x * x) }
/// }
/// // … and likewise map_in_place, gradient_run and gradient_run_in_place
///
/// impl Tensor {
///     /// x².
///     pub fn square(&self) -> Result<Tensor> {
///         self.map(Function::Square)
///     }
/// }
/// ```
macro_rules! functions {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:ident, $reads:ident,
       |$x:ident| $value:expr, |$s:ident| $derivative:expr;)*) => {
        /// A function of one number.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u32)]
        pub enum Function { $($(#[$doc])* $variant = $code,)* }

        impl Function {
            /// Every function, in the order of its code.
            pub const ALL: &[Function] = &[$(Function::$variant),*];

            /// The name of the method on [`Tensor`].
            pub fn name(self) -> &'static str {
                match self { $(Function::$variant => stringify!($name),)* }
            }

            /// What the derivative is a function of.
            pub fn reads(self) -> Reads {
                match self { $(Function::$variant => Reads::$reads,)* }
            }
        }

        /// f(x).
        pub(crate) fn apply<T: Real>(function: Function, x: T) -> T {
            match function { $(Function::$variant => { let $x = x; $value })* }
        }

        /// f′, from x or from f(x).
        pub(super) fn derivative<T: Real>(function: Function, s: T) -> T {
            match function { $(Function::$variant => { let $s = s; let _ = $s; $derivative })* }
        }

        fn map<T: Real>(function: Function, run: &mut [T], x: &[T], step: usize) {
            match function { $(Function::$variant => elementwise::map(run, x, step, |$x: T| $value),)* }
        }

        fn map_in_place<T: Real>(function: Function, run: &mut [T]) {
            match function { $(Function::$variant => elementwise::map_in_place(run, |$x: T| $value),)* }
        }

        fn gradient_run<T: Real>(function: Function, run: &mut [T], dy: (&[T], usize), s: (&[T], usize)) {
            match function {
                $(Function::$variant => elementwise::zip(run, dy, s, |dy: T, $s: T| dy * ($derivative)),)*
            }
        }

        fn gradient_run_in_place<T: Real>(function: Function, run: &mut [T], s: &[T]) {
            match function {
                $(Function::$variant => elementwise::zip_in_place(run, s, |dy: T, $s: T| dy * ($derivative)),)*
            }
        }

        impl Tensor {
            $($(#[$doc])*
            ///
            /// # Errors
            /// [`Error::DType`](crate::Error::DType) for u32.
            pub fn $name(&self) -> Result<Tensor> {
                self.map(Function::$variant)
            })*
        }
    };
}

functions! {
    /// The identity.
    Linear = 0, linear, Output, |x| x, |_s| T::ONE;
    /// max(x, 0).
    Relu = 1, relu, Output, |x| if x < T::ZERO { T::ZERO } else { x }, |s| if s > T::ZERO { T::ONE } else { T::ZERO };
    /// 1 / (1 + e⁻ˣ).
    Sigmoid = 2, sigmoid, Output, |x| sigmoid(x), |s| s * (T::ONE - s);
    /// The hyperbolic tangent.
    Tanh = 3, tanh, Output, |x| x.tanh(), |s| (T::ONE - s) * (T::ONE + s);
    /// x·Φ(x), where Φ is the normal distribution function (Hendrycks and Gimpel 2016, the exact form).
    Gelu = 4, gelu, Input, |x| x * x.normal_cdf(), |s| s.normal_cdf() + s * normal_density(s);
    /// x·sigmoid(x), also called swish (Ramachandran et al. 2017).
    Silu = 5, silu, Input, |x| x * sigmoid(x), |s| sigmoid(s) * (T::ONE + s * (T::ONE - sigmoid(s)));
    /// eˣ.
    Exp = 6, exp, Output, |x| x.exp(), |s| s;
    /// The natural logarithm.
    Log = 7, log, Input, |x| x.ln(), |s| T::ONE / s;
    /// The square root.
    Sqrt = 8, sqrt, Output, |x| x.sqrt(), |s| T::of(0.5) / s;
    /// x².
    Square = 9, square, Input, |x| x * x, |s| s + s;
    /// -x.
    Neg = 10, neg, Output, |x| -x, |_s| -T::ONE;
    /// |x|. Its gradient at 0 is 0.
    Abs = 11, abs, Input, |x| x.abs(),
        |s| if s > T::ZERO { T::ONE } else if s < T::ZERO { -T::ONE } else { T::ZERO };
    /// ln(1 + eˣ), a smooth ReLU (Dugas et al. 2001).
    Softplus = 12, softplus, Input, |x| softplus(x), |s| sigmoid(s);
    /// min(max(x, 0), 6) (Krizhevsky 2010).
    Relu6 = 13, relu6, Output, |x| between(x, T::of(6.0)),
        |s| if s > T::ZERO && s < T::of(6.0) { T::ONE } else { T::ZERO };
    /// min(max(x + 3, 0), 6) / 6, a sigmoid of three lines (Howard et al. 2019).
    HardSigmoid = 14, hard_sigmoid, Output, |x| between(x + T::of(3.0), T::of(6.0)) / T::of(6.0),
        |s| if s > T::ZERO && s < T::ONE { T::of(1.0 / 6.0) } else { T::ZERO };
    /// x·hard_sigmoid(x) (Howard et al. 2019). Its gradient at -3 and 3 is that of the parabola between them.
    HardSwish = 15, hard_swish, Input, |x| x * (between(x + T::of(3.0), T::of(6.0)) / T::of(6.0)),
        |s| hard_swish_slope(s);
    /// x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2, an approximation of [`gelu`](Tensor::gelu) (Hendrycks and Gimpel 2016).
    GeluTanh = 16, gelu_tanh, Input, |x| x * sigmoid(gelu_exponent(x)), |s| gelu_tanh_slope(s);
    /// 1/√x.
    Rsqrt = 17, rsqrt, Output, |x| T::ONE / x.sqrt(), |s| T::of(-0.5) * s * s * s;
    /// 1/x.
    Reciprocal = 18, reciprocal, Output, |x| T::ONE / x, |s| -s * s;
}

impl Function {
    /// The function with this code, which must be one of [`Function::ALL`].
    pub(crate) fn of(code: u32) -> Function {
        Function::ALL[code as usize]
    }
}

fn sigmoid<T: Real>(x: T) -> T {
    let e = (-x.abs()).exp();
    (if x < T::ZERO { e } else { T::ONE }) / (T::ONE + e)
}

/// max(x, 0) + ln(1 + e^−|x|). In this form the exponential is at most 1, and the logarithm is precise where e^−|x|
/// is small. NaN stays NaN.
fn softplus<T: Real>(x: T) -> T {
    (if x < T::ZERO { T::ZERO } else { x }) + (-x.abs()).exp().ln_1p()
}

/// x, but at least 0 and at most `most`. NaN stays NaN.
fn between<T: Real>(x: T, most: T) -> T {
    if x < T::ZERO {
        T::ZERO
    } else if x > most {
        most
    } else {
        x
    }
}

fn hard_swish_slope<T: Real>(x: T) -> T {
    if x < T::of(-3.0) {
        T::ZERO
    } else if x > T::of(3.0) {
        T::ONE
    } else {
        x / T::of(3.0) + T::of(0.5)
    }
}

/// √(8/π)·(x + 0.044715·x³): its sigmoid is (1 + tanh of half of it) / 2.
fn gelu_exponent<T: Real>(x: T) -> T {
    T::of(1.595_769_121_605_730_8) * (x + T::of(0.044715) * x * x * x)
}

/// The derivative of x·g with g = sigmoid([`gelu_exponent`]): g + x·g·(1 − g)·√(8/π)·(1 + 0.134145·x²). Beyond ±20 the
/// second term is zero.
fn gelu_tanh_slope<T: Real>(x: T) -> T {
    let g = sigmoid(gelu_exponent(x));
    let near = x.max(T::of(-20.0)).min(T::of(20.0));
    let inner = T::of(1.595_769_121_605_730_8) * (T::ONE + T::of(0.134145) * near * near);
    g + near * g * sigmoid(-gelu_exponent(near)) * inner
}

fn normal_density<T: Real>(x: T) -> T {
    T::of(0.398_942_280_401_432_7) * (T::of(-0.5) * x * x).exp()
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    rank: u32,
    function: u32,
    offset_a: u32,
    offset_b: u32,
    extents: [u32; 6],
    strides_a: [u32; 6],
    strides_b: [u32; 6],
}

const SOURCE: &[&str] = &[INDEX, FUNCTIONS, include_str!("../../shaders/unary.wgsl")];

fn constants(p: &Params) -> Constants {
    vec![("FUNCTION", p.function), ("RANK", p.rank)]
}

static FORWARD: Kernel<Params> = Kernel {
    name: "unary.forward",
    gpu: Shader {
        source: SOURCE,
        entry: "forward",
        constants,
        groups: |p| (p.count.div_ceil(4) as u64).div_ceil(WORKGROUP),
    },
    cooperative: None,
    flops: |p| p.count as u64,
    reference: reference!(forward),
    fast: Some(forward_fast),
};
static FORWARD_STRIDED: Kernel<Params> = Kernel {
    name: "unary.forward_strided",
    gpu: Shader { entry: "forward_strided", groups: |p| (p.count as u64).div_ceil(WORKGROUP), ..FORWARD.gpu },
    ..FORWARD
};
static GRADIENT: Kernel<Params> = Kernel {
    name: "unary.gradient",
    gpu: Shader { entry: "gradient", ..FORWARD.gpu },
    flops: |p| 2 * p.count as u64,
    reference: reference!(gradient),
    fast: Some(gradient_fast),
    ..FORWARD
};
static GRADIENT_STRIDED: Kernel<Params> = Kernel {
    name: "unary.gradient_strided",
    gpu: Shader { entry: "gradient_strided", ..FORWARD_STRIDED.gpu },
    ..GRADIENT
};
static GRADIENT_IN_PLACE: Kernel<Params> = Kernel {
    name: "unary.gradient_in_place",
    gpu: Shader { entry: "gradient_in_place", ..GRADIENT.gpu },
    reference: reference!(gradient_in_place),
    fast: Some(gradient_in_place_fast),
    ..GRADIENT
};

impl Params {
    /// The position of element `index` of the first operand.
    fn place_a(&self, index: usize) -> usize {
        let rank = self.rank as usize;
        place(index, &self.extents[..rank], &self.strides_a[..rank], self.offset_a)
    }

    fn place_b(&self, index: usize) -> usize {
        let rank = self.rank as usize;
        place(index, &self.extents[..rank], &self.strides_b[..rank], self.offset_b)
    }
}

/// y = f(x).
fn forward<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([x], [y]) = args.reals();
    parallel_elements(y, 8, |i| apply(Function::of(p.function), x[p.place_a(i)]));
}

/// dx = dy·f′(s).
fn gradient<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([dy, s], [dx]) = args.reals();
    let slope = |i: usize| derivative(Function::of(p.function), s[p.place_b(i)]);
    parallel_elements(dx, 8, |i| dy[p.place_a(i)] * slope(i));
}

/// dy = dy·f′(s).
fn gradient_in_place<T: Real>(p: &Params, args: KernelArgs<T>) {
    let ([s], [dy]) = args.reals();
    dy.iter_mut().zip(s).for_each(|(dy, &s)| *dy *= derivative(Function::of(p.function), s));
}

fn forward_fast(p: &Params, args: KernelArgs<f32>) {
    let ([x], [y]) = args.reals();
    let function = Function::of(p.function);
    let axes = Strided { rank: p.rank, extents: &p.extents, strides: [&p.strides_a], offsets: [p.offset_a] };
    axes.for_each_run(y, 4, |run, [start], [step]| map(function, run, &x[start..], step));
}

fn gradient_fast(p: &Params, args: KernelArgs<f32>) {
    let ([dy, s], [dx]) = args.reals();
    let function = Function::of(p.function);
    let strides = [&p.strides_a, &p.strides_b];
    let axes = Strided { rank: p.rank, extents: &p.extents, strides, offsets: [p.offset_a, p.offset_b] };
    axes.for_each_run(dx, 4, |run, [a, b], [a_step, b_step]| {
        gradient_run(function, run, (&dy[a..], a_step), (&s[b..], b_step))
    });
}

fn gradient_in_place_fast(p: &Params, args: KernelArgs<f32>) {
    let ([s], [dy]) = args.reals();
    let function = Function::of(p.function);
    parallel_rows(dy, 1, 4, |first, run| gradient_run_in_place(function, run, &s[first..]));
}

/// Adds the bias to each row and applies the function. Fast paths of ops that end with these call it while the rows
/// are in cache.
pub(crate) fn finish(rows: &mut [f32], bias: Option<&[f32]>, function: Function) {
    if let Some(bias) = bias {
        elementwise::add_to_rows(rows, bias);
    }
    if function != Function::Linear {
        map_in_place(function, rows);
    }
}

/// Calls `body` with what multiplies gradients dy by f′(z), where z is the function's argument; with none for the
/// identity.
pub(super) fn with_slope(function: Function, body: impl FnOnce(Option<Slope>)) {
    match (function, function.reads()) {
        (Function::Linear, _) => body(None),
        (Function::Relu, _) => body(Some(Slope::Window(0.0, f32::INFINITY))),
        (Function::Relu6, _) => body(Some(Slope::Window(0.0, 6.0))),
        (_, Reads::Input) => {
            body(Some(Slope::Function(&|dy, z| gradient_run_in_place(function, dy, z))));
        }
        (_, Reads::Output) => body(Some(Slope::Function(&|dy, z| {
            map_in_place(function, z);
            gradient_run_in_place(function, dy, z);
        }))),
    }
}

impl Tensor {
    /// The function of every element.
    ///
    /// # Errors
    /// [`Error::DType`](crate::Error::DType) for u32.
    pub fn map(&self, function: Function) -> Result<Tensor> {
        let name = function.name();
        check_float(name, self, self)?;
        let output = launch(name, function, &[self])?;
        if !wanted(&[self]) {
            return Ok(output);
        }
        let kept = match function.reads() {
            Reads::Input => self.detach(),
            Reads::Output => output.detach(),
        };
        Ok(record(name, output, &[self], move |context| {
            let dy = context.take_gradient();
            context.accumulate(0, gradient_of(function, dy, &kept)?)
        }))
    }
}

/// `dy · f′(s)`, also for ops that apply a function to their result before storing it. If dy has no other handle, the
/// result replaces it in memory: the backward pass then needs no second tensor of that size.
///
/// (The result is read up to three times: for the gradients of bias, kernel and input. Computing it in each of these
/// instead would read dy and s three times and write nothing, which is as many bytes as reading both once, writing
/// the result, and reading it three times.)
pub(crate) fn gradient_of(function: Function, dy: Tensor, s: &Tensor) -> Result<Tensor> {
    let name = function.name();
    if !(dy.is_sole_handle() && dy.is_packed() && s.is_packed()) {
        return launch(name, function, &[&dy, s]);
    }
    let count = dy.shape().elements() as u32;
    let params = Params { count, function: function as u32, ..Params::zeroed() };
    dy.device().run(&GRADIENT_IN_PLACE, &params, &[s.operand()], &[dy.operand()])?;
    Ok(dy)
}

/// Runs the kernel for one operand (forward) or two (gradient).
fn launch(op: &'static str, function: Function, operands: &[&Tensor]) -> Result<Tensor> {
    let (a, b) = (operands[0], operands[operands.len() - 1]);
    let output = Tensor::empty(op, a.device(), a.dtype(), a.shape())?;
    let packed = a.is_packed() && b.is_packed();
    let axes = MergedAxes::new(&[*a.layout(), *b.layout()]);
    let operands: Vec<_> = operands.iter().map(|t| t.strided_operand()).collect();
    let params = Params {
        count: a.shape().elements() as u32,
        // To the reference, packed operands have one axis. The packed kernels ignore the rank.
        rank: axes.rank,
        function: function as u32,
        offset_a: operands[0].1 as u32,
        offset_b: operands[operands.len() - 1].1 as u32,
        extents: axes.extents,
        strides_a: axes.strides[0],
        strides_b: axes.strides[1],
    };
    let kernel = match (operands.len(), packed) {
        (1, true) => &FORWARD,
        (1, false) => &FORWARD_STRIDED,
        (_, true) => &GRADIENT,
        (_, false) => &GRADIENT_STRIDED,
    };
    let inputs: Vec<_> = operands.into_iter().map(|(operand, _)| operand).collect();
    a.device().run(kernel, &params, &inputs, &[output.operand()])?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In f32 the loops give the same bits as the function of a single element. Both use the vectorised functions, not
    /// the standard library's.
    #[test]
    fn loops_compute_what_one_element_is() {
        let x: Vec<f32> = (0..67).map(|i| 0.05 + i as f32 * 0.11).collect();
        for &function in Function::ALL {
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            let want: Vec<f32> = x.iter().map(|&x| apply(function, x)).collect();
            let slopes: Vec<f32> = x.iter().map(|&x| 2.0 * derivative(function, x)).collect();
            let mut run = vec![0.0; x.len()];
            map(function, &mut run, &x, 1);
            assert_eq!(bits(&run), bits(&want), "{}", function.name());
            run.copy_from_slice(&x);
            map_in_place(function, &mut run);
            assert_eq!(bits(&run), bits(&want), "{}, in place", function.name());
            gradient_run(function, &mut run, (&[2.0], 0), (&x, 1));
            assert_eq!(bits(&run), bits(&slopes), "gradient of {}", function.name());
            run.fill(2.0);
            gradient_run_in_place(function, &mut run, &x);
            assert_eq!(bits(&run), bits(&slopes), "gradient of {}, in place", function.name());
        }
        assert_eq!(apply(Function::Tanh, 0.7f32).to_bits(), crate::device::cpu::math::tanh(0.7).to_bits());
        assert_eq!(
            apply(Function::Exp, 0.7f32).to_bits(),
            crate::device::cpu::math::exp::<false>(0.7).to_bits()
        );
    }
}
