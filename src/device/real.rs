//! The numbers that references compute with: f32 on the CPU device, f64 in the oracle.

use super::cpu::math;
use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// The operations on floating-point numbers that references use.
pub trait Real:
    bytemuck::Pod
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Sum
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// −∞.
    const NEG_INFINITY: Self;
    /// The nearest value to a constant of a formula.
    fn of(value: f64) -> Self;
    /// The value as f64, exactly.
    fn to_f64(self) -> f64;
    /// eˣ.
    fn exp(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// ln(1 + x), with a small relative error near 0.
    fn ln_1p(self) -> Self;
    /// eˣ − 1, with a small relative error near 0.
    fn exp_m1(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The sine, of radians.
    fn sin(self) -> Self;
    /// The cosine, of radians.
    fn cos(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
    /// The power with this exponent.
    fn powf(self, exponent: Self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// The normal distribution function, with a small relative error in both tails.
    fn normal_cdf(self) -> Self;
    /// The larger number; `other` if either is NaN.
    fn max(self, other: Self) -> Self;
    /// The smaller number; `other` if either is NaN.
    fn min(self, other: Self) -> Self;
    /// Whether it is NaN.
    fn is_nan(self) -> bool;

    /// a·b + c, rounded once. Slow on processors without an instruction for it.
    fn mul_add(self, b: Self, c: Self) -> Self;
}

/// Implements `Real` by the type's own methods, except for two functions: `real!(f64, f64::exp, f64::tanh)` is
/// ```ignore
/// impl Real for f64 {
///     const ZERO: Self = 0.0;
///     fn exp(self) -> Self {
///         f64::exp(self)
///     }
///     fn ln(self) -> Self {
///         f64::ln(self)
///     }
///     // … and so on
/// }
/// ```
macro_rules! real {
    ($type:ident, $exp:path, $tanh:path) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = $type::NEG_INFINITY;
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                $type::ln(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                $type::ln_1p(self)
            }
            #[inline(always)]
            fn exp_m1(self) -> Self {
                $type::exp_m1(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            #[inline(always)]
            fn sin(self) -> Self {
                $type::sin(self)
            }
            #[inline(always)]
            fn cos(self) -> Self {
                $type::cos(self)
            }
            fn erf(self) -> Self {
                libm::erf(f64::from(self)) as $type
            }
            #[inline(always)]
            fn powf(self, exponent: Self) -> Self {
                $type::powf(self, exponent)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $tanh(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $type::abs(self)
            }
            fn normal_cdf(self) -> Self {
                // In f64 for both: rounding the argument of erfc to f32 costs up to 1e-5 of a result far out.
                (0.5 * libm::erfc(-f64::from(self) * std::f64::consts::FRAC_1_SQRT_2)) as $type
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                if self > other { self } else { other }
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                if self < other { self } else { other }
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $type::is_nan(self)
            }

            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                $type::mul_add(self, b, c)
            }
        }
    };
}

real!(f32, math::exp::<false>, math::tanh);
real!(f64, f64::exp, f64::tanh);
