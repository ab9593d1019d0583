//! The numbers that references compute with: f32 as the CPU device, f64 as the oracle.

use super::tile::{self, Panel, Rows};
use multiversion::multiversion;
use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// What a reference needs of a floating-point number.
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
    const ZERO: Self;
    const ONE: Self;
    const NEG_INFINITY: Self;
    /// Nearest value to a constant of a formula.
    fn of(value: f64) -> Self;
    fn to_f64(self) -> f64;
    /// eˣ, in f32 by fused multiplications if `FUSED`: only for loops that are compiled for processors that have them.
    fn exp_with<const FUSED: bool>(self) -> Self;
    #[inline(always)]
    fn exp(self) -> Self {
        self.exp_with::<false>()
    }
    fn ln(self) -> Self;
    fn sqrt(self) -> Self;
    fn tanh(self) -> Self;
    fn abs(self) -> Self;
    /// The normal distribution function, with a small relative error in both tails.
    fn normal_cdf(self) -> Self;
    fn max(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn is_nan(self) -> bool;

    /// a·b + c, rounded once where the processor has an instruction for it (elsewhere it is slow: see
    /// [`tile`]).
    fn mul_add(self, b: Self, c: Self) -> Self;

    /// C += A·B, or C = A·B without `add`, on one thread, compiled for the widest vectors there are.
    fn product(a: &Rows<Self>, panels: &[Panel<Self>], add: bool, c: &mut [Self]);
}

/// The best tile for the registers of the processor that a function is compiled for, called with its numbers: rows,
/// columns of a wide panel, columns of a narrow one, whether there is a fused instruction. `$scale` is 1 for f32, 2
/// for f64, of which a register holds half as many.
macro_rules! tile_for_target {
    ($type:ident, $scale:literal, ($($argument:expr),*)) => {
        if multiversion::target::target_cfg_f!(target_feature = "avx512f") {
            tile::product::<$type, 8, { 32 / $scale }, 16, true>($($argument),*)
        } else if multiversion::target::target_cfg_f!(target_feature = "avx2") {
            tile::product::<$type, 6, { 16 / $scale }, { 16 / $scale }, true>($($argument),*)
        } else {
            tile::product::<$type, 4, { 8 / $scale }, { 8 / $scale }, false>($($argument),*)
        }
    };
}

/// Whether the processor that a function is compiled for has fused multiplications.
macro_rules! has_fused {
    () => {
        multiversion::target::target_cfg_f!(any(target_feature = "avx512f", target_feature = "fma"))
    };
}
pub(crate) use has_fused;

macro_rules! real {
    ($type:ident, $scale:literal, $exp:ident, $tanh:path) => {
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
            fn exp_with<const FUSED: bool>(self) -> Self {
                $exp::<FUSED>(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                $type::ln(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $type::sqrt(self)
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

            fn product(a: &Rows<Self>, panels: &[Panel<Self>], add: bool, c: &mut [Self]) {
                #[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
                fn versions(a: &Rows<$type>, panels: &[Panel<$type>], add: bool, c: &mut [$type]) {
                    tile_for_target!($type, $scale, (a, panels, add, c))
                }
                versions(a, panels, add, c)
            }
        }
    };
}

real!(f32, 1, exp, tanh);
real!(f64, 2, exp_f64, f64::tanh);

/// eˣ without a call or a branch, so that loops over it become vector instructions: x = n·ln 2 + r, and a polynomial
/// in r (the coefficients of Cephes' `expf`; within 2 units in the last place).
#[inline(always)]
fn exp<const FUSED: bool>(x: f32) -> f32 {
    let multiply_add = |a: f32, b: f32, c: f32| if FUSED { a.mul_add(b, c) } else { a * b + c };
    // Beyond these the result is 0 or infinite; NaN stays.
    let x = x.clamp(-104.0, 89.0);
    // Adding 1.5·2²³ rounds to an integer, and leaves it in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let shifted = multiply_add(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, the first short enough for an exact product.
    let r = multiply_add(n, 2.121_944_4e-4, multiply_add(n, -0.693_359_4, x));
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = multiply_add(sum, r, coefficient);
    }
    let value = multiply_add(sum * r, r, r) + 1.0;
    // 2ⁿ in two factors: alone it may be too large or too small for a number.
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) << 23) as u32);
    value * power(n >> 1) * power(n.wrapping_sub(n >> 1))
}

#[inline(always)]
fn exp_f64<const FUSED: bool>(x: f64) -> f64 {
    x.exp()
}

/// The hyperbolic tangent, likewise: near 0 a polynomial (Cephes' `tanhf`), further out 1 − 2 / (e²ˣ + 1).
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let far = (1.0 - 2.0 / (exp::<false>(2.0 * size) + 1.0)).copysign(x);
    let square = x * x;
    let mut sum = -5.704_988_7e-3;
    for coefficient in [2.063_908_8e-2, -5.373_971_5e-2, 1.333_144_2e-1, -0.333_332_8] {
        sum = sum * square + coefficient;
    }
    if size < 0.625 { sum * square * x + x } else { far }
}

#[cfg(test)]
mod tests {
    use super::{exp, tanh};

    /// Every 997th float there is.
    fn floats() -> impl Iterator<Item = f32> {
        (0..=u32::MAX / 997).map(|i| f32::from_bits(i * 997))
    }

    fn assert_close(x: f32, found: f32, expected: f64, units: f64) {
        if expected.is_nan() {
            assert!(found.is_nan(), "f({x}) = {found}");
            return;
        }
        // The smallest normal number's unit also below it.
        let unit = (expected.abs() as f32).max(f32::MIN_POSITIVE) as f64 * f64::from(f32::EPSILON);
        let same = f64::from(found) == f64::from(expected as f32);
        assert!(
            same || (f64::from(found) - expected).abs() <= units * unit,
            "f({x}) = {found}, not {expected}"
        );
    }

    #[test]
    fn exp_and_tanh_are_right_everywhere() {
        for x in floats() {
            assert_close(x, exp::<false>(x), f64::from(x).exp(), 2.0);
            assert_close(x, exp::<true>(x), f64::from(x).exp(), 2.0);
            assert_close(x, tanh(x), f64::from(x).tanh(), 2.0);
        }
    }
}
