//! Quantiles of the standard normal distribution: the value that lies above so many per cent.

/// 75 %.
pub(crate) const Q75: f64 = 0.674_489_750_196_081_7;
/// 80 %.
pub(crate) const Q80: f64 = 0.841_621_233_572_914_2;
/// 90 %.
pub(crate) const Q90: f64 = 1.281_551_565_544_600_4;
/// 97.5 %.
pub(crate) const Q975: f64 = 1.959_963_984_540_054;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_have_their_probability_above_them() {
        for (quantile, above) in [(Q75, 0.25), (Q80, 0.2), (Q90, 0.1), (Q975, 0.025)] {
            let tail = 0.5 * libm::erfc(quantile * std::f64::consts::FRAC_1_SQRT_2);
            assert!((tail - above).abs() < 1e-15, "{quantile}: {tail}");
        }
    }
}
