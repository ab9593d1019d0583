//! Functions of f32 without calls or branches, so that the compiler vectorises loops over them. The standard
//! library's functions are calls, one element at a time.

/// Whether the function's target processor has fused multiply-add. This is a macro because `multiversion` answers for
/// the function in which the question stands: `has_fused!()` is
/// `multiversion::target::target_cfg_f!(any(target_feature = "avx512f", target_feature = "fma"))`.
macro_rules! has_fused {
    () => {
        multiversion::target::target_cfg_f!(any(target_feature = "avx512f", target_feature = "fma"))
    };
}
pub(super) use has_fused;

/// eˣ, by x = n·ln 2 + r and a polynomial in r (the coefficients of Cephes' `expf`). The error is at most 2 units in
/// the last place. With `FUSED` it uses fused multiply-add: only for loops compiled for processors that have it.
#[inline(always)]
pub fn exp<const FUSED: bool>(x: f32) -> f32 {
    let multiply_add = |a: f32, b: f32, c: f32| if FUSED { a.mul_add(b, c) } else { a * b + c };
    // Outside this range the result is 0 or infinite. NaN stays NaN.
    let x = x.clamp(-104.0, 89.0);
    // Adding 1.5·2²³ rounds to an integer and leaves it in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let shifted = multiply_add(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 is split into two parts. The first has few digits, so that its product with n is exact.
    let r = multiply_add(n, 2.121_944_4e-4, multiply_add(n, -0.693_359_4, x));
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = multiply_add(sum, r, coefficient);
    }
    let value = multiply_add(sum * r, r, r) + 1.0;
    // 2ⁿ is split into two factors, because alone it may be too large or too small for a float.
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) << 23) as u32);
    value * power(n >> 1) * power(n.wrapping_sub(n >> 1))
}

/// The hyperbolic tangent: near 0 a polynomial (Cephes' `tanhf`), elsewhere 1 − 2 / (e²ˣ + 1).
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
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

    /// Every 997th bit pattern of a float.
    fn floats() -> impl Iterator<Item = f32> {
        (0..=u32::MAX / 997).map(|i| f32::from_bits(i * 997))
    }

    fn assert_close(x: f32, found: f32, expected: f64, units: f64) {
        if expected.is_nan() {
            assert!(found.is_nan(), "f({x}) = {found}");
            return;
        }
        // A unit in the last place; below the smallest normal number, that of this number.
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
