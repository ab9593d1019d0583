//! Quantiles and tail probabilities of the distributions behind intervals and tests, from the crate `statrs`.

use statrs::distribution::{ChiSquared, Continuous, ContinuousCDF, DiscreteCDF, Normal, Poisson, StudentsT};

/// The quantile `p` of the standard normal distribution.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// The quantile `p` of Student's t with `freedom` degrees of freedom. `p` lies above 0 and below 1.
///
/// # Panics
/// If `freedom` is 0.
pub(crate) fn student_t_quantile(p: f64, freedom: usize) -> f64 {
    let distribution =
        StudentsT::new(0.0, 1.0, freedom as f64).expect("a test has at least one degree of freedom");
    let upper = p.max(1.0 - p);
    let t = distribution.inverse_cdf(upper);
    // statrs inverts to nine digits only; one step of Newton's method adds the others.
    let t = t + (distribution.sf(t) - (1.0 - upper)) / distribution.pdf(t);
    if p < 0.5 { -t } else { t }
}

/// The probability that χ² with `freedom` degrees of freedom exceeds `x`.
///
/// # Panics
/// If `freedom` is 0.
pub(crate) fn chi_square_above(x: f64, freedom: usize) -> f64 {
    ChiSquared::new(freedom as f64).expect("a test has at least one degree of freedom").sf(x)
}

/// The probability of `count` events or more, at least 1, where `expected` events are expected.
///
/// # Panics
/// If `expected` is not above zero.
pub(crate) fn poisson_at_least(count: usize, expected: f64) -> f64 {
    Poisson::new(expected).expect("a density is above zero").sf(count as u64 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_have_their_probability_above_them() {
        for p in [0.75, 0.8, 0.9, 0.975] {
            let above = 0.5 * libm::erfc(normal_quantile(p) * std::f64::consts::FRAC_1_SQRT_2);
            assert!((above - (1.0 - p)).abs() < 1e-15, "{p}: {above}");
        }
    }

    #[test]
    fn quantiles_of_student_t_are_those_of_the_tables() {
        for (freedom, expected) in [
            (1, 12.706205),
            (2, 4.302653),
            (3, 3.182446),
            (4, 2.776445),
            (5, 2.570582),
            (10, 2.228139),
            (30, 2.042272),
            (120, 1.979930),
            (1000, 1.962339),
        ] {
            let found = student_t_quantile(0.975, freedom);
            assert!((found - expected).abs() < 2e-6, "{freedom}: {found} for {expected}");
        }
        assert!((student_t_quantile(0.95, 7) - 1.894579).abs() < 2e-6);
        assert!((student_t_quantile(0.05, 7) + 1.894579).abs() < 2e-6);
        assert!(student_t_quantile(0.5, 3).abs() < 1e-12);
    }

    /// With one and two degrees of freedom the quantile has a closed form: tan(π(p − ½)) and (2p − 1)·√(2/(4p(1 − p))).
    #[test]
    fn quantiles_of_student_t_have_twelve_digits() {
        for p in [0.2, 0.6, 0.8, 0.975, 0.9995, 1.0 - 1e-7] {
            let one = (std::f64::consts::PI * (p - 0.5)).tan();
            let two = (2.0 * p - 1.0) * (2.0 / (4.0 * p * (1.0 - p))).sqrt();
            for (freedom, expected) in [(1, one), (2, two)] {
                let found = student_t_quantile(p, freedom);
                assert!((found / expected - 1.0).abs() < 1e-9, "{p}, {freedom}: {found} for {expected}");
                if (0.001..0.999).contains(&p) {
                    assert!((found / expected - 1.0).abs() < 1e-12, "{p}, {freedom}: {found} for {expected}");
                }
            }
            // Where t is nearly normal, statrs alone is good to nine digits.
            let distribution = StudentsT::new(0.0, 1.0, 2000.0).unwrap();
            let above = distribution.sf(student_t_quantile(p, 2000));
            assert!((above / (1.0 - p) - 1.0).abs() < 1e-12, "{p}: {above}");
        }
    }

    #[test]
    fn tails_are_those_of_the_tables() {
        let at_five_percent = [(1, 3.841459), (2, 5.991465), (3, 7.814728), (4, 9.487729), (9, 16.918978)];
        for (freedom, x) in at_five_percent {
            let found = chi_square_above(x, freedom);
            assert!((found - 0.05).abs() < 1e-6, "{freedom}: {found}");
        }
        assert!((chi_square_above(0.0, 3) - 1.0).abs() < 1e-12);
        for (count, expected, probability) in
            [(4, 0.5, 0.0017516), (1, 2.0, 0.8646647), (9, 1.17, 3.96e-6), (30, 20.0, 0.021818)]
        {
            let found = poisson_at_least(count, expected);
            assert!((found / probability - 1.0).abs() < 1e-2, "{count} of {expected}: {found}");
        }
    }
}
