//! The numbers that twins compute with: f32 as the CPU device, f64 as the oracle.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// What a twin needs of a floating-point number.
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
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn sqrt(self) -> Self;
    fn tanh(self) -> Self;
    fn abs(self) -> Self;
    /// The normal distribution function, with a small relative error in both tails.
    fn normal_cdf(self) -> Self;
    fn max(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn is_nan(self) -> bool;

    /// C ← α·A·B + β·C on one thread; A is m × k, B is k × n, C is m × n with row and column strides.
    /// C is read only when β is not zero.
    fn gemm(
        m: usize,
        k: usize,
        n: usize,
        alpha: Self,
        a: Matrix<Self>,
        b: Matrix<Self>,
        beta: Self,
        c: MatrixMut<Self>,
    );
}

/// A matrix inside a slice, for [`Real::gemm`].
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    pub data: &'a [T],
    pub row_stride: usize,
    pub column_stride: usize,
}

/// A matrix inside a slice that is written to.
pub struct MatrixMut<'a, T> {
    pub data: &'a mut [T],
    pub row_stride: usize,
    pub column_stride: usize,
}

fn last_element(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    (rows - 1) * row_stride + (columns - 1) * column_stride
}

macro_rules! real {
    ($type:ident, $gemm:path) => {
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
                $type::exp(self)
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
                $type::tanh(self)
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

            fn gemm(
                m: usize,
                k: usize,
                n: usize,
                alpha: Self,
                a: Matrix<Self>,
                b: Matrix<Self>,
                beta: Self,
                c: MatrixMut<Self>,
            ) {
                if m == 0 || n == 0 || k == 0 {
                    return;
                }
                assert!(
                    last_element(m, k, a.row_stride, a.column_stride) < a.data.len(),
                    "gemm: A is too short"
                );
                assert!(
                    last_element(k, n, b.row_stride, b.column_stride) < b.data.len(),
                    "gemm: B is too short"
                );
                assert!(
                    last_element(m, n, c.row_stride, c.column_stride) < c.data.len(),
                    "gemm: C is too short"
                );
                // SAFETY: the assertions above keep every element that the product reads or writes inside the
                // three slices; A and B are only read; C is borrowed mutably, so it overlaps neither.
                unsafe {
                    $gemm(
                        m,
                        k,
                        n,
                        alpha,
                        a.data.as_ptr(),
                        a.row_stride as isize,
                        a.column_stride as isize,
                        b.data.as_ptr(),
                        b.row_stride as isize,
                        b.column_stride as isize,
                        beta,
                        c.data.as_mut_ptr(),
                        c.row_stride as isize,
                        c.column_stride as isize,
                    );
                }
            }
        }
    };
}

real!(f32, matrixmultiply::sgemm);
real!(f64, matrixmultiply::dgemm);
