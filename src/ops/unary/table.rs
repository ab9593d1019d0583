//! The table of element-wise functions: value, derivative, and the loops over them.

use crate::device::cpu::elementwise;
use crate::device::real::Real;
use crate::error::Result;
use crate::tensor::Tensor;

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
        pub(in crate::ops) fn derivative<T: Real>(function: Function, s: T) -> T {
            match function { $(Function::$variant => { let $s = s; let _ = $s; $derivative })* }
        }

        /// `run[i] = f(x[i·step])`.
        pub(super) fn map<T: Real>(function: Function, run: &mut [T], x: &[T], step: usize) {
            match function { $(Function::$variant => elementwise::map(run, x, step, |$x: T| $value),)* }
        }

        /// `run[i] = f(run[i])`.
        pub(super) fn map_in_place<T: Real>(function: Function, run: &mut [T]) {
            match function { $(Function::$variant => elementwise::map_in_place(run, |$x: T| $value),)* }
        }

        /// `run[i] = dy[i]·f′(s[i])`.
        pub(super) fn gradient_run<T: Real>(function: Function, run: &mut [T], dy: (&[T], usize), s: (&[T], usize)) {
            match function {
                $(Function::$variant => elementwise::zip(run, dy, s, |dy: T, $s: T| dy * ($derivative)),)*
            }
        }

        /// `run[i] = run[i]·f′(s[i])`.
        pub(super) fn gradient_run_in_place<T: Real>(function: Function, run: &mut [T], s: &[T]) {
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
    /// x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2, an approximation of [`gelu`](Tensor::gelu) (Hendrycks and Gimpel
    /// 2016).
    GeluTanh = 16, gelu_tanh, Input, |x| x * sigmoid(gelu_exponent(x)), |s| gelu_tanh_slope(s);
    /// 1/√x.
    Rsqrt = 17, rsqrt, Output, |x| T::ONE / x.sqrt(), |s| T::of(-0.5) * s * s * s;
    /// 1/x.
    Reciprocal = 18, reciprocal, Output, |x| T::ONE / x, |s| -s * s;
    /// x above 0, x/100 elsewhere (Maas et al. 2013). [`leaky_relu_with`](Tensor::leaky_relu_with) has another slope.
    LeakyRelu = 19, leaky_relu, Output, |x| if x > T::ZERO { x } else { T::of(0.01) * x },
        |s| if s > T::ZERO { T::ONE } else { T::of(0.01) };
    /// x above 0, eˣ - 1 elsewhere (Clevert et al. 2016). [`elu_with`](Tensor::elu_with) has another scale.
    Elu = 20, elu, Output, |x| if x > T::ZERO { x } else { x.exp_m1() }, |s| if s > T::ZERO { T::ONE } else { s + T::ONE };
    /// The error function, 2/√π·∫₀ˣ e^(-t²) dt.
    Erf = 21, erf, Input, |x| x.erf(), |s| T::of(std::f64::consts::FRAC_2_SQRT_PI) * (-s * s).exp();
    /// The sine of x, in radians.
    Sin = 22, sin, Input, |x| x.sin(), |s| s.cos();
    /// The cosine of x, in radians.
    Cos = 23, cos, Input, |x| x.cos(), |s| -s.sin();
}

impl Function {
    /// The function with this code, which must be one of [`Function::ALL`].
    pub(crate) fn of(code: u32) -> Function {
        Function::ALL[code as usize]
    }
}

/// 1 / (1 + e⁻ˣ), of an exponential that is at most 1.
pub(crate) fn sigmoid<T: Real>(x: T) -> T {
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
